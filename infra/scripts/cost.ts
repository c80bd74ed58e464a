// What a month costs: prices (cost/prices.json, each with its date and address) times what the stacks have, what was measured
// (docs/benchmarks.md) and what is assumed (cost/assumptions.json). Writes docs/cost.md; `--check` says whether that is up to date.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { STAGES, type Stage } from "../lib/config.ts";
import { rules } from "../lib/firewall.ts";
import { secretsOf } from "../lib/secrets.ts";
import { type ServiceName, shapes } from "../lib/services.ts";
import { SHOPS } from "../lib/shop.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const FOLDER = resolve(import.meta.dirname, "../cost");
export const COST_PAGE = resolve(REPOSITORY, "docs/cost.md");

export interface Price {
  usd: number;
  per: string;
  region: string;
  address: string;
  read: string;
  by?: string;
}

interface Invocation {
  id: string;
  service: ServiceName;
  what: string;
  cpu: "order" | "login" | "read" | "none";
  stores: number;
  dynamodb?: number;
  mail?: number;
  stripe?: number;
  count?: number;
  calls?: string[][];
  after?: string[];
}

interface Assumptions {
  hours_a_month: number;
  waits_ms: Record<"store" | "hop" | "stripe" | "mail" | "dynamodb", number>;
  vcpu_mb: number;
  reads: { mix: Record<string, number>; cached_share: number; kb: number };
  order: {
    mails: number;
    invocations: Invocation[];
    answers_kb: number;
    io: number;
    nat_kb: number;
    database_kb: number;
    dynamodb_writes_a_mail: number;
    dynamodb_reads_a_mail: number;
    dynamodb_kb_a_mail: number;
  };
  sweep_ms: number;
  log_bytes_an_invocation: number;
  log_months: Record<Stage, number>;
  database_gb: number;
  image_gb: number;
  aurora: Record<Stage, { instances: number; nat: number; active_minutes_a_sweep?: number }>;
  canary: Record<Stage, boolean> & { every_minutes: number; memory_mb: number; ms: number; invocations: number };
  queues: number;
  polls_a_minute_a_queue: number;
  metric_series: Record<Stage, number>;
  secret_calls_a_month: number;
  kms_requests_a_month: number;
}

const json = <T>(name: string): T => JSON.parse(readFileSync(resolve(FOLDER, name), "utf8")) as T;
export const PRICES = json<{ region: string; prices: Record<string, Price>; not_priced: string[] }>("prices.json");
export const ASSUMED = json<Assumptions>("assumptions.json");

/** What docs/benchmarks.md says: processor ms, by the first cell of a row. */
export function measured(page: string): { reads: Map<string, number>; orders: Map<string, number>; login: number } {
  const column = (header: string, nth: number) => {
    const rows = page.slice(page.indexOf(header)).split("\n").slice(2);
    const cells = rows
      .slice(
        0,
        rows.findIndex((row) => !row.startsWith("|")),
      )
      .map((row) => row.split("|").map((cell) => cell.trim()));
    return new Map(cells.map((row) => [row[1] ?? "", Number(row[nth + 1])]));
  };
  const found = {
    reads: column("| read | processor ms |", 1),
    orders: column("| service | paid in the frontend | saved card |", 2),
    login: column("| | processor ms | logins a core", 1).get("user-service") ?? Number.NaN,
  };
  const needed = [
    ...Object.keys(ASSUMED.reads.mix).map((read) => found.reads.get(read)),
    found.orders.get("product-service"),
    found.login,
  ];
  if (needed.some((figure) => figure === undefined || Number.isNaN(figure)))
    throw new Error("docs/benchmarks.md lacks a figure that the cost table needs");
  return found;
}

const MEASURED = measured(readFileSync(resolve(REPOSITORY, "docs/benchmarks.md"), "utf8"));

