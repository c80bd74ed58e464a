import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ATLAS_CONNECTIONS,
  ATLAS_MAX_CONNECTIONS,
  ATLAS_RESERVE,
  AURORA_CONNECTIONS,
  AURORA_RESERVE,
  connectionsTo,
  SERVICES,
  type ServiceName,
  shapes,
  type Trigger,
} from "../lib/services.ts";
import { type Json, only, type Resource, resources, synthesize, type Template } from "./support.ts";

const forms = { dev: {}, prod: { stage: "prod" }, express: { database: "express" } } as const;

interface Deployed {
  readonly service: ServiceName;
  readonly trigger: Trigger;
  readonly id: string;
  readonly template: Template;
  readonly properties: Json;
}

/** All functions of services, in both of a service's stacks. */
function functions(given: Record<string, string>): Deployed[] {
  const shop = synthesize(given);
  return SERVICES.flatMap((service) =>
    [service, `${service}-migrate`].flatMap((name) => {
      const template = shop.of(name);
      return resources(template, "AWS::Lambda::Function")
        .filter(([, { Properties }]) => Properties.Runtime === "provided.al2023")
        .map(([id, { Properties }]) => {
          const trigger = Properties.Environment.Variables.TRIGGER as Trigger;
          return { service, trigger, id, template, properties: Properties };
        });
    }),
  );
}

const prod = functions(forms.prod);
const name = ({ service, trigger }: Deployed) => `${service} ${trigger}`;

it("deploys each service by its triggers, and no other function", () => {
  expect(prod.map(name)).toEqual([
    "notification-service http",
    "notification-service queue",
    "notification-service migrate",
    "notification-service admin",
    "user-service http",
    "user-service sweep",
    "user-service migrate",
    "user-service admin",
    "product-service http",
    "product-service sweep",
    "product-service queue",
    "product-service migrate",
    "transaction-service http",
    "transaction-service sweep",
    "transaction-service migrate",
  ]);
});

