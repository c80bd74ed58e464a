import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SERVICES } from "../lib/services.ts";
import { resources, synthesize, type Template } from "./support.ts";

interface Event {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly requestContext: { readonly http: { readonly method: string } };
}

interface Clients {
  invoke(event: Event): Promise<{ functionError?: string; payload: string }>;
  secret(): Promise<string | undefined>;
  answer(event: unknown, status: string): Promise<void>;
  now(): number;
  sleep(ms: number): Promise<void>;
}

const { handlerOf, TIMEOUT_MS, WAIT_MS } = createRequire(import.meta.url)("../canary/trial.js") as {
  handlerOf(make: () => Promise<Clients>): (event: object) => Promise<void>;
  readonly TIMEOUT_MS: number;
  readonly WAIT_MS: number;
};

const ORDER = "3d1a7d0e-5c6b-5b0f-9c41-5f0e8a1b2c3d";
const TOTAL = { amount: 2598, currency: "USD" };
const WELL: Readonly<Record<string, readonly [status: number, body: unknown]>> = {
  "GET /products": [200, { items: [{ variants: [{ sku: "TEE", prices: [TOTAL] }] }] }],
  "GET /products/variants": [200, { items: [{ sku: "TEE" }] }],
  "POST /auth/guest": [201, { access_token: "a-token" }],
  "POST /quotes": [200, { total: TOTAL }],
  "POST /orders": [201, { id: ORDER, state: "requires_action", total: TOTAL }],
  [`GET /orders/${ORDER}`]: [200, { id: ORDER }],
  [`POST /orders/${ORDER}/cancel`]: [200, { id: ORDER, state: "cancelled" }],
};

/** The settings that the stack gives the trial of a service. */
function environment(service: string): Record<string, string> {
  const template: Template = synthesize().of(service);
  const [trial] = resources(template, "AWS::Lambda::Function").filter(([, { Properties }]) =>
    String(Properties.FunctionName).endsWith("-trial"),
  );
  return trial?.[1].Properties.Environment.Variables;
}

let shop: Server;
let byShop: string[];
let byVersion: Event[];
let statuses: string[];
let answers: Record<string, readonly [status: number, body: unknown]>;
/** What the trial waited, in milliseconds: its clock. */
let waited: number;

function respond(method: string, path: string): readonly [number, unknown] {
  return answers[`${method} ${path}`] ?? [path.startsWith("/health/") ? 200 : 404, {}];
}

beforeEach(async () => {
  byShop = [];
  byVersion = [];
  statuses = [];
  waited = 0;
  answers = { ...WELL };
  shop = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://shop").pathname;
    byShop.push(`${request.method} ${path}`);
    request.resume();
    const [status, body] = respond(request.method ?? "", path);
    response.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => shop.listen(0, "127.0.0.1", listening));
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await new Promise((closed) => shop.close(closed));
});

async function trial(service: string, more: Partial<Clients> = {}): Promise<void> {
  for (const [name, value] of Object.entries(environment(service))) {
    vi.stubEnv(name, String(value));
  }
  vi.stubEnv("SHOP", `http://127.0.0.1:${(shop.address() as AddressInfo).port}`);
  const clients: Clients = {
    invoke: async (event) => {
      byVersion.push(event);
      const [statusCode, body] = respond(event.requestContext.http.method, event.rawPath);
      return { payload: JSON.stringify({ statusCode, body: JSON.stringify(body) }) };
    },
    secret: async () => "origin-secret",
    answer: async (_, status) => {
      statuses.push(status);
    },
    now: () => waited,
    sleep: async (ms) => {
      waited += ms;
    },
    ...more,
  };
  await handlerOf(async () => clients)({ DeploymentId: "d-1", LifecycleEventHookExecutionId: "e-1" });
}

const asked = () => byVersion.map(({ requestContext, rawPath }) => `${requestContext.http.method} ${rawPath}`);

