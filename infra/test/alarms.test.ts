import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LINES } from "../lib/lines.ts";
import { SERVICES } from "../lib/services.ts";
import { type Json, resources, synthesize, type Template } from "./support.ts";

const FILE = new URL("../alarms.json", import.meta.url);

interface Dimension {
  readonly Name: string;
  readonly Value: unknown;
}

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly Dimension[];
}

interface Query {
  readonly Expression?: string;
  readonly Id: string;
  readonly MetricStat?: { readonly Metric: Metric; readonly Stat: string; readonly Period: number };
  readonly ReturnData?: boolean;
}

interface Alarm {
  readonly stack: string;
  readonly properties: Metric & {
    readonly AlarmName: string;
    readonly AlarmDescription: string;
    readonly AlarmActions?: readonly unknown[];
    readonly OKActions?: readonly unknown[];
    readonly ActionsEnabled?: boolean;
    readonly ComparisonOperator: string;
    readonly DatapointsToAlarm: number;
    readonly EvaluationPeriods: number;
    readonly ExtendedStatistic?: string;
    readonly Metrics?: readonly Query[];
    readonly Period?: number;
    readonly Statistic?: string;
    readonly Threshold: number;
    readonly TreatMissingData?: string;
  };
}

interface Listed {
  readonly name: string;
  readonly metrics: readonly string[];
  readonly when: string;
  readonly missing: string;
  readonly tells: string;
  readonly takesBack: string | null;
}

function all(templates: Readonly<Record<string, Template>>): Alarm[] {
  return Object.entries(templates).flatMap(([stack, template]) =>
    resources(template, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => ({ stack, properties: Properties })),
  );
}

function composites(templates: Readonly<Record<string, Template>>): Json[] {
  return Object.values(templates).flatMap((template) =>
    resources(template, "AWS::CloudWatch::CompositeAlarm").map(([, { Properties }]) => Properties),
  );
}

