/**
 * Which service answers below which path: read from the workspace manifest, where `cargo xtask openapi` writes them for the router
 * at home, so that the edge and the router cannot differ.
 */
import { readFileSync } from "node:fs";

const SECTION = "[workspace.metadata.lambda.watch.router]";
const ENTRY = /^"(?<path>\/[^"{]*[^"{/])" = "(?<service>[a-z-]+)"$/;

export interface Prefix {
  /** Without a slash at its end: `/admin/orders`. */
  readonly path: string;
  /** `transaction-service` */
  readonly service: string;
}

/** The prefixes of a workspace manifest, each once, in the order of the file. */
export function parsePrefixes(manifest: string): Prefix[] {
  const start = manifest.indexOf(SECTION);
  if (start < 0) {
    throw new Error(`no ${SECTION} in the workspace manifest: run cargo xtask openapi`);
  }
  const end = manifest.indexOf("\n[", start);
  const section = manifest.slice(start, end < 0 ? undefined : end);
  const prefixes: Prefix[] = [];
  for (const line of section.split("\n")) {
    const entry = ENTRY.exec(line.trim())?.groups;
    if (entry?.path && entry.service) {
      prefixes.push({ path: entry.path, service: entry.service });
    }
  }
  return prefixes;
}

/** The prefixes of this workspace. */
export function prefixes(): Prefix[] {
  return parsePrefixes(readFileSync(new URL("../../Cargo.toml", import.meta.url), "utf8"));
}