describe("the trial of a version", () => {
  it.each([
    ["transaction-service", ["POST /quotes", "POST /orders", `GET /orders/${ORDER}`, `POST /orders/${ORDER}/cancel`]],
    ["product-service", ["GET /products", "GET /products/variants"]],
    ["user-service", ["POST /auth/guest"]],
    ["notification-service", []],
  ] as const)("of %s asks it for its part of a purchase, and the shop for the rest", async (service, own) => {
    await trial(service);
    expect(statuses).toEqual(["Succeeded"]);
    expect(asked()).toEqual([`GET /health/${service}/ready`, ...own]);
    const bought = service === "notification-service" ? [] : Object.keys(WELL);
    expect([...byShop.filter((step) => !step.includes("/health/")), ...own].sort()).toEqual([...bought].sort());
  });

  it.each([
    ["transaction-service", ["product-service", "user-service"]],
    ["product-service", ["user-service", "transaction-service"]],
    ["user-service", ["product-service", "transaction-service"]],
    ["notification-service", []],
  ] as const)("of %s waits for the services whose steps it needs, each once", async (service, others) => {
    await trial(service);
    expect(byShop.filter((step) => step.includes("/health/"))).toEqual(
      others.map((other) => `GET /health/${other}/ready`),
    );
  });

  // Aurora of a stage that pauses: user-service answers 503 for the quarter of a minute in which it wakes.
  it("waits for a database that wakes, of the version and of others, and buys then", async () => {
    for (const [service, sleeping] of [
      ["product-service", "user-service"],
      ["user-service", "user-service"],
    ] as const) {
      waited = 0;
      answers[`GET /health/${sleeping}/ready`] = [503, {}];
      await trial(service, {
        sleep: async (ms) => {
          waited += ms;
          answers[`GET /health/${sleeping}/ready`] = [waited < 30_000 ? 503 : 200, {}];
        },
      });
    }
    expect(statuses).toEqual(["Succeeded", "Succeeded"]);
  });

  it("waits for all services together no longer than it has time for", async () => {
    answers["GET /health/transaction-service/ready"] = [503, {}];
    await trial("user-service");
    expect(statuses).toEqual(["Failed"]);
    expect(byShop).not.toContain("POST /quotes");
    expect(waited).toBeGreaterThanOrEqual(WAIT_MS);
    expect(waited).toBeLessThan(WAIT_MS + 5_000);
  });

  it("has time for all of its steps at their longest, so that it always answers", () => {
    const steps = Object.keys(WELL).length;
    for (const service of SERVICES) {
      const [trial] = resources(synthesize().of(service), "AWS::Lambda::Function").filter(([, { Properties }]) =>
        String(Properties.FunctionName).endsWith("-trial"),
      );
      // The last question of a wait, each step, and the cancellation of what failed.
      const longest = WAIT_MS + (steps + 1) * TIMEOUT_MS;
      expect(trial?.[1].Properties.Timeout * 1000).toBeGreaterThan(longest);
      // CodeDeploy waits for an hour.
      expect(trial?.[1].Properties.Timeout).toBeLessThan(3600);
    }
  });

  it("proves that it came through the door, and hands over what a gateway would", async () => {
    await trial("product-service");
    const list = byVersion.find(({ rawPath }) => rawPath === "/products");
    expect(list).toMatchObject({ version: "2.0", rawQueryString: "in_stock=true&limit=20" });
    expect(byVersion.map(({ headers }) => headers["x-origin-secret"])).toEqual(byVersion.map(() => "origin-secret"));
    await trial("transaction-service");
    const order = byVersion.find(({ rawPath }) => rawPath === "/orders");
    expect(order?.headers.authorization).toBe("Bearer a-token");
    expect(JSON.parse(order?.body ?? "")).toMatchObject({ payment: { method: "client" }, expected_total: TOTAL });
  });

  it.each(SERVICES)("of %s fails when the version is not ready", async (service) => {
    answers[`GET /health/${service}/ready`] = [503, {}];
    await trial(service);
    expect(statuses).toEqual(["Failed"]);
    expect(byShop).toEqual([]);
  });

  it("fails when the version answers 500, and cancels what it ordered", async () => {
    answers[`GET /orders/${ORDER}`] = [500, { type: "internal" }];
    await trial("transaction-service");
    expect(statuses).toEqual(["Failed"]);
    expect(asked().at(-1)).toBe(`POST /orders/${ORDER}/cancel`);
  });

  it("fails when the version crashes, and when the secret cannot be had", async () => {
    await trial("user-service", { invoke: async () => ({ functionError: "Unhandled", payload: "{}" }) });
    await trial("user-service", { secret: () => Promise.reject(new Error("denied")) });
    await trial("user-service", { invoke: () => Promise.reject(new Error("throttled")) });
    expect(statuses).toEqual(["Failed", "Failed", "Failed"]);
  });

  it("succeeds in a shop that has nothing to sell yet", async () => {
    answers["GET /products"] = [200, { items: [] }];
    await trial("transaction-service");
    expect(statuses).toEqual(["Succeeded"]);
    expect(byShop).toEqual(["GET /health/product-service/ready", "GET /products"]);
  });

  it("buys the product that the stage names", async () => {
    vi.stubEnv("SKU", "CANARY");
    answers["GET /products/variants"] = [200, { items: [{ sku: "CANARY" }] }];
    await trial("transaction-service");
    expect(byShop.filter((step) => !step.includes("/health/"))).toEqual(["GET /products/variants", "POST /auth/guest"]);
    expect(statuses).toEqual(["Succeeded"]);
  });
});

describe("each deployment", () => {
  it.each(SERVICES)("of %s asks its own trial, which calls the version and no alias", (service) => {
    for (const stage of ["dev", "prod"]) {
      const template = synthesize({ stage }).of(service);
      const [trial] = resources(template, "AWS::Lambda::Function").filter(([, { Properties }]) =>
        String(Properties.FunctionName).endsWith("-trial"),
      );
      const [http] = resources(template, "AWS::Lambda::Alias").filter(([, { UpdatePolicy }]) => UpdatePolicy);
      expect(http?.[1].UpdatePolicy.CodeDeployLambdaAliasUpdate.BeforeAllowTrafficHook).toEqual({ Ref: trial?.[0] });
      const version = trial?.[1].Properties.Environment.Variables.VERSION;
      expect(template.Resources[version.Ref]?.Type).toBe("AWS::Lambda::Version");
      expect(http?.[1].Properties.FunctionVersion["Fn::GetAtt"][0]).toBe(version.Ref);
    }
  });
});
