import { createServer, type IncomingMessage, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { operations } from "./openapi.ts";
import { only, resources, synthesize } from "./support.ts";

const canary = createRequire(import.meta.url)("../canary/index.js") as { handler: () => Promise<void> };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown> | undefined;
}

type Answer = readonly [status: number, body: unknown];

const TOTAL = { amount: 2598, currency: "USD" };
const ORDER = "3d1a7d0e-5c6b-5b0f-9c41-5f0e8a1b2c3d";

/** A shop in which everything goes well; tests change one answer. */
function well(): Record<string, Answer> {
  return {
    "GET /products/variants": [200, { items: [{ sku: "CANARY" }] }],
    "POST /auth/guest": [201, { access_token: "a-secret-token" }],
    "POST /quotes": [200, { total: TOTAL }],
    "POST /orders": [201, { id: ORDER, state: "requires_action", total: TOTAL }],
    [`GET /orders/${ORDER}`]: [200, { id: ORDER, state: "requires_action" }],
    [`POST /orders/${ORDER}/cancel`]: [200, { id: ORDER, state: "cancelled" }],
  };
}

let shop: Server;
let asked: Asked[];
let answers: Record<string, Answer>;

async function read(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  return text ? (JSON.parse(text) as Record<string, unknown>) : undefined;
}

beforeEach(async () => {
  asked = [];
  answers = well();
  shop = createServer((request, response) => {
    void read(request).then((body) => {
      const path = new URL(request.url ?? "", "http://shop").pathname;
      asked.push({ method: request.method ?? "", path, headers: request.headers, body });
      const [status, answer] = answers[`${request.method} ${path}`] ?? [404, { type: "unknown_route" }];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => shop.listen(0, "127.0.0.1", listening));
  const { port } = shop.address() as AddressInfo;
  vi.stubEnv("SHOP", `http://127.0.0.1:${port}`);
  vi.stubEnv("SKU", "CANARY");
  vi.stubEnv("CURRENCY", "USD");
  vi.stubEnv("EMAIL", "canary@example.com");
  vi.stubEnv("COUNTRY", "GB");
  vi.spyOn(console, "log").mockImplementation(() => {});
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await new Promise((closed) => shop.close(closed));
});

function steps(): string[] {
  return asked.map(({ method, path }) => `${method} ${path}`);
}

describe("the canary", () => {
  it("buys one unit as a guest and cancels the order", async () => {
    await canary.handler();
    expect(steps()).toEqual(Object.keys(well()));
  });

  it("asks only for operations that the API describes", async () => {
    await canary.handler();
    const described = operations().map(({ method, path }) => ({
      method,
      pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, "[^/]+")}$`),
    }));
    for (const { method, path } of asked) {
      expect(
        described.some((one) => one.method === method && one.pattern.test(path)),
        `${method} ${path}`,
      ).toBe(true);
    }
  });

  it("pays what was quoted, under a key of its own in each run, with the token of its guest", async () => {
    await canary.handler();
    await canary.handler();
    const orders = asked.filter(({ method, path }) => method === "POST" && path === "/orders");
    expect(orders.map(({ body }) => body?.expected_total)).toEqual([TOTAL, TOTAL]);
    expect(orders.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer a-secret-token",
      "Bearer a-secret-token",
    ]);
    expect(new Set(orders.map(({ headers }) => headers["idempotency-key"])).size).toBe(2);
    expect(orders[0]?.body).toMatchObject({ payment: { method: "client" }, lines: [{ sku: "CANARY", quantity: 1 }] });
  });

  it.each(Object.keys(well()))("fails when %s is answered with 500", async (step) => {
    answers[step] = [500, { type: "internal" }];
    await expect(canary.handler()).rejects.toThrow(/500 internal/);
  });

  it.each([
    ["the product is not on sale", "GET /products/variants", [200, { items: [] }]],
    ["the order is not waiting for its payment", "POST /orders", [201, { id: ORDER, state: "paid", total: TOTAL }]],
    [
      "the order costs more than was quoted",
      "POST /orders",
      [201, { id: ORDER, state: "requires_action", total: { amount: 1, currency: "USD" } }],
    ],
    ["the order is not cancelled", `POST /orders/${ORDER}/cancel`, [200, { id: ORDER, state: "requires_action" }]],
  ] as const)("fails when %s", async (_, step, answer) => {
    answers[step] = answer;
    await expect(canary.handler()).rejects.toThrow();
  });

  it("cancels what it ordered also when a later step fails, and tells of the first failure", async () => {
    answers[`GET /orders/${ORDER}`] = [503, { type: "unavailable" }];
    await expect(canary.handler()).rejects.toThrow(/^read: 503 unavailable$/);
    expect(steps().at(-1)).toBe(`POST /orders/${ORDER}/cancel`);
  });

  it("says of a failure neither token nor body", async () => {
    answers["POST /quotes"] = [500, "<html>a-secret-token</html>"];
    await expect(canary.handler()).rejects.toThrow(/^quote: 500 no JSON$/);
    answers["POST /quotes"] = [200, { total: TOTAL }];
    await canary.handler();
    expect(JSON.stringify(vi.mocked(console.log).mock.calls)).not.toContain("secret");
  });

  it("fails when a setting is missing", async () => {
    vi.stubEnv("SKU", "");
    await expect(canary.handler()).rejects.toThrow("SKU is not set");
  });
});

describe("the log of the canary's function", () => {
  const template = synthesize({ stage: "prod" }).of("watch");

  it("ends after two weeks, as its records do", () => {
    const [id, canary] = only(template, "AWS::Synthetics::Canary");
    const [, log] = only(template, "AWS::Logs::LogGroup");
    expect(log.Properties.LogGroupName).toEqual({
      "Fn::Join": ["", [`/aws/lambda/cwsyn-${canary.Properties.Name}-`, { "Fn::GetAtt": [id, "Id"] }]],
    });
    const [, bucket] = only(template, "AWS::S3::Bucket");
    expect(log.Properties.RetentionInDays).toBe(14);
    expect(bucket.Properties.LifecycleConfiguration.Rules[0].ExpirationInDays).toBe(14);
  });

  it("is not made by the function itself, which would come before the stack and give it no end", () => {
    const policies = JSON.stringify(resources(template, "AWS::IAM::Policy"));
    expect(policies).toContain("logs:PutLogEvents");
    expect(policies).not.toContain("logs:CreateLogGroup");
  });
});
