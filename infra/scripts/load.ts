// Load on a stage: the listing, the checkout, or both; bounded in requests, in time and in how fast they begin. It never runs
// against prod: the stage's own tokens say which stage it is. Every order is cancelled right after it was made.
//
//   npx tsx scripts/load.ts --base https://dev.shop.example --stage dev --what both --requests 2000 --seconds 120
//
// Not for Stripe's sandbox at a high rate: each checkout makes and cancels a PaymentIntent there (docs/operations.md).

import { pathToFileURL } from "node:url";

export type What = "listing" | "checkout" | "both";

export interface Options {
  base: string;
  stage: string;
  what: What;
  /** How many requests at most. */
  requests: number;
  /** For how long at most. */
  seconds: number;
  /** How many wait for an answer at a time. */
  clients: number;
  /** How many begin in a second, at most. */
  rate: number;
  /** The highest share of answers that are errors, in per cent. */
  errors: number;
  /** The slowest 99th percentile of any route, in ms; none by default. */
  p99?: number;
}

const NUMBERS = {
  requests: [1000, 1, 50_000],
  seconds: [60, 1, 600],
  clients: [8, 1, 64],
  rate: [20, 1, 500],
  errors: [1, 0, 100],
} as const;
/** How long an answer is waited for: a little longer than the gateway waits. */
const PATIENCE_MS = 31_000;
/** So many of the last answers decide whether the stage is being broken. */
const LATEST: number = 100;
/** More errors than this share of the latest end the run. */
const BREAKING = 0.2;

export class Refused extends Error {}

/** Reads the arguments. Refuses what is unknown or out of bounds, and prod by its name. */
export function options(args: string[]): Options {
  const given = new Map<string, string>();
  for (let at = 0; at < args.length; at += 2) {
    const [name, value] = [args[at] ?? "", args[at + 1]];
    if (!/^--[a-z0-9]+$/.test(name) || value === undefined) throw new Refused(`${name} needs a value`);
    given.set(name.slice(2), value);
  }
  const take = (name: string) => {
    const value = given.get(name);
    given.delete(name);
    return value;
  };
  const number = (name: keyof typeof NUMBERS) => {
    const [usual, least, most] = NUMBERS[name];
    const value = Number(take(name) ?? usual);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Refused(`--${name} is a whole number from ${least} to ${most}`);
    return value;
  };
  const base = new URL(take("base") ?? refuse("--base is the address of the stage")).href.replace(/\/$/, "");
  const stage = take("stage") ?? refuse("--stage names the stage");
  const what = take("what") ?? "both";
  if (what !== "listing" && what !== "checkout" && what !== "both")
    throw new Refused("--what is listing, checkout or both");
  if (/^prod/i.test(stage)) throw new Refused("load is never put on prod");
  const p99 = take("p99");
  const read: Options = {
    base,
    stage,
    what,
    requests: number("requests"),
    seconds: number("seconds"),
    clients: number("clients"),
    rate: number("rate"),
    errors: number("errors"),
    ...(p99 === undefined ? {} : { p99: Number(p99) }),
  };
  if (read.p99 !== undefined && !(read.p99 > 0)) throw new Refused("--p99 is a number of milliseconds");
  const [unknown] = given.keys();
  if (unknown !== undefined) throw new Refused(`--${unknown} is not known`);
  return read;
}

function refuse(why: string): never {
  throw new Refused(why);
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Refuses a stage whose tokens are for another one than was named: `aud` is `bodega-<stage>`, at home `bodega`. */
export function checkStage(base: string, stage: string, token: string): void {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString() || "{}") as {
    aud?: unknown;
    iss?: unknown;
  };
  if (/prod/i.test(`${claims.aud} ${claims.iss}`))
    throw new Refused(`the tokens of ${base} are prod's (aud ${claims.aud}, iss ${claims.iss})`);
  if (!LOOPBACK.has(new URL(base).hostname) && claims.aud !== `bodega-${stage}`)
    throw new Refused(`the tokens of ${base} are for ${claims.aud}, not for bodega-${stage}`);
}

/** The smallest value that is not exceeded by `share` of all; 0 of none. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
}

/** What became of the requests of one route. */
export interface Route {
  times: number[];
  statuses: Map<string, number>;
  errors: number;
}

export interface Report {
  routes: Map<string, Route>;
  seconds: number;
  orders: { made: number; cancelled: number; left: string[] };
  /** Why it ended before its time. */
  ended?: string;
}

/** No answer, 429 and 5xx: what a shopper would notice. */
const isError = (status: string) => !/^[234]\d\d$/.test(status) || status === "429";

