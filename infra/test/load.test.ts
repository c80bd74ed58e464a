import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { checkStage, type Options, options, percentile, Refused, run, verdict } from "../scripts/load.ts";

const token = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;

let server: Server | undefined;
afterEach(async () => {
  const open = server;
  server = undefined;
  if (open !== undefined) {
    const closed = new Promise<void>((resolve) => open.close(() => resolve()));
    // The script's connections are kept alive.
    open.closeAllConnections();
    await closed;
  }
});

/** A shop on this machine, as small as the script needs it. */
async function shop(behaviour: { aud?: string; status?: (line: string, nth: number) => number | undefined } = {}) {
  const seen: string[] = [];
  const answers: [RegExp, number, (line: string) => object][] = [
    [
      /^POST \/auth\/guest$/,
      201,
      () => ({ access_token: token({ aud: behaviour.aud ?? "bodega", iss: "http://127.0.0.1" }) }),
    ],
    [
      /^GET \/products\?/,
      200,
      () => ({ items: [{ slug: "blue-mug", variants: [{ sku: "MUG", prices: [{ amount: 900, currency: "EUR" }] }] }] }),
    ],
    [/^GET \/products\/blue-mug$/, 200, () => ({ slug: "blue-mug" })],
    [/^GET \/categories$/, 200, () => ({ items: [] })],
    [/^POST \/quotes$/, 200, () => ({ total: { amount: 1440, currency: "EUR" } })],
    [/^POST \/orders$/, 201, () => ({ id: "o-1" })],
    [/^POST \/orders\/o-1\/cancel$/, 200, () => ({})],
  ];
  server = createServer((request, response) => {
    request.resume().on("end", () => {
      const line = `${request.method} ${request.url}`;
      seen.push(line);
      const known = answers.find(([pattern]) => pattern.test(line));
      response.statusCode = behaviour.status?.(line, seen.length) ?? known?.[1] ?? 404;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(known?.[2](line) ?? {}));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const settings = (base: string, more: Partial<Options> = {}): Options => ({
  ...options(["--base", base, "--stage", "home", "--rate", "500", "--requests", "60", "--seconds", "20"]),
  ...more,
});

describe("what may be asked for", () => {
  it("has bounds that no argument lifts", () => {
    for (const more of [
      ["--requests", "50001"],
      ["--seconds", "601"],
      ["--rate", "0"],
      ["--clients", "1.5"],
      ["--what", "all"],
      ["--quick", "1"],
      ["--rate"],
    ]) {
      expect(() => options(["--base", "https://dev.shop.example", "--stage", "dev", ...more]), more.join(" ")).toThrow(
        Refused,
      );
    }
  });

  it("is never load on prod, by its name or by its tokens", () => {
    expect(() => options(["--base", "https://shop.example", "--stage", "prod"])).toThrow("never put on prod");
    const dev = "https://dev.shop.example";
    checkStage(dev, "dev", token({ aud: "bodega-dev", iss: dev }));
    checkStage("http://127.0.0.1:9000", "home", token({ aud: "bodega", iss: "http://127.0.0.1:9000" }));
    for (const claims of [
      { aud: "bodega-prod", iss: dev },
      { aud: "bodega", iss: dev },
      { aud: "bodega-test", iss: dev },
      {},
    ]) {
      expect(() => checkStage(dev, "dev", token(claims)), JSON.stringify(claims)).toThrow(Refused);
    }
    expect(() => checkStage("http://127.0.0.1:9000", "home", token({ aud: "bodega-prod" }))).toThrow("prod's");
  });
});

describe("a run", () => {
  it("reads no more than it may, and says how long it took", async () => {
    const { base, seen } = await shop();
    const report = await run(settings(base, { what: "listing" }));
    // Two more come first: the token that names the stage, and the catalogue.
    expect(seen.length).toBe(62);
    const { text, good } = verdict(report, settings(base));
    expect(good, text).toBe(true);
    expect(text).toContain("60 requests");
    expect(text).toMatch(/GET \/products\/\{product\}\s+\d+/);
  });

  it("cancels every order that it made, also the last", async () => {
    const { base, seen } = await shop();
    const report = await run(settings(base, { what: "checkout", clients: 4 }));
    const sent = (line: string) => seen.filter((one) => one === line).length;
    expect(report.orders.made).toBeGreaterThan(5);
    expect(report.orders).toEqual({ made: sent("POST /orders"), cancelled: sent("POST /orders/o-1/cancel"), left: [] });
    expect(sent("POST /orders")).toBe(sent("POST /orders/o-1/cancel"));
  });

  it("names the orders that could not be cancelled", async () => {
    const { base } = await shop({ status: (line) => (line.endsWith("/cancel") ? 409 : undefined) });
    const report = await run(settings(base, { what: "checkout", requests: 2, clients: 1 }));
    expect(report.orders.left).toEqual(["o-1"]);
    expect(verdict(report, settings(base)).text).toContain("cancel these by hand");
  });

  it("ends when the stage breaks, and is no good run", async () => {
    const { base, seen } = await shop({
      status: (line, nth) => (nth > 30 && line.startsWith("GET") ? 503 : undefined),
    });
    const report = await run(settings(base, { what: "listing", requests: 5000 }));
    expect(report.ended).toMatch(/of the last 100 answers were errors/);
    expect(seen.length).toBeLessThan(200);
    expect(verdict(report, settings(base)).good).toBe(false);
  });

  it("sends nothing more when the token is another stage's", async () => {
    const { base, seen } = await shop({ aud: "bodega-prod" });
    await expect(run(settings(base))).rejects.toThrow(Refused);
    expect(seen).toEqual(["POST /auth/guest"]);
  });
});

describe("percentiles", () => {
  it("are values that were measured", () => {
    expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
    expect(percentile([5, 1, 3, 2, 4], 0.99)).toBe(5);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBe(0);
  });
});