describe.each(prod.map((deployed) => [name(deployed), deployed] as const))(
  "%s",
  (_, { service, trigger, id, template, properties }) => {
    const physical = `bodega-prod-${service}-${trigger}`;

    it("sets its name, runtime, memory, timeout and reserved concurrency", () => {
      expect(properties).toMatchObject({
        FunctionName: physical,
        Runtime: "provided.al2023",
        Handler: "bootstrap",
        Architectures: ["arm64"],
        RecursiveLoop: "Terminate",
      });
      expect(properties.MemorySize).toBeGreaterThanOrEqual(256);
      expect(properties.ReservedConcurrentExecutions).toBeGreaterThan(0);
      // 3 s is Lambda's default; the gateway gives up after 30 s, and jobs are taken up by others after a minute.
      const most = { http: 29, queue: 30, sweep: 60, admin: 60, migrate: 900 }[trigger];
      expect(properties.Timeout).toBeGreaterThan(3);
      expect(properties.Timeout).toBeLessThanOrEqual(most);
    });

    it("writes JSON to a log of its own that is not kept for ever", () => {
      const groups = resources(template, "AWS::Logs::LogGroup").filter(
        ([, { Properties }]) => Properties.LogGroupName === `/aws/lambda/${physical}`,
      );
      expect(groups).toHaveLength(1);
      expect(groups[0]?.[1].Properties.RetentionInDays).toBe(90);
      expect(properties.LoggingConfig).toMatchObject({
        LogFormat: "JSON",
        ApplicationLogLevel: "TRACE",
        LogGroup: { Ref: groups[0]?.[0] },
      });
    });

    it("has a role of its own, without a managed policy, that Lambda alone may take", () => {
      const role = properties.Role["Fn::GetAtt"][0] as string;
      const resource = template.Resources[role];
      expect(resource?.Type).toBe("AWS::IAM::Role");
      expect(resource?.Properties.ManagedPolicyArns).toBeUndefined();
      const trust = resource?.Properties.AssumeRolePolicyDocument.Statement;
      expect(trust).toEqual([
        { Action: "sts:AssumeRole", Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" } },
      ]);
      const others = resources(template, "AWS::Lambda::Function").filter(
        ([other, { Properties }]) => other !== id && JSON.stringify(Properties.Role).includes(role),
      );
      expect(others).toEqual([]);
    });

    it("has no secret in its environment, only the name of one that its role may read", () => {
      const variables = properties.Environment.Variables as Record<string, Json>;
      const named: string[] = [];
      for (const [setting, value] of Object.entries(variables)) {
        if (typeof value === "string" && value.startsWith("secretsmanager:")) {
          expect(value).toBe(`secretsmanager:bodega/prod/${setting}`);
          named.push(setting);
        } else if (/SECRET|KEY|TOKEN|_URI$|PASSWORD/.test(setting)) {
          expect(value, setting).toBe("not-for-this-function-0123456789abcdef");
        }
      }
      const statements = policyOf(template, properties.Role["Fn::GetAtt"][0]);
      const readable = statements
        .filter(({ Sid }) => Sid === "FindSecrets")
        .flatMap(({ Resource }) => [Resource].flat());
      expect(readable.map((arn) => /bodega\/prod\/(\w+)/.exec(JSON.stringify(arn))?.[1]).sort()).toEqual(named.sort());
      const secrets = statements
        .filter(({ Sid }) => Sid === "ReadSecrets")
        .flatMap(({ Resource }) => [Resource].flat());
      expect(secrets).toHaveLength(named.length);
    });

    it("keeps the versions that a deployment may go back to", () => {
      const versions = resources(template, "AWS::Lambda::Version").filter(
        ([, { Properties }]) => Properties.FunctionName.Ref === id,
      );
      const expected = trigger === "migrate" || trigger === "admin" ? 0 : 1;
      expect(
        versions.map(([, { DeletionPolicy, UpdateReplacePolicy }]) => [DeletionPolicy, UpdateReplacePolicy]),
      ).toEqual(Array(expected).fill(["Retain", "Retain"]));
    });

    it("has an environment below Lambda's 4 KB", () => {
      expect(JSON.stringify(properties.Environment.Variables).length).toBeLessThan(4_000);
    });
  },
);

function policyOf(template: Template, role: string): Json[] {
  return resources(template, "AWS::IAM::Policy")
    .filter(([, { Properties }]) => Properties.Roles.some((member: Json) => member.Ref === role))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}

describe.each(Object.entries(forms))("settings in %s", (form, given) => {
  /** What `configure` of each service asks for, read from its source: `env.text("NAME")` and the like. */
  const SOURCES: Record<ServiceName, string[]> = {
    "notification-service": [
      "notification-service/src/app.rs",
      "notification-service/src/templates/shop.rs",
      "notification-service/src/providers/settings.rs",
      "crates/platform/src/fingerprint.rs",
    ],
    "user-service": ["user-service/src/app.rs", "crates/platform/src/fingerprint.rs"],
    "product-service": ["product-service/src/app.rs", "product-service/src/bucket.rs"],
    "transaction-service": ["transaction-service/src/app.rs", "crates/platform/src/fingerprint.rs"],
  };
  /** Required only where another setting is there. */
  const CONDITIONAL = new Set(["STAFF_EMAIL", "PRODUCT_SERVICE_CLIENT_SECRET", "REDUCED_TAX_RATE", "MAIL_PROVIDER"]);
  /** Lambda sets it. */
  const GIVEN = new Set(["AWS_REGION"]);

  it.each(functions(given).map((deployed) => [name(deployed), deployed] as const))(
    "are complete for %s",
    (_, { service, properties }) => {
      const asked = SOURCES[service].flatMap((file) => {
        const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").split("#[cfg(test)]")[0] ?? "";
        return [
          ...source.matchAll(/env\.(?:text|url|parsed(?:::<[^>]+>)?|secret|secret_of_at_least)\("([A-Z_]+)"/g),
        ].map(([, setting]) => setting ?? "");
      });
      expect(asked.length).toBeGreaterThan(3);
      const variables = Object.keys(properties.Environment.Variables);
      const staff = "STAFF_EMAIL" in properties.Environment.Variables;
      const missing = asked.filter(
        (setting) =>
          !variables.includes(setting) &&
          !GIVEN.has(setting) &&
          !CONDITIONAL.has(setting) &&
          !(service === "product-service" && setting === "API_BASE_URL" && !staff),
      );
      expect(missing, form).toEqual([]);
    },
  );
});

describe("pools", () => {
  it("are as large as the services make them", () => {
    const pool = (file: string) => {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
      return Number(/const CONNECTIONS: u32 = (\d+);/.exec(source)?.[1]);
    };
    expect(pool("crates/platform/src/postgres.rs")).toBe(AURORA_CONNECTIONS);
    expect(pool("product-service/src/mongo.rs")).toBe(ATLAS_CONNECTIONS);
  });

  it.each(Object.entries(forms))("of all instances fit into what the stores take: %s", (_, given) => {
    const { config } = synthesize(given).shop;
    // Counted from the templates: sizes that a stack changed would show here.
    const reserved = (services: ServiceName[]) =>
      functions(given)
        .filter(({ service }) => services.includes(service))
        .reduce((sum, { properties }) => sum + properties.ReservedConcurrentExecutions, 0);
    const aurora = AURORA_CONNECTIONS * reserved(["user-service", "transaction-service"]);
    const atlas = ATLAS_CONNECTIONS * reserved(["product-service"]);
    expect([connectionsTo("aurora", config), connectionsTo("atlas", config)]).toEqual([aurora, atlas]);
    expect(aurora).toBeLessThanOrEqual(config.databaseSize.maxConnections - AURORA_RESERVE);
    expect(atlas).toBeLessThanOrEqual(ATLAS_MAX_CONNECTIONS[config.stage] - ATLAS_RESERVE);
    // After a deployment frozen instances of the version before keep theirs for a while, which nothing reserves: of one service at a time.
    const twice = Math.max(...(["user-service", "transaction-service"] as const).map((service) => reserved([service])));
    expect(aurora + AURORA_CONNECTIONS * twice).toBeLessThanOrEqual(
      config.databaseSize.maxConnections - AURORA_RESERVE,
    );
  });

  it("are what docs/operations.md reckons with", () => {
    const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
    const { config } = synthesize({ stage: "prod" }).shop;
    const all = connectionsTo("aurora", config);
    const ofUsers = Object.values(shapes(config)["user-service"].functions).reduce(
      (sum, size) => sum + size.reserved,
      0,
    );
    expect(page).toContain(`${all} of ${config.databaseSize.maxConnections} in \`prod\``);
    expect(page).toContain(
      `up to ${all + AURORA_CONNECTIONS * ofUsers} are open, and after both, one soon after the other, up to ${2 * all}`,
    );
  });

  it("leave a hundred of an account's thousand instances unreserved, with both stages in one account", () => {
    const sum = [...functions(forms.dev), ...prod].reduce(
      (total, { properties }) => total + properties.ReservedConcurrentExecutions,
      0,
    );
    expect(sum).toBeLessThanOrEqual(1_000 - 100);
  });
});

describe("timeouts", () => {
  const timeout = (service: ServiceName, trigger: Trigger) =>
    prod.find((deployed) => deployed.service === service && deployed.trigger === trigger)?.properties.Timeout as number;
  const millis = (file: string, constant: RegExp) => {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    return Number(constant.exec(source)?.[1]?.replace("_", ""));
  };

  it("hold a request's deadline and the work after its answer", () => {
    const after =
      millis("crates/platform/src/after_response.rs", /BUDGET: Duration = Duration::from_secs\((\d+)\)/) * 1_000;
    expect(after).toBe(2_000);
    for (const service of ["product-service", "user-service"] as const) {
      const request = millis(`${service}/src/app.rs`, /DEADLINE: Duration = Duration::from_millis\(([\d_]+)\)/);
      expect(1_000 * timeout(service, "http")).toBeGreaterThan(request + after);
    }
    const checkout = millis("transaction-service/src/app.rs", /DEADLINE: u64 = (\d+)/) * 1_000;
    expect(1_000 * timeout("transaction-service", "http")).toBeGreaterThanOrEqual(checkout + after + 3_000);
  });
});

describe("what wakes a function", () => {
  const templates = SERVICES.map((service) => [service, synthesize(forms.prod).of(service)] as const);
  const aliasOf = (template: Template, part: string) =>
    resources(template, "AWS::Lambda::Alias").find(([id]) => id.startsWith(`Service${part}Live`));

  it.each(templates)("of %s is given its alias, never the bare function", (_, template) => {
    const aliases = resources(template, "AWS::Lambda::Alias");
    expect(aliases.map(([, { Properties }]) => Properties.Name)).toEqual(aliases.map(() => "live"));
    const targets: Json[] = [
      ...resources(template, "AWS::ApiGatewayV2::Integration").map(([, { Properties }]) => Properties.IntegrationUri),
      ...resources(template, "AWS::Lambda::EventSourceMapping").map(([, { Properties }]) => Properties.FunctionName),
      ...resources(template, "AWS::Scheduler::Schedule").map(([, { Properties }]) => Properties.Target.Arn),
      ...resources(template, "AWS::Lambda::Permission").map(([, { Properties }]) => Properties.FunctionName),
    ];
    expect(targets.length).toBeGreaterThan(1);
    const ids = aliases.map(([id]) => id);
    for (const target of targets) {
      // A reference to an alias, or an alias' parts put together.
      const text = JSON.stringify(target);
      expect(ids.some((id) => text.includes(`"${id}"`)) || text.includes(":live"), text).toBe(true);
    }
  });

  it.each([
    ["user-service", "bodega-prod-user-service-sweep"],
    ["product-service", "bodega-prod-product-service-sweep"],
    ["transaction-service", "bodega-prod-transaction-service-sweep"],
  ] as const)(
    "is a schedule each minute for the sweep of %s, which gives up soon and keeps what it gave up",
    (service, schedule) => {
      const template = synthesize(forms.prod).of(service);
      const [, { Properties }] = only(template, "AWS::Scheduler::Schedule");
      const [dead] =
        resources(template, "AWS::SQS::Queue").find(([, q]) => q.Properties.QueueName === `${schedule}-dead`) ?? [];
      const deadArn = { "Fn::GetAtt": [dead, "Arn"] };
      expect(Properties).toMatchObject({
        Name: schedule,
        ScheduleExpression: "rate(1 minute)",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: {
          Arn: { Ref: aliasOf(template, "Sweep")?.[0] },
          DeadLetterConfig: { Arn: deadArn },
          RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1 },
        },
      });
      const [, invoke] = only(template, "AWS::Lambda::EventInvokeConfig");
      expect(invoke.Properties).toMatchObject({
        MaximumEventAgeInSeconds: 60,
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnFailure: { Destination: deadArn } },
      });
      // The last part of the alias' ARN: its name.
      expect(JSON.stringify(invoke.Properties.Qualifier)).toContain(aliasOf(template, "Sweep")?.[0]);
    },
  );

  it("is no schedule where there is nothing to sweep, and a rarer one in dev", () => {
    expect(resources(synthesize(forms.prod).of("notification-service"), "AWS::Scheduler::Schedule")).toEqual([]);
    const [, { Properties }] = only(synthesize().of("user-service"), "AWS::Scheduler::Schedule");
    expect(Properties.ScheduleExpression).toBe("rate(30 minutes)");
  });

  // EventBridge Scheduler's guide, "Confused deputy prevention": the source is the group, never one schedule of it.
  it.each(["user-service", "product-service", "transaction-service"] as const)(
    "has for %s a role that schedules of this account's group may take",
    (service) => {
      const template = synthesize(forms.prod).of(service);
      const roles = resources(template, "AWS::IAM::Role").filter(([id]) => id.includes("ScheduleRole"));
      expect(roles).toHaveLength(1);
      const [trust] = roles[0]?.[1].Properties.AssumeRolePolicyDocument.Statement ?? [];
      expect(trust.Principal).toEqual({ Service: "scheduler.amazonaws.com" });
      const [, schedule] = only(template, "AWS::Scheduler::Schedule");
      const group = schedule.Properties.GroupName ?? "default";
      const condition = JSON.stringify(trust.Condition);
      expect(condition).toMatch(new RegExp(`aws:SourceAccount.*:schedule-group/${group}"`));
      expect(condition).not.toContain(":schedule/");
    },
  );

  it.each([
    ["product-service", "images"],
    ["notification-service", "notifications"],
  ] as const)("is a queue for %s, message by message, with no more at once than is reserved", (service, queue) => {
    const template = synthesize(forms.prod).of(service);
    const [, { Properties }] = only(template, "AWS::Lambda::EventSourceMapping");
    expect(Properties).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
    const [alias] = aliasOf(template, "Queue") ?? [];
    expect(JSON.stringify(Properties.FunctionName)).toContain(alias);
    expect(Properties.FunctionName["Fn::Join"][1].at(-1)).toBe(":live");
    expect(JSON.stringify(Properties.EventSourceArn)).toContain("bodega-prod-events");
    const { ScalingConfig } = Properties;
    const reserved = prod.find((f) => f.service === service && f.trigger === "queue")?.properties
      .ReservedConcurrentExecutions;
    expect(ScalingConfig.MaximumConcurrency).toBeGreaterThanOrEqual(2);
    expect(ScalingConfig.MaximumConcurrency).toBeLessThanOrEqual(reserved);
    const visibility = resources(synthesize(forms.prod).of("events"), "AWS::SQS::Queue").find(
      ([, q]) => q.Properties.QueueName === `bodega-prod-${queue}`,
    )?.[1].Properties.VisibilityTimeout;
    const timeout = prod.find((f) => f.service === service && f.trigger === "queue")?.properties.Timeout;
    expect(visibility).toBeGreaterThanOrEqual(6 * timeout);
  });
});

