/** The whole shop, stack by stack, in the order in which they are deployed. */
import type { App, StackProps } from "aws-cdk-lib";
import { DatabaseAlarms } from "./alarms.ts";
import { type Config, configure, EDGE_REGION, named } from "./config.ts";
import { DataStack } from "./data.ts";
import { EdgeStack } from "./edge.ts";
import { EventsStack } from "./events.ts";
import { GithubStack } from "./github.ts";
import { secretId } from "./secrets.ts";
import { SERVICES, type ServiceName } from "./services.ts";
import type { Surroundings } from "./settings.ts";
import { MigrateStack, ServiceStack } from "./stacks.ts";
import { Trial } from "./trial.ts";
import { WatchStack } from "./watch.ts";

/** What a version is tried with where the shop names no product: whatever is in stock, for SES's simulator of a mailbox. */
const ANYTHING = { currency: "USD", email: "success@simulator.amazonses.com", country: "GB" };

export interface Bodega {
  readonly config: Config;
  readonly data: DataStack;
  readonly events: EventsStack;
  readonly edge: EdgeStack;
  readonly migrations: Readonly<Record<ServiceName, MigrateStack>>;
  readonly services: Readonly<Record<ServiceName, ServiceStack>>;
  readonly watch: WatchStack;
  /** Where the context names a repository. */
  readonly github: GithubStack | undefined;
}

export function build(app: App, config: Config = configure(app.node)): Bodega {
  const { region, account, shop, stage } = config;
  const props = (in_: string, description: string): StackProps => ({
    env: { region: in_, account },
    description: `Bodega, ${stage}: ${description}`,
    terminationProtection: config.isProd,
    // CloudFormation hands them down to all that can be tagged.
    tags: { project: "bodega", stage },
  });

  const data = new DataStack(app, named(config, "data"), {
    ...props(region, "what holds data, secrets, and the bare APIs"),
    config,
  });
  new DatabaseAlarms(data, "DatabaseAlarms", {
    stage,
    topic: data.alarms,
    clusterIdentifier: data.database.identifier,
    maxConnections: config.databaseSize.maxConnections,
  });
  const events = new EventsStack(app, named(config, "events"), { ...props(region, "queues and events"), config, data });
  const edge = new EdgeStack(app, named(config, "edge"), {
    ...props(EDGE_REGION, "the public door"),
    crossRegionReferences: true,
    stage,
    removalPolicy: config.removal,
    logRetentionDays: config.logRetention,
    apis: byService((service) => `${data.apis[service].apiId}.execute-api.${region}.${data.urlSuffix}`),
    images: data.images,
    originSecretName: secretId(config, "ORIGIN_SECRET"),
    ...(config.originSecretVersion === undefined ? {} : { originSecretVersion: config.originSecretVersion }),
    ...(shop.domain === undefined ? {} : { domain: shop.domain }),
    ...(shop.pricingPlan === undefined ? {} : { pricingPlan: shop.pricingPlan }),
  });
  const around: Surroundings = { config, data, events, url: edge.url };
  const migrations = byService(
    (service) =>
      new MigrateStack(app, named(config, service, "migrate"), {
        ...props(region, `what operators and the pipeline call of ${service}`),
        service,
        around,
      }),
  );
  const services = byService((service) => {
    const stack = new ServiceStack(app, named(config, service), {
      ...props(region, service),
      service,
      around,
      beforeTraffic: (scope, version) =>
        new Trial(scope, "Trial", {
          stage,
          service,
          version,
          url: edge.url,
          basket: shop.canary ?? ANYTHING,
          logRetention: config.logRetention,
          originSecretArn: data.secrets.get("ORIGIN_SECRET").secretArn,
          keyArn: data.key.keyArn,
        }).fn,
    });
    // Migrations run between the two.
    stack.addStackDependency(migrations[service]);
    return stack;
  });
  const teller = services["notification-service"];
  data.mail?.bringTo(teller, edge.url, teller.service);
  const watch = new WatchStack(app, named(config, "watch"), {
    ...props(region, "dashboard, composite alarms, canary, budget"),
    stage,
    topic: data.alarms,
    url: edge.url,
    alarms: SERVICES.map((service) => services[service].service.alarms),
    currencies: shop.currencies.split(","),
    monthlyBudget: shop.monthlyBudget,
    ...(shop.canary === undefined ? {} : { canary: shop.canary }),
  });
  // Composite alarms name alarms of the services, which CloudWatch looks for.
  for (const service of SERVICES) {
    watch.addStackDependency(services[service]);
  }
  const github =
    config.repository === undefined
      ? undefined
      : new GithubStack(app, named(config, "github"), {
          ...props(region, "what a workflow may do"),
          config,
          repository: config.repository,
        });
  return { config, data, events, edge, migrations, services, watch, github };
}

function byService<T>(make: (service: ServiceName) => T): Record<ServiceName, T> {
  return Object.fromEntries(SERVICES.map((service) => [service, make(service)])) as Record<ServiceName, T>;
}