/** The names of the alarms that a composite alarm's rule names, each as `ALARM(...)`. */
function gathered(rule: Json): string[] {
  const text =
    typeof rule === "string"
      ? rule
      : (rule["Fn::Join"][1] as unknown[]).map((part) => (typeof part === "string" ? part : "{}")).join("");
  return [...text.matchAll(/ALARM\("[^"]*:alarm:([^"]+)"\)/g)].map(([, name]) => name ?? "");
}

/** Which alarms take back the deployment of which group, by the logical ids of its own stack. */
function takesBack(templates: Readonly<Record<string, Template>>): Map<string, string> {
  const found = new Map<string, string>();
  for (const template of Object.values(templates)) {
    for (const [, { Properties }] of resources(template, "AWS::CodeDeploy::DeploymentGroup")) {
      for (const { Name } of Properties.AlarmConfiguration?.Alarms ?? []) {
        const { Properties: alarm } = template.Resources[Name.Ref] ?? { Properties: {} };
        found.set(alarm.AlarmName, Properties.DeploymentGroupName);
      }
    }
  }
  return found;
}

function metricsOf({ properties }: Alarm): { metric: Metric; statistic: string; period: number | undefined }[] {
  if (properties.Metrics) {
    return properties.Metrics.flatMap(({ MetricStat }) =>
      MetricStat ? [{ metric: MetricStat.Metric, statistic: MetricStat.Stat, period: MetricStat.Period }] : [],
    );
  }
  const statistic = properties.ExtendedStatistic ?? properties.Statistic ?? "";
  return [{ metric: properties, statistic, period: properties.Period }];
}

function value(of: unknown): string {
  return typeof of === "string" ? of : "(the stack's)";
}

function listed(): Listed[] {
  const { templates } = synthesize({ stage: "prod" });
  const groups = takesBack(templates);
  const inComposite = new Map(
    composites(templates).flatMap(({ AlarmName, AlarmRule }) =>
      gathered(AlarmRule).map((name) => [name, AlarmName] as const),
    ),
  );
  const neutral = (text: string) => text.replaceAll("bodega-prod", "bodega-<stage>");
  const single = all(templates).map((alarm): Listed => {
    const { properties } = alarm;
    const metrics = metricsOf(alarm).map(({ metric, statistic, period }) => {
      const dimensions = (metric.Dimensions ?? []).map(({ Name, Value }) => `${Name}=${neutral(value(Value))}`);
      return `${statistic} of ${metric.Namespace} ${metric.MetricName} {${dimensions.join(", ")}}, ${period} s`;
    });
    const comparison = properties.ComparisonOperator.startsWith("Less") ? "<" : ">";
    const expression = properties.Metrics?.find(({ Expression }) => Expression)?.Expression;
    return {
      name: neutral(properties.AlarmName),
      metrics: expression ? [expression, ...metrics] : metrics,
      when: `${comparison} ${properties.Threshold}, ${properties.DatapointsToAlarm} of ${properties.EvaluationPeriods}`,
      missing: properties.TreatMissingData ?? "",
      tells: properties.AlarmActions?.length ? "topic" : neutral(inComposite.get(properties.AlarmName) ?? "nobody"),
      takesBack: groups.has(properties.AlarmName) ? neutral(groups.get(properties.AlarmName) ?? "") : null,
    };
  });
  const joined = composites(templates).map(
    ({
      AlarmName,
      AlarmRule,
      AlarmActions,
      ActionsSuppressorWaitPeriod,
      ActionsSuppressorExtensionPeriod,
    }): Listed => ({
      name: neutral(AlarmName),
      metrics: gathered(AlarmRule).map(neutral).sort(),
      when: `any is on, and not while deploying (${ActionsSuppressorWaitPeriod} s before, ${ActionsSuppressorExtensionPeriod} s after)`,
      missing: "",
      tells: AlarmActions?.length ? "topic" : "nobody",
      takesBack: null,
    }),
  );
  return [...single, ...joined].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `http-errors` of `bodega-<stage>-product-service-http-errors`. */
function whatOf(name: string): string {
  return name.replace(/^bodega-<stage>-(?:[a-z]+-service|data|edge|watch)-/, "");
}

const { templates } = synthesize({ stage: "prod" });
const alarms = all(templates);
const suppressor = "bodega-prod-watch-deploying";

describe("the list of alarms", () => {
  it("is the committed one", () => {
    const written = `${JSON.stringify(listed(), null, 2)}\n`;
    if (process.env.UPDATE === "1") {
      writeFileSync(FILE, written);
    }
    expect(JSON.parse(readFileSync(FILE, "utf8")), "UPDATE=1 npm test -- alarms rewrites alarms.json").toEqual(
      listed(),
    );
    expect(readFileSync(FILE, "utf8")).toBe(written);
  });

  it("is the same in both stages, but for what dev has no use for", () => {
    const names = (of: readonly { AlarmName: string }[], stage: string) =>
      of.map(({ AlarmName }) => AlarmName.replace(`-${stage}-`, "-")).sort();
    const dev = synthesize().templates;
    const both = (of: Readonly<Record<string, Template>>) => [
      ...all(of).map(({ properties }) => properties),
      ...composites(of),
    ];
    const missing = names(both(templates), "prod").filter((name) => !names(both(dev), "dev").includes(name));
    // The canary would keep dev's databases awake all day.
    expect(missing).toEqual(["bodega-watch-canary-failed"]);
  });

  it("has no name twice", () => {
    const names = listed().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("has a section in docs/operations.md for each", () => {
    const runbook = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
    const headings = new Set([...runbook.matchAll(/^#{2,4} `?([a-z0-9-]+)`?\s*$/gm)].map(([, heading]) => heading));
    const wanted = new Set([...listed().map(({ name }) => whatOf(name)), "budget"]);
    expect([...wanted].filter((what) => !headings.has(what)).sort()).toEqual([]);
  });
});

describe("every alarm", () => {
  it.each(alarms.map(({ properties }) => [properties.AlarmName, properties] as const))(
    "%s decides on missing data and looks at no average",
    (_, properties) => {
      expect(["breaching", "notBreaching", "ignore"]).toContain(properties.TreatMissingData);
      expect(properties.ActionsEnabled).not.toBe(false);
      for (const { statistic } of metricsOf({ stack: "", properties })) {
        expect(["Sum", "Maximum", "Minimum", "p99"]).toContain(statistic);
      }
    },
  );

  it("looks each minute, two of three, or is one of these", () => {
    const other = listed()
      .filter(({ name }) => !name.endsWith("service-unwell"))
      .filter(
        ({ when, metrics }) => !when.endsWith("2 of 3") || metrics.some((metric) => !/, 60 s$|^IF\(/.test(metric)),
      )
      .map(({ name, when }) => `${whatOf(name)}: ${when.replace(/^[^,]+, /, "")}`);
    expect([...new Set(other)].sort()).toEqual([
      // Once in five minutes.
      "canary-failed: 2 of 3",
      "database-capacity: 5 of 5",
      "dead-letters: 1 of 1",
      "deploying: 1 of 3",
      // As long as a tenth of the traffic goes to a new version.
      "http-error-share: 2 of 5",
      "kill-switch: 2 of 15",
      // Each line is raised once.
      "limit-lines: 1 of 1",
      "messages-given-up: 1 of 1",
      "money-lines: 1 of 1",
      "provider-lines: 1 of 1",
      "sweep-missing: 4 of 5",
    ]);
  });

  it("tells the topic, or a composite alarm, which is not for the suppressor", () => {
    const silent = listed()
      .filter(({ tells }) => tells === "nobody")
      .map(({ name }) => whatOf(name));
    expect([...new Set(silent)].sort()).toEqual(["deploying", "http-error-share"]);
    for (const { properties } of alarms) {
      expect(properties.OKActions?.length ?? 0, properties.AlarmName).toBe(properties.AlarmActions?.length ?? 0);
    }
  });

  it("names a metric that the code writes, or that AWS does", () => {
    const known = new Set<string>();
    const key = (namespace: string, name: string, dimensions: readonly string[]) =>
      `${namespace} ${name} {${[...dimensions].sort().join(", ")}}`;
    const own = new Map<string, Set<string>>();
    const aws = JSON.parse(readFileSync(new URL("../aws-metrics.json", import.meta.url), "utf8")) as {
      namespace: string;
      name: string;
      dimensions: string[][];
    }[];
    for (const { namespace, name, dimensions } of aws) {
      for (const set of dimensions) {
        known.add(key(namespace, name, set));
      }
    }
    const file = new URL("../metrics.json", import.meta.url);
    expect(existsSync(file), "metrics.json is written from the code: cargo xtask metrics").toBe(true);
    for (const { name, dimensions, service } of JSON.parse(readFileSync(file, "utf8")) as {
      name: string;
      dimensions: string[][];
      service: string | string[];
    }[]) {
      for (const set of dimensions) {
        known.add(key("Bodega", name, set));
      }
      const services = own.get(name) ?? new Set();
      for (const one of Array.isArray(service) ? service : [service]) {
        services.add(one);
      }
      own.set(name, services);
    }
    // A metric filter makes a metric of its own.
    for (const template of Object.values(templates)) {
      for (const [, { Properties }] of resources(template, "AWS::Logs::MetricFilter")) {
        for (const { MetricNamespace, MetricName } of Properties.MetricTransformations) {
          known.add(key(MetricNamespace, MetricName, []));
        }
      }
    }
    const dashboards = Object.values(templates).flatMap((template) =>
      resources(template, "AWS::CloudWatch::Dashboard").flatMap(([, { Properties }]) => {
        const body = Properties.DashboardBody["Fn::Join"][1]
          .map((part: unknown) => (typeof part === "string" ? part : "x"))
          .join("");
        return (JSON.parse(body) as { widgets: { properties: { metrics?: unknown[][] } }[] }).widgets.flatMap(
          ({ properties }) =>
            (properties.metrics ?? []).map((metric) => {
              const words = metric.filter((part): part is string => typeof part === "string");
              const dimensions = words.slice(2);
              return {
                Namespace: words[0] ?? "",
                MetricName: words[1] ?? "",
                Dimensions: dimensions
                  .filter((_, index) => index % 2 === 0)
                  .map((Name, index) => ({ Name, Value: dimensions[2 * index + 1] })),
              };
            }),
        );
      }),
    );
    expect(dashboards.length).toBeGreaterThan(40);
    const used = [...alarms.flatMap(metricsOf).map(({ metric }) => metric), ...dashboards];
    for (const { Namespace, MetricName, Dimensions } of used) {
      const dimensions = Dimensions ?? [];
      expect([...known], `${Namespace} ${MetricName}`).toContain(
        key(
          Namespace,
          MetricName,
          dimensions.map(({ Name }) => Name),
        ),
      );
      const service = dimensions.find(({ Name }) => Name === "service")?.Value;
      if (Namespace === "Bodega" && typeof service === "string") {
        expect([...(own.get(MetricName) ?? [])], `${MetricName} of ${service}`).toContain(service);
      }
    }
  });
});

describe("a run of the sweep that failed", () => {
  it.each(["dev", "prod"] as const)(
    "wakes no one by itself in %s; several do, and their record ends by itself",
    (stage) => {
      const { templates, shop } = synthesize({ stage });
      for (const service of SERVICES) {
        const name = `bodega-${stage}-${service}-sweep-dead`;
        const template = templates[`bodega-${stage}-${service}`] as Template;
        const queue = resources(template, "AWS::SQS::Queue").find(
          ([, { Properties }]) => Properties.QueueName === name,
        );
        const alarm = all({ [service]: template }).find(({ properties }) =>
          properties.AlarmName.endsWith("-sweep-dead-letters"),
        );
        if (queue === undefined) {
          expect(alarm).toBeUndefined();
          continue;
        }
        expect(alarm?.properties.AlarmActions ?? []).toEqual([]);
        expect(alarm?.properties.Threshold).toBeGreaterThan(1);
        // As many as the alarm asks for fit into the time that a letter is kept, and not many more hours than that.
        const kept = queue[1].Properties.MessageRetentionPeriod as number;
        expect(kept / shop.config.sweepEvery.toSeconds()).toBeGreaterThan(alarm?.properties.Threshold ?? 0);
        expect(kept).toBeLessThanOrEqual(4 * 3600);
      }
    },
  );
});

describe("lines of logs", () => {
  const root = new URL("../../", import.meta.url);
  const text = (file: string) => readFileSync(new URL(file, root), "utf8");
  const filters = Object.values(templates).flatMap((template) =>
    resources(template, "AWS::Logs::MetricFilter").map(([, { Properties }]) => ({
      pattern: String(Properties.FilterPattern),
      metric: String(Properties.MetricTransformations[0].MetricName),
      logs: template.Resources[Properties.LogGroupName.Ref]?.Properties.LogGroupName as string,
    })),
  );
  /** The logs in which a message is counted, for an alarm that tells the topic of the first. */
  const watchedIn = (message: string) =>
    filters
      .filter(({ pattern }) => pattern.includes(`$.message = "${message}"`))
      .filter(({ metric }) =>
        alarms.some(
          ({ properties }) =>
            properties.MetricName === metric &&
            properties.Threshold === 0 &&
            properties.EvaluationPeriods === 1 &&
            (properties.AlarmActions?.length ?? 0) > 0,
        ),
      )
      .map(({ logs }) => logs.replace(/^.*-service-/, ""))
      .sort();

  const raised = [
    ...text("transaction-service/src/payments/alarms.rs").matchAll(/tracing::error!\([^;]*"([^"]+)"\s*\)/g),
  ];
  const page = text("docs/operations.md").split("## Alarms about money")[1]?.split("\n## ")[0] ?? "";
  const listed = [...page.matchAll(/^\| `([^`]+)` \|/gm)];

  it("about money raise an alarm each, wherever they are written", () => {
    const messages = new Set([...raised, ...listed].map(([, message]) => message ?? ""));
    expect(messages.size).toBeGreaterThanOrEqual(7);
    for (const message of messages) {
      expect([message, watchedIn(message)]).toEqual([message, ["http", "sweep"]]);
    }
  });

  it("of limits and of providers do as well", () => {
    expect(watchedIn("limit counter differs from the open orders; it is set to what they say")).toEqual([
      "http",
      "sweep",
    ]);
    expect(watchedIn("provider needs our attention")).toEqual(["http", "queue"]);
    expect(watchedIn("circuit opens: the provider is left alone for a while")).toEqual(["http", "queue"]);
  });

  it("are lines that the code writes, with the level that is looked for, and fit into a filter", () => {
    const log = {
      "transaction-service": ["payments.rs", "limits.rs", "payments/events.rs", "payments/alarms.rs"],
      "notification-service": ["providers.rs"],
    };
    for (const [service, lines] of Object.entries(LINES)) {
      const code = (log[service as keyof typeof log] ?? []).map((file) => text(`${service}/src/${file}`)).join("\n");
      for (const message of lines.flatMap(({ messages }) => messages)) {
        expect(
          code
            .split("tracing::error!")
            .slice(1)
            .some((call) => call.split(";")[0]?.includes(message.split(";")[0] ?? "")),
          message,
        ).toBe(true);
      }
    }
    for (const { pattern } of filters) {
      expect(pattern).toContain('$.level = "ERROR"');
      expect(pattern.length).toBeLessThanOrEqual(1024);
    }
  });
});

describe("what is watched", () => {
  const byName = new Map(alarms.map((alarm) => [alarm.properties.AlarmName, alarm.properties]));

  it.each(SERVICES)("each function of %s: errors, throttles, time and concurrency, by its own figures", (service) => {
    const template = templates[`bodega-prod-${service}`] as Template;
    const functions = resources(template, "AWS::Lambda::Function").filter(([, { Properties }]) =>
      /-(http|sweep|queue)$/.test(String(Properties.FunctionName)),
    );
    expect(functions.length).toBeGreaterThanOrEqual(2);
    for (const [, { Properties }] of functions) {
      const name: string = Properties.FunctionName;
      expect(byName.get(`${name}-errors`), name).toMatchObject({
        MetricName: "Errors",
        Threshold: 0,
        TreatMissingData: "notBreaching",
      });
      expect(byName.get(`${name}-throttles`), name).toMatchObject({ MetricName: "Throttles", Threshold: 0 });
      expect(byName.get(`${name}-latency`), name).toMatchObject({
        MetricName: "Duration",
        ExtendedStatistic: "p99",
        Threshold: 0.8 * 1000 * Properties.Timeout,
      });
      expect(byName.get(`${name}-concurrency`), name).toMatchObject({
        MetricName: "ConcurrentExecutions",
        Threshold: 0.8 * Properties.ReservedConcurrentExecutions,
      });
      for (const what of ["errors", "latency"]) {
        expect(byName.get(`${name}-${what}`)?.Dimensions, what).toEqual([
          { Name: "FunctionName", Value: name },
          { Name: "Resource", Value: `${name}:live` },
        ]);
      }
      expect(JSON.stringify(byName.get(`bodega-prod-${service}-kill-switch`)?.Metrics)).toContain(name);
    }
  });

  it("each queue for its age, and each queue of dead letters for having any", () => {
    const queues = Object.values(templates).flatMap((template) =>
      resources(template, "AWS::SQS::Queue").map(([, { Properties }]) => Properties),
    );
    expect(queues.length).toBeGreaterThanOrEqual(7);
    const watched = (metric: string) =>
      new Set(
        alarms
          .filter(({ properties }) => properties.MetricName === metric)
          .map(({ properties }) => properties.Dimensions?.[0]?.Value),
      );
    const dead = queues.filter(({ RedrivePolicy }) => !RedrivePolicy).map(({ QueueName }) => QueueName);
    const alive = queues.filter(({ RedrivePolicy }) => RedrivePolicy).map(({ QueueName }) => QueueName);
    expect(watched("ApproximateNumberOfMessagesVisible")).toEqual(new Set(dead));
    expect(watched("ApproximateAgeOfOldestMessage")).toEqual(new Set(alive));
  });

  it("each schedule, for a sweep that does not come; no data is a missing sweep", () => {
    const schedules = Object.entries(templates).flatMap(([stack, template]) =>
      resources(template, "AWS::Scheduler::Schedule").map(([, { Properties }]) => [stack, Properties] as const),
    );
    expect(schedules).toHaveLength(3);
    for (const [stack] of schedules) {
      expect(byName.get(`${stack}-sweep-missing`)).toMatchObject({
        MetricName: "Invocations",
        ComparisonOperator: "LessThanThreshold",
        Threshold: 1,
        TreatMissingData: "breaching",
      });
    }
    const dev = new Map(all(synthesize().templates).map(({ properties }) => [properties.AlarmName, properties]));
    const rates = Object.values(synthesize().templates).flatMap((template) =>
      resources(template, "AWS::Scheduler::Schedule").map(([, { Properties }]) => Properties.ScheduleExpression),
    );
    expect(new Set(rates)).toEqual(new Set(["rate(30 minutes)"]));
    expect(dev.get("bodega-dev-user-service-sweep-missing")?.Period).toBe(1800);
  });

  it("the database by its own limit", () => {
    const { maxConnections } = synthesize({ stage: "prod" }).shop.config.databaseSize;
    expect(byName.get("bodega-prod-data-database-connections")?.Threshold).toBe(Math.floor(0.8 * maxConnections));
    expect(byName.get("bodega-prod-data-database-connections")?.Dimensions).toEqual([
      { Name: "DBClusterIdentifier", Value: "bodega-prod" },
    ]);
  });

  it("purchases by the canary; none bought is as bad as one that failed", () => {
    expect(byName.get("bodega-prod-watch-canary-failed")).toMatchObject({
      TreatMissingData: "breaching",
      Statistic: "Minimum",
      Threshold: 100,
    });
  });

  it("what the month costs", () => {
    const [budget] = Object.values(templates).flatMap((template) => resources(template, "AWS::Budgets::Budget"));
    expect(budget?.[1].Properties.Budget).toMatchObject({ BudgetType: "COST", TimeUnit: "MONTHLY" });
    expect(budget?.[1].Properties.NotificationsWithSubscribers).toHaveLength(3);
  });
});

describe("a version that answers everything with 5xx", () => {
  /** The share of failures that the alarm sees in a minute: `FILL(x, 0)` and a missing figure as CloudWatch has them. */
  const share = (expression: string, failed: number | undefined, asked: number | undefined): number | undefined => {
    expect(expression).toBe("100 * FILL(failed, 0) / asked");
    return asked === undefined ? undefined : (100 * (failed ?? 0)) / asked;
  };

  it.each(SERVICES)(
    "is seen of %s by its share while it has a tenth of the traffic, however little that is",
    (service) => {
      const alarm = alarms.find(({ properties }) => properties.AlarmName === `bodega-prod-${service}-http-error-share`);
      const { Metrics, Threshold, DatapointsToAlarm, EvaluationPeriods } = alarm?.properties ?? ({} as Json);
      const expression = Metrics.find(({ Expression }: Query) => Expression)?.Expression;
      const minutes = (figures: readonly (readonly [number | undefined, number | undefined])[]) =>
        figures.filter(([failed, asked]) => (share(expression, failed, asked) ?? 0) > Threshold).length;
      // Ten requests a minute are 430,000 a month: one of them meets the new version.
      expect(minutes(Array(EvaluationPeriods).fill([1, 10]))).toBeGreaterThanOrEqual(DatapointsToAlarm);
      expect(minutes(Array(EvaluationPeriods).fill([100, 1_000]))).toBeGreaterThanOrEqual(DatapointsToAlarm);
      // One failure alone takes nothing back, nor does a quiet minute.
      const quiet = [undefined, 10] as const;
      expect(minutes([[1, 10], quiet, quiet, [undefined, undefined], quiet])).toBeLessThan(DatapointsToAlarm);
      // The tenth lasts for five minutes.
      expect(EvaluationPeriods).toBeLessThanOrEqual(5);
      expect(alarm?.properties.TreatMissingData).toBe("notBreaching");
      const [, group] =
        resources(templates[`bodega-prod-${service}`] as Template, "AWS::CodeDeploy::DeploymentGroup")[0] ?? [];
      expect(group?.Properties.DeploymentConfigName).toBe("CodeDeployDefault.LambdaCanary10Percent5Minutes");
    },
  );
});

describe("while a deployment runs", () => {
  it("composite alarms keep silent, by an alarm that ends by itself", () => {
    const all = composites(templates);
    expect(all.map(({ AlarmName }) => AlarmName).sort()).toEqual(
      SERVICES.map((service) => `bodega-prod-${service}-service-unwell`).sort(),
    );
    const watch = templates["bodega-prod-watch"] as Template;
    for (const { ActionsSuppressor, AlarmRule, AlarmName } of all) {
      const [, id] = ActionsSuppressor["Fn::GetAtt"]
        ? ["", ActionsSuppressor["Fn::GetAtt"][0]]
        : ["", ActionsSuppressor.Ref];
      expect(watch.Resources[id]?.Properties.AlarmName, AlarmName).toBe(suppressor);
      expect(gathered(AlarmRule).length, AlarmName).toBeGreaterThan(8);
      expect(
        gathered(AlarmRule).filter((name) => !alarms.some(({ properties }) => properties.AlarmName === name)),
      ).toEqual([]);
    }
    expect(alarms.find(({ properties }) => properties.AlarmName === suppressor)?.properties).toMatchObject({
      DatapointsToAlarm: 1,
      TreatMissingData: "notBreaching",
      Threshold: 0,
    });
  });

  it("the pipeline writes the metric that the suppressor looks at", () => {
    const xtask = new URL("../../crates/xtask/src/", import.meta.url);
    const sources = readdirSync(xtask, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".rs"));
    const writes = sources.filter((name) => readFileSync(new URL(name, xtask), "utf8").includes('"Deploying"'));
    // Before there is a pipeline nothing deploys either.
    expect(writes.length > 0 || !sources.includes("deploy.rs"), "no step of cargo xtask deploy writes Deploying").toBe(
      true,
    );
  });

  it("each service's own alarms take its own deployment back, and no other's", () => {
    const groups = takesBack(templates);
    const wanted = SERVICES.flatMap((service) =>
      ["http-errors", "http-server-errors", "http-error-share", "http-latency"].map(
        (what) => [`bodega-prod-${service}-${what}`, `bodega-prod-${service}`] as const,
      ),
    );
    expect([...groups].sort()).toEqual(wanted.sort());
    // One that speaks to nobody else would be good for nothing outside of a deployment.
    const silent = listed().filter(({ tells }) => tells === "nobody");
    expect(silent.filter(({ name, takesBack }) => !takesBack && whatOf(name) !== "deploying")).toEqual([]);
    for (const template of Object.values(templates)) {
      for (const [, { Properties }] of resources(template, "AWS::CodeDeploy::DeploymentGroup")) {
        expect(Properties.AlarmConfiguration.Enabled).toBe(true);
        expect(Properties.AutoRollbackConfiguration.Events).toEqual(
          expect.arrayContaining(["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]),
        );
      }
    }
  });
});