describe.each(SERVICES)("a deployment of %s", (service) => {
  const template = synthesize(forms.prod).of(service);
  const [groupId, group] = only(template, "AWS::CodeDeploy::DeploymentGroup");
  const [, alias] = resources(template, "AWS::Lambda::Alias").find(([id]) => id.startsWith("ServiceHttpLive")) ?? [];

  it("shifts a tenth of the traffic first, and takes itself back when an alarm goes or it fails", () => {
    expect(group.Properties.DeploymentConfigName).toBe("CodeDeployDefault.LambdaCanary10Percent5Minutes");
    expect(group.Properties.DeploymentStyle).toEqual({
      DeploymentOption: "WITH_TRAFFIC_CONTROL",
      DeploymentType: "BLUE_GREEN",
    });
    expect(group.Properties.AutoRollbackConfiguration).toEqual({
      Enabled: true,
      Events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
    });
    expect(group.Properties.AlarmConfiguration.Enabled).toBe(true);
    const alarms = group.Properties.AlarmConfiguration.Alarms as Json[];
    const names = alarms.map(({ Name }) => template.Resources[Name.Ref]?.Properties.AlarmName);
    expect(names.sort()).toEqual(
      ["http-error-share", "http-errors", "http-latency", "http-server-errors"].map(
        (what) => `bodega-prod-${service}-${what}`,
      ),
    );
    expect(alias?.UpdatePolicy.CodeDeployLambdaAliasUpdate.DeploymentGroupName).toEqual({ Ref: groupId });
  });

  it("may move the alias of this function and no other", () => {
    const role = group.Properties.ServiceRoleArn["Fn::GetAtt"][0];
    expect((template.Resources[role] as Resource).Properties.ManagedPolicyArns).toBeUndefined();
    const shift = policyOf(template, role).find(({ Sid }) => Sid === "Shift");
    expect(JSON.stringify(shift.Resource)).toContain(`function:bodega-prod-${service}-http`);
    expect([shift.Resource].flat()).toHaveLength(2);
  });

  it("moves the alias at once where an undo by hand went before, and of no other service", () => {
    const undone = ["user-service", "product-service"];
    const at = synthesize({ stage: "prod", "at-once": undone.join(",") }).of(service);
    const shifted = resources(at, "AWS::Lambda::Alias").filter(([, { UpdatePolicy }]) => UpdatePolicy !== undefined);
    expect(shifted).toHaveLength(undone.includes(service) ? 0 : 1);
  });
});