/** Starts of requests, evenly apart, and the bounds of the run. */
class Pace {
  private begun = 0;
  private next = performance.now();
  private readonly until: number;
  private readonly latest: boolean[] = [];
  /** Why it ended before its time. */
  ended: string | undefined;

  constructor(private readonly settings: Options) {
    this.until = performance.now() + settings.seconds * 1000;
  }

  /** Whether another request may begin. */
  get goesOn(): boolean {
    return this.ended === undefined && this.begun < this.settings.requests && performance.now() < this.until;
  }

  /** Waits for its turn; false once the run is over. */
  async turn(): Promise<boolean> {
    if (!this.goesOn) return false;
    this.begun += 1;
    const at = Math.max(this.next, performance.now());
    this.next = at + 1000 / this.settings.rate;
    if (at >= this.until) return false;
    await new Promise((resolve) => setTimeout(resolve, at - performance.now()));
    return this.ended === undefined;
  }

  /** Ends the run when many of the latest answers are errors: a load test is not to become an outage. */
  note(failed: boolean): void {
    this.latest.push(failed);
    if (this.latest.length > LATEST) this.latest.shift();
    const errors = this.latest.filter(Boolean).length;
    if (this.latest.length === LATEST && errors > LATEST * BREAKING)
      this.ended ??= `${errors} of the last ${LATEST} answers were errors`;
  }
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

class Shop {
  readonly routes = new Map<string, Route>();

  constructor(
    private readonly base: string,
    private readonly pace?: Pace,
  ) {}