/** An alarm is paid by the metrics that it looks at; composite ones look at none. */
export function alarmMetrics(stage: Stage): number {
  const file = resolve(import.meta.dirname, "../alarms.json");
  const alarms = JSON.parse(readFileSync(file, "utf8")) as { name: string; metrics: string[] }[];
  const here = alarms.filter(({ name }) => ASSUMED.canary[stage] || !name.endsWith("-canary-failed"));
  return here.flatMap(({ metrics }) => metrics).filter((metric) => /^\w+ of \S+ /.test(metric)).length;
}

const used = new Set<string>();
function price(name: string): number {
  const found = PRICES.prices[name];
  if (found === undefined) throw new Error(`no price ${name}`);
  used.add(name);
  return found.usd;
}

/** Where a price of another region stands in. */
const isStandIn = (names: string[]) =>
  names.some((name) => !["global", PRICES.region].includes(PRICES.prices[name]?.region ?? ""));

const BASE_READ = "one product by slug";

/** Memory of the function that answers HTTP, in MB. */
function memory(service: ServiceName, stage: Stage): number {
  const size = shapes({ isProd: stage === "prod" })[service].functions.http;
  if (size === undefined) throw new Error(`${service} has no http function`);
  return size.memory;
}

/** How long so much processor time takes where a function has a part of a processor. */
const stretched = (cpu: number, mb: number) => cpu / Math.min(1, mb / ASSUMED.vcpu_mb);

export interface Part {
  invocation: Invocation;
  /** Until it answers, in ms: what its caller waits for. */
  answer: number;
  /** What is billed of it: with the messages that it sends after its answer. */
  billed: number;
  gbSeconds: number;
}

/** The invocations of one order, each after those that it calls. */
export function checkout(stage: Stage): Part[] {
  const { waits_ms: waits, order } = ASSUMED;
  const parts = new Map<string, Part>();
  for (const invocation of order.invocations) {
    const mb = memory(invocation.service, stage);
    const cpu = {
      none: 0,
      read: MEASURED.reads.get(BASE_READ) ?? 0,
      login: MEASURED.login,
      order: MEASURED.orders.get(invocation.service) ?? 0,
    }[invocation.cpu];
    const of = (id: string) => {
      const part = parts.get(id);
      if (part === undefined) throw new Error(`${invocation.id} calls ${id}, which does not stand before it`);
      return waits.hop + part.answer;
    };
    const waiting =
      invocation.stores * waits.store +
      (invocation.stripe ?? 0) * waits.stripe +
      (invocation.dynamodb ?? 0) * waits.dynamodb +
      (invocation.mail ?? 0) * waits.mail +
      (invocation.calls ?? []).reduce((sum, atOnce) => sum + Math.max(...atOnce.map(of)), 0);
    const answer = stretched(cpu, mb) + waiting;
    const billed = answer + Math.max(0, ...(invocation.after ?? []).map(of));
    parts.set(invocation.id, { invocation, answer, billed, gbSeconds: (billed / 1000) * (mb / 1024) });
  }
  return [...parts.values()];
}

const count = (part: Part) => part.invocation.count ?? 1;

/** What shoppers and vendors wait for is called from outside; the rest by our own services. */
const INSIDE = new Set(
  ASSUMED.order.invocations.flatMap(({ calls, after }) => [...(calls ?? []).flat(), ...(after ?? [])]),
);

export interface Scenario {
  name: string;
  reads: number;
  orders: number;
}

export const SCENARIOS: Scenario[] = [
  { name: "no traffic", reads: 0, orders: 0 },
  { name: "1 M reads", reads: 1_000_000, orders: 0 },
  { name: "1 M reads, 100 k orders", reads: 1_000_000, orders: 100_000 },
];

export interface Line {
  part: string;
  usd: number;
  standIn: boolean;
}

