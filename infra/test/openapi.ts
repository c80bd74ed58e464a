/** The four services' descriptions, as tests need them. */
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

export interface Operation {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  /** One entry for each way to be let in: scopes of a token, or nothing at all. */
  readonly security: readonly { readonly token?: readonly string[] }[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema?: { readonly maxLength?: number };
  }[];
}

const FOLDER = new URL("../../openapi/", import.meta.url);
const METHODS = ["get", "put", "post", "patch", "delete", "head", "options"];

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, "service" | "method" | "path">>>>>;
}

export function operations(): Operation[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .flatMap((name) => {
      const { paths } = parse(readFileSync(new URL(name, FOLDER), "utf8")) as Description;
      return Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods)
          .filter(([method]) => METHODS.includes(method))
          .map(([method, { operationId, security, parameters }]) => ({
            service: name.replace(/\.yaml$/, ""),
            method: method.toUpperCase(),
            path,
            operationId,
            security,
            parameters: parameters ?? [],
          })),
      );
    });
}

/** Whether a gateway lets a request in that has no token. */
export function isPublic({ security }: Operation): boolean {
  return security.length === 0 || security.some(({ token }) => token === undefined);
}