  async send(
    name: string,
    method: string,
    path: string,
    more: { token?: string; key?: string; body?: unknown } = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = { "user-agent": "bodega-load" };
    if (more.token !== undefined) headers.authorization = `Bearer ${more.token}`;
    if (more.key !== undefined) headers["idempotency-key"] = more.key;
    if (more.body !== undefined) headers["content-type"] = "application/json";
    const started = performance.now();
    let answer: Answer = { status: 0, body: {} };
    let status: string;
    try {
      const body = more.body === undefined ? null : JSON.stringify(more.body);
      const response = await fetch(this.base + path, {
        method,
        headers,
        body,
        redirect: "error",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = await response.text();
      status = String(response.status);
      answer = { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
    } catch (error) {
      status = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : "no connection";
    }
    const route: Route = this.routes.get(name) ?? { times: [], statuses: new Map(), errors: 0 };
    this.routes.set(name, route);
    route.times.push(performance.now() - started);
    route.statuses.set(status, (route.statuses.get(status) ?? 0) + 1);
    if (isError(status)) route.errors += 1;
    this.pace?.note(isError(status));
    return answer;
  }

  async guest(): Promise<string> {
    const { status, body } = await this.send("POST /auth/guest", "POST", "/auth/guest");
    if (status !== 201)
      throw new Refused(
        `POST /auth/guest answers ${status || "nothing"}: no load without a token that names the stage`,
      );
    return String(body.access_token);
  }
}

interface Product {
  slug: string;
  variants: { sku: string; prices: { currency: string }[] }[];
}

async function catalogue(shop: Shop): Promise<Product[]> {
  const { body } = await shop.send("GET /products", "GET", "/products?limit=50&in_stock=true");
  const products = (body.items ?? []) as Product[];
  if (products.length === 0)
    throw new Refused("the stage lists no product that is in stock: load the demo catalogue first");
  return products;
}

const any = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;

/** A shopper who looks: a page, a search, a page with facets, three products. */
async function look(shop: Shop, pace: Pace, products: Product[]): Promise<void> {
  const paths: [string, string][] = [
    ["GET /products", "/products?limit=20"],
    ["GET /products?q", `/products?limit=20&q=${encodeURIComponent(any(products).slug.split("-")[0] ?? "a")}`],
    ["GET /products?facets", "/products?limit=20&facets=true"],
    ["GET /categories", "/categories"],
    ...[0, 1, 2].map((): [string, string] => ["GET /products/{product}", `/products/${any(products).slug}`]),
  ];
  for (const [name, path] of paths) {
    if (!(await pace.turn())) return;
    await shop.send(name, "GET", path);
  }
}

const ADDRESS = {
  name: "Load Test",
  line1: "12 St James's Square",
  city: "London",
  postal_code: "SW1Y 4JH",
  country: "GB",
};

/** A guest who orders one unit, to be paid in the frontend, and takes the order back. */
async function order(
  shop: Shop,
  pace: Pace,
  products: Product[],
  token: string,
  orders: Report["orders"],
): Promise<void> {
  const variant = any(any(products).variants);
  const currency = variant.prices[0]?.currency ?? "USD";
  const lines = [{ sku: variant.sku, quantity: 1 }];
  if (!(await pace.turn())) return;
  const quote = await shop.send("POST /quotes", "POST", "/quotes", {
    token,
    body: { currency, lines, shipping_method: "standard" },
  });
  if (quote.status !== 200 || !(await pace.turn())) return;
  const body = {
    lines,
    expected_total: quote.body.total,
    shipping_method: "standard",
    payment: { method: "client" },
    shipping_address: ADDRESS,
    email: "load@example.com",
  };
  const made = await shop.send("POST /orders", "POST", "/orders", { token, key: crypto.randomUUID(), body });
  if (made.status !== 201) return;
  const id = String(made.body.id);
  orders.made += 1;
  // Not by turns: what was made is taken back, also at the end of the run.
  const cancelled = await shop.send("POST /orders/{order_id}/cancel", "POST", `/orders/${id}/cancel`, { token });
  if (cancelled.status === 200) orders.cancelled += 1;
  else orders.left.push(id);
}

/** Puts the load on, and says what came of it. */
export async function run(settings: Options): Promise<Report> {
  const scout = new Shop(settings.base);
  checkStage(settings.base, settings.stage, await scout.guest());
  const products = await catalogue(scout);
  const pace = new Pace(settings);
  const shop = new Shop(settings.base, pace);
  const orders: Report["orders"] = { made: 0, cancelled: 0, left: [] };
  const started = performance.now();
  const client = async (nth: number) => {
    const buys = settings.what === "checkout" || (settings.what === "both" && nth % 2 === 1);
    const token = buys ? await shop.guest() : "";
    while (pace.goesOn) {
      await (buys ? order(shop, pace, products, token, orders) : look(shop, pace, products));
    }
  };
  const clients = settings.what === "both" ? Math.max(2, settings.clients) : settings.clients;
  await Promise.all(Array.from({ length: clients }, (_, nth) => client(nth)));
  const ended = pace.ended === undefined ? {} : { ended: pace.ended };
  return { routes: shop.routes, seconds: (performance.now() - started) / 1000, orders, ...ended };
}

/** The table, and whether the run was good. */
export function verdict(report: Report, settings: Options): { text: string; good: boolean } {
  const ms = (value: number) => value.toFixed(0).padStart(7);
  const rows = [...report.routes].sort(([one], [other]) => (one < other ? -1 : 1));
  const lines = [`${"route".padEnd(32)}  count    p50    p90    p99    max  errors  answers`];
  let [all, errors, slow] = [0, 0, false];
  for (const [name, { times, statuses, errors: failed }] of rows) {
    const p99 = percentile(times, 0.99);
    const answers = [...statuses].map(([status, count]) => `${status}: ${count}`).join(", ");
    const figures = [percentile(times, 0.5), percentile(times, 0.9), p99, Math.max(...times)].map(ms).join("");
    lines.push(
      `${name.padEnd(32)}${String(times.length).padStart(7)}${figures}${String(failed).padStart(8)}  ${answers}`,
    );
    [all, errors, slow] = [
      all + times.length,
      errors + failed,
      slow || p99 > (settings.p99 ?? Number.POSITIVE_INFINITY),
    ];
  }
  const share = all === 0 ? 100 : (100 * errors) / all;
  lines.push(
    `${all} requests in ${report.seconds.toFixed(1)} s, ${(all / report.seconds).toFixed(1)} a second; ${errors} errors (${share.toFixed(2)} %)`,
  );
  const { made, cancelled, left } = report.orders;
  if (made > 0) lines.push(`${made} orders made, ${cancelled} cancelled`);
  if (left.length > 0) lines.push(`cancel these by hand, or wait until they expire: ${left.join(" ")}`);
  if (report.ended !== undefined) lines.push(`ended early: ${report.ended}`);
  if (slow) lines.push(`a route has a p99 above ${settings.p99} ms`);
  return { text: lines.join("\n"), good: report.ended === undefined && share <= settings.errors && !slow };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const settings = options(process.argv.slice(2));
    console.log(
      `${settings.what} at ${settings.base} (${settings.stage}): at most ${settings.requests} requests, ${settings.seconds} s, ${settings.rate} a second`,
    );
    const { text, good } = verdict(await run(settings), settings);
    console.log(text);
    process.exitCode = good ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(`not run: ${error.message}`);
    process.exitCode = 2;
  }
}
