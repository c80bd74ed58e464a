/** Routes of a service's API, from `openapi/<service>.yaml`: nothing about a route is written down a second time. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import { REPOSITORY, type Stage } from "./config.ts";
import type { ServiceName } from "./services.ts";

const METHODS = ["get", "put", "post", "patch", "delete", "head", "options"] as const;

/** Who may call: anyone, a token that the gateway checks, or a token that only the service can check because it may be absent. */
export type Access = "public" | "optional" | "token";

export interface Operation {
  /** `list_products`: the construct's id, so that a route keeps its logical id while its path is. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** `GET /products` */
  readonly key: string;
  readonly access: Access;
  /** What the token must carry; empty unless `access` is `token`. */
  readonly scopes: readonly string[];
}

interface Document {
  paths: Record<string, Record<string, { operationId?: string; security?: Record<string, string[]>[] } | undefined>>;
}

/** The operations of a service, as its committed description has them. */
export function operationsOf(service: ServiceName): Operation[] {
  const file = resolve(REPOSITORY, "openapi", `${service}.yaml`);
  return operations(parse(readFileSync(file, "utf8")) as Document, `openapi/${service}.yaml`);
}

/** The operations of a description. Throws where the gateway could not do what it says. */
export function operations(document: Document, file: string): Operation[] {
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const described = item[method];
      if (described === undefined) {
        continue;
      }
      const key = `${method.toUpperCase()} ${path}`;
      if (described.operationId === undefined || described.security === undefined) {
        throw new Error(`${file}: ${key} lacks its operationId or its security`);
      }
      found.push({
        id: described.operationId,
        method: method.toUpperCase(),
        path,
        key,
        ...who(described.security, `${file}: ${key}`),
      });
    }
  }
  mustBeApart(found, file);
  return found;
}

function who(security: Record<string, string[]>[], where: string): Pick<Operation, "access" | "scopes"> {
  if (security.length === 0) {
    return { access: "public", scopes: [] };
  }
  // An authorizer of the gateway cannot be optional.
  if (security.some((requirement) => Object.keys(requirement).length === 0)) {
    return { access: "optional", scopes: [] };
  }
  const scopes = security[0]?.token;
  // Scopes of one route are alternatives to the gateway, and all needed in OpenAPI: more than one would be let through with any.
  if (security.length !== 1 || scopes?.length !== 1) {
    throw new Error(`${where} must need one token of one scope; the gateway takes any of several scopes`);
  }
  return { access: "token", scopes };
}

/** API Gateway calls `/p/{id}` and `/p/{slug}` the same route, and refuses the second when it is deployed. */
function mustBeApart(operations: readonly Operation[], file: string): void {
  const shapes = new Map<string, string>();
  const ids = new Set<string>();
  for (const { id, key } of operations) {
    const shape = key.replaceAll(/\{[^}]+\}/g, "{}");
    const other = shapes.get(shape);
    if (other !== undefined) {
      throw new Error(`${file}: ${key} and ${other} are one route to the gateway`);
    }
    if (ids.has(id)) {
      throw new Error(`${file}: two operations are called ${id}`);
    }
    shapes.set(shape, key);
    ids.add(id);
  }
}

/** What a route is throttled as. The limits are a route's, over all clients together: they bound cost; the WAF bounds one client. */
export const CLASSES = [
  "catalogue",
  "shopper",
  "credentials",
  "checkout",
  "staff",
  "service",
  "webhook",
  "health",
  "preflight",
  "unknown",
] as const;
export type ThrottleClass = (typeof CLASSES)[number];

/** The scopes of services' tokens: siblings call these routes. */
const OF_SERVICES = new Set(["inventory:reserve", "checkout:read", "carts:clear", "notifications:send"]);

export function classOf(operation: Operation): ThrottleClass {
  const { path, scopes, access } = operation;
  const below = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`);
  if (below("/health")) {
    return "health";
  }
  if (below("/webhooks")) {
    return "webhook";
  }
  if (below("/auth")) {
    return "credentials";
  }
  // Where services get their tokens: 256-bit secrets, which cannot be guessed.
  if (below("/oauth")) {
    return "service";
  }
  if (scopes.some((scope) => OF_SERVICES.has(scope))) {
    return "service";
  }
  if (below("/admin") || scopes.some((scope) => scope.includes(":"))) {
    return "staff";
  }
  if (below("/orders") || below("/quotes")) {
    return "checkout";
  }
  return access === "public" && operation.method === "GET" && !below("/unsubscribe") ? "catalogue" : "shopper";
}

export interface Throttle {
  /** Requests a second, over time. */
  readonly rate: number;
  /** Requests at once. */
  readonly burst: number;
}

/** In the dev stage a tenth of production, and five at least. */
export function throttle(kind: ThrottleClass, stage: Stage): Throttle {
  const rate = {
    catalogue: 1_000,
    shopper: 200,
    // Each is an argon2 hash or a token: a second of a processor for ten.
    credentials: 50,
    checkout: 100,
    staff: 50,
    service: 300,
    // Stripe sends up to some hundred events a second when a sale ends.
    webhook: 200,
    health: 20,
    // One before each request of a shopper or of staff that a browser has not asked about in the last two hours: as many as those together.
    preflight: 400,
    unknown: 20,
  }[kind];
  const scaled = stage === "prod" ? rate : Math.max(5, rate / 10);
  return { rate: scaled, burst: 2 * scaled };
}