/** One column of the table, by lines. */
export function month(stage: Stage, { reads, orders }: Scenario): Line[] {
  const isProd = stage === "prod";
  const { hours_a_month: hours, order, canary } = ASSUMED;
  const lines: Line[] = [];
  const line = (part: string, ...terms: [quantity: number, name: string][]) => {
    const usd = terms.reduce((sum, [quantity, name]) => sum + quantity * price(name), 0);
    lines.push({ part, usd, standIn: isStandIn(terms.filter(([quantity]) => quantity > 0).map(([, name]) => name)) });
  };
  const minutes = hours * 60;
  const runs = canary[stage] ? minutes / canary.every_minutes : 0;
  const bought = orders + runs;
  const parts = checkout(stage);
  const perOrder = parts.reduce((sum, part) => sum + count(part), 0);
  const sweeping = Object.values(shapes({ isProd })).filter(({ functions }) => functions.sweep !== undefined);
  const every = isProd ? 1 : 30;
  const sweeps = (minutes / every) * sweeping.length;
  const readRequests = reads * (1 - ASSUMED.reads.cached_share);
  const requests = readRequests + bought * perOrder;
  const invocations = requests + sweeps;

  const productMb = memory("product-service", stage);
  const readMs = Object.entries(ASSUMED.reads.mix).reduce(
    (sum, [read, share]) =>
      sum + share * (stretched(MEASURED.reads.get(read) ?? 0, productMb) + ASSUMED.waits_ms.store),
    0,
  );
  const sweepMb = Math.max(...sweeping.map(({ functions }) => functions.sweep?.memory ?? 0));
  const gbSeconds =
    (readRequests * readMs * productMb + sweeps * ASSUMED.sweep_ms * sweepMb + runs * canary.ms * canary.memory_mb) /
      1000 /
      1024 +
    bought * parts.reduce((sum, part) => sum + count(part) * part.gbSeconds, 0);
  line("Lambda", [invocations + runs, "lambda.request"], [gbSeconds, "lambda.arm_gb_second"]);
  line("HTTP APIs", [requests, "http_api.request"]);
  const gb = (reads * ASSUMED.reads.kb + bought * order.answers_kb) / 1024 / 1024;
  const viewers = reads + bought * perOrder;
  if (viewers > 10_000_000 || gb > 1024) throw new Error("beyond what CloudFront gives for nothing: price it");
  line("CloudFront, pay as you go", [viewers, "cloudfront.free_requests"], [gb, "cloudfront.free_gb"]);
  line("WAF", [1, "waf.acl"], [rules().length, "waf.rule"], [viewers, "waf.request"]);

  const { instances, nat, active_minutes_a_sweep: active } = ASSUMED.aurora[stage];
  const awake = active === undefined || orders > 0 ? 1 : Math.min(1, active / every);
  const databaseGb = ASSUMED.database_gb + (orders * order.database_kb) / 1024 / 1024;
  line(
    "Aurora",
    [instances * 0.5 * hours * awake, "aurora.acu_hour"],
    [databaseGb, "aurora.gb_month"],
    [bought * order.io + sweeps * 10, "aurora.io"],
  );
  line(
    "NAT gateways",
    [nat * hours, "nat.hour"],
    [nat * hours, "ipv4.hour"],
    [(bought * order.nat_kb) / 1024 / 1024 + 0.5, "nat.gb"],
  );
  line("Atlas", isProd ? [1, "atlas.m10_month"] : [1, "atlas.flex_month"]);
  const mails = bought * order.mails;
  const tableGb = (orders * order.dynamodb_kb_a_mail) / 1024 / 1024;
  line(
    "DynamoDB",
    [mails * order.dynamodb_writes_a_mail, "dynamodb.write"],
    [mails * order.dynamodb_reads_a_mail, "dynamodb.read"],
    [tableGb, "dynamodb.gb_month"],
    [tableGb, "dynamodb.pitr_gb_month"],
  );
  line("S3", [ASSUMED.image_gb, "s3.gb_month"], [1000, "s3.put"], [reads * 0.05, "s3.get"]);
  line("SQS", [ASSUMED.queues * ASSUMED.polls_a_minute_a_queue * minutes, "sqs.request"]);
  const logGb = (invocations * ASSUMED.log_bytes_an_invocation) / 1024 ** 3;
  line("CloudWatch logs", [logGb, "cloudwatch.log_gb"], [logGb * ASSUMED.log_months[stage], "cloudwatch.log_gb_month"]);
  line(
    "CloudWatch metrics, alarms, dashboard",
    [ASSUMED.metric_series[stage], "cloudwatch.metric"],
    [alarmMetrics(stage), "cloudwatch.alarm"],
    [1, "cloudwatch.dashboard"],
  );
  line("Canary", [runs, "cloudwatch.canary_run"]);
  line("Schedules", [sweeps, "scheduler.invocation"]);
  // The origin secret stands in two regions.
  line(
    "Secrets Manager",
    [secretsOf(SHOPS[stage]).length + 1, "secrets.secret"],
    [ASSUMED.secret_calls_a_month, "secrets.call"],
  );
  line("KMS", [1, "kms.key"], [ASSUMED.kms_requests_a_month, "kms.request"]);
  const sends = SHOPS[stage].notification.MAIL_PROVIDERS.split(",").includes("ses");
  line("SES, plan Essentials", [sends ? mails : 0, "ses.essentials"]);
  return lines;
}

