import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { STAGES } from "../lib/config.ts";
import { SHOPS } from "../lib/shop.ts";
import {
  ASSUMED,
  alarmMetrics,
  COST_PAGE,
  checkout,
  measured,
  month,
  PRICES,
  page,
  SCENARIOS,
} from "../scripts/cost.ts";

const METRICS = resolve(import.meta.dirname, "../metrics.json");

const total = (stage: (typeof STAGES)[number], nth: number) =>
  month(stage, SCENARIOS[nth] ?? { name: "", reads: 0, orders: 0 }).reduce((sum, { usd }) => sum + usd, 0);

describe("the cost table", () => {
  it("is what prices, sizes and measurements come to: `npm run cost` writes it", () => {
    expect(readFileSync(COST_PAGE, "utf8")).toBe(page());
  });

  it("has a date and an address for each price", () => {
    for (const [name, { usd, per, region, address, read }] of Object.entries(PRICES.prices)) {
      expect(usd, name).toBeGreaterThanOrEqual(0);
      expect(per && region, name).toBeTruthy();
      expect(address, name).toMatch(/^https:\/\/[^ ]+$/);
      expect(read, name).toMatch(/^(20\d\d(-\d\d(-\d\d)?)?|no date)$/);
    }
  });

  it("grows with reads and with orders", () => {
    for (const stage of STAGES) {
      expect(total(stage, 1)).toBeGreaterThan(total(stage, 0));
      expect(total(stage, 2)).toBeGreaterThan(total(stage, 1));
    }
  });

  it("stays below the budget whose alarm would be on all month otherwise", () => {
    for (const stage of STAGES) expect(total(stage, 1), stage).toBeLessThan(SHOPS[stage].monthlyBudget);
  });

  it("counts what alarms look at, and the canary's where there is one", () => {
    expect(alarmMetrics("prod")).toBeGreaterThan(60);
    expect(alarmMetrics("prod") - alarmMetrics("dev")).toBe(1);
  });

  // The services' code writes it (`cargo xtask metrics`).
  it.runIf(existsSync(METRICS))("counts a metric for each set of dimensions, and by route where that is on", () => {
    const metrics = JSON.parse(readFileSync(METRICS, "utf8")) as {
      service: string | string[];
      dimensions: string[][];
    }[];
    for (const stage of STAGES) {
      const currencies = SHOPS[stage].currencies.split(",").length;
      const of = (set: string[]) => (set.includes("route") ? 0 : set.includes("currency") ? currencies : 1);
      const written = metrics.flatMap(({ service, dimensions }) => [service].flat().flatMap(() => dimensions.map(of)));
      const routes = stage === "prod" ? 100 : 0;
      expect(ASSUMED.metric_series[stage], stage).toBe(written.reduce((sum, times) => sum + times, routes));
    }
  });

  it("counts each read once", () => {
    const shares = Object.values(ASSUMED.reads.mix).reduce((sum, share) => sum + share, 0);
    expect(shares).toBeCloseTo(1);
  });

  it("does not invent a figure that the benchmarks lack", () => {
    expect(() => measured("| read | processor ms |\n| --- | --- |\n| categories | fast |\n")).toThrow("lacks a figure");
  });
});

describe("a checkout by its parts", () => {
  it("waits for the slowest of the calls that are made at once, and bills what follows the answer", () => {
    const parts = new Map(checkout("prod").map((part) => [part.invocation.id, part]));
    const order = parts.get("order");
    const of = (id: string) => (parts.get(id)?.answer ?? 0) + ASSUMED.waits_ms.hop;
    const own = 7 * ASSUMED.waits_ms.store + 2 * ASSUMED.waits_ms.stripe;
    expect(order?.answer).toBeGreaterThan(own + Math.max(of("context"), of("reserve")));
    expect((order?.billed ?? 0) - (order?.answer ?? 0)).toBeCloseTo(Math.max(of("mail"), of("commit"), of("clear")));
  });
});