const usd = (value: number) => value.toFixed(2);
const total = (lines: Line[]) => lines.reduce((sum, { usd }) => sum + usd, 0);
const row = (...cells: (string | number)[]) => `| ${cells.join(" | ")} |`;

/** The page. */
export function page(): string {
  const columns = STAGES.flatMap((stage) =>
    SCENARIOS.map((scenario) => ({ stage, scenario, lines: month(stage, scenario) })),
  );
  const [first] = columns;
  if (first === undefined) throw new Error("no column");
  const body = first.lines.map(({ part }, nth) => {
    const mark = columns.some(({ lines }) => lines[nth]?.standIn) ? " †" : "";
    return row(part + mark, ...columns.map(({ lines }) => usd(lines[nth]?.usd ?? 0)));
  });
  const sums = columns.map(({ lines }) => total(lines));
  const without = (lines: Line[], ...parts: string[]) =>
    total(lines.filter(({ part }) => !parts.some((one) => part.startsWith(one))));
  const alternatives: [string, (stage: Stage, lines: Line[], scenario: Scenario) => string][] = [
    [
      "CloudFront's plan Free instead (1 M requests, WAF in it)",
      (_, lines, { reads, orders }) =>
        reads + orders > 0 ? "too small" : usd(without(lines, "CloudFront", "WAF") + price("cloudfront.plan_free")),
    ],
    [
      "CloudFront's plan Pro instead (10 M requests, WAF in it)",
      (_, lines) => usd(without(lines, "CloudFront", "WAF") + price("cloudfront.plan_pro")),
    ],
    [
      "CloudFront's plan Business instead",
      (_, lines) => usd(without(lines, "CloudFront", "WAF") + price("cloudfront.plan_business")),
    ],
    [
      "Aurora without a VPC (`database=express`): one instance, no NAT gateway",
      (stage, lines) => {
        const aurora = lines.find(({ part }) => part === "Aurora")?.usd ?? 0;
        const standby = (ASSUMED.aurora[stage].instances - 1) * 0.5 * ASSUMED.hours_a_month * price("aurora.acu_hour");
        return usd(without(lines, "NAT", "Aurora") + aurora - standby);
      },
    ],
  ];
  const mails = 100_000 * ASSUMED.order.mails;
  const parts = checkout("prod");
  const partRow = (part: Part) => {
    const { service, what } = part.invocation;
    const lambda = count(part) * (price("lambda.request") + part.gbSeconds * price("lambda.arm_gb_second"));
    const way = count(part) * (price("http_api.request") + price("waf.request"));
    return row(
      `\`${what}\``,
      service,
      INSIDE.has(part.invocation.id) ? "inside" : "outside",
      count(part),
      part.answer.toFixed(0),
      part.billed.toFixed(0),
      usd(lambda * 100_000),
      usd(way * 100_000),
    );
  };
  const inside = parts.filter(({ invocation }) => INSIDE.has(invocation.id));
  const ways =
    inside.reduce((sum, part) => sum + count(part), 0) * (price("http_api.request") + price("waf.request")) * 100_000;
  const order = parts.find(({ invocation }) => invocation.id === "order");
  const waited =
    order === undefined
      ? 0
      : ASSUMED.waits_ms.hop +
        Math.max(
          ...["context", "reserve"].map((id) => parts.find(({ invocation }) => invocation.id === id)?.answer ?? 0),
        );
  const standing =
    (waited / 1000) * (memory("transaction-service", "prod") / 1024) * price("lambda.arm_gb_second") * 100_000;
  const sources = [...used].sort().map((name) => {
    const { usd, per, region, address, read, by } = PRICES.prices[name] as Price;
    return row(name, usd, per, region, read, `<${address}>${by === undefined ? "" : ` (read by ${by})`}`);
  });
  return `# What a month costs

Written by \`npm run cost\` in \`infra/\` from [prices](../infra/cost/prices.json), [assumptions](../infra/cost/assumptions.json), the sizes of the stacks and
[what was measured](benchmarks.md); a test fails when it is out of date. US dollars, without tax, at list prices and **without AWS's free tiers**, except CloudFront's, which
has no end. No bill was there to compare it with: [decision 56](decisions/0056-cost-and-capacity.md) says what is assumed, and where it may be wrong.

${row("", ...columns.map(({ stage, scenario }) => `${stage}: ${scenario.name}`))}
${row("---", ...columns.map(() => "---"))}
${body.join("\n")}
${row("**a month**", ...sums.map((sum) => `**${usd(sum)}**`))}

† at least one price of the line is another region's (us-east-1). Where both are known, Frankfurt's is up to a quarter higher.

Not in it:

${PRICES.not_priced.map((one) => `- ${one}`).join("\n")}

## The same with other choices

${row("", ...columns.map(({ stage, scenario }) => `${stage}: ${scenario.name}`))}
${row("---", ...columns.map(() => "---"))}
${alternatives.map(([name, sum]) => row(name, ...columns.map(({ stage, lines, scenario }) => sum(stage, lines, scenario)))).join("\n")}

SES for ${mails.toLocaleString("en")} mails: Essentials ${usd(mails * price("ses.essentials"))}, Pro ${usd(price("ses.pro_month") + mails * price("ses.pro"))}, Enterprise ${usd(price("ses.enterprise_month") + mails * price("ses.enterprise"))}; à la carte ${usd(mails * price("ses.a_la_carte"))}, for accounts
that sent mail between June 2025 and July 2026. New accounts get Essentials.

## A checkout by its parts

prod, per order of a customer with a saved card, from the login to the delivered mail. *Answer*: until it answers, as its caller waits, in ms; *billed*: with the
messages that it sends after its answer. Processor time is measured, and stretched by the share of a processor that the memory buys; waiting is assumed (stores
${ASSUMED.waits_ms.store} ms, a call of a sibling through the edge and the gateway ${ASSUMED.waits_ms.hop} ms, Stripe ${ASSUMED.waits_ms.stripe} ms). *Lambda* and *way* (HTTP API and WAF) in dollars for 100,000 orders.

${row("call", "service", "from", "times", "answer", "billed", "Lambda", "way")}
${row("---", "---", "---", "---", "---", "---", "---", "---")}
${parts.map(partRow).join("\n")}

The ${inside.reduce((sum, part) => sum + count(part), 0)} calls between services cost ${usd(ways)} for their way through the edge and the gateway, for 100,000 orders. While
\`POST /orders\` waits for its siblings (${waited.toFixed(0)} ms), transaction-service is billed ${usd(standing)} for all 100,000: what is said of paying twice for a call that waits.

## Prices

${row("name", "USD", "per", "region", "read", "where")}
${row("---", "---", "---", "---", "---", "---")}
${sources.join("\n")}
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const now = page();
  if (process.argv.includes("--check")) {
    if (readFileSync(COST_PAGE, "utf8") !== now) {
      console.error("docs/cost.md is out of date: run `npm run cost` in infra/ and commit it");
      process.exitCode = 1;
    }
  } else {
    writeFileSync(COST_PAGE, now);
    for (const stage of STAGES)
      for (const scenario of SCENARIOS)
        console.log(`${stage}, ${scenario.name}: ${usd(total(month(stage, scenario)))}`);
  }
}
