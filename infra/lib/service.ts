/**
 * A service in front of its API: functions by what wakes them, each behind the alias `live`, the API's routes, a schedule, queues,
 * alarms, and a deployment that shifts traffic by weight and takes itself back. Used four times. (The place for traces: the functions'
 * environment and role, in `function.ts`; for the event bus: `EventsStack`.)
 */
import { ArnFormat, type CfnResource, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import {
  type CfnRoute,
  type CfnStage,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  type IHttpApi,
  LogGroupLogDestination,
} from "aws-cdk-lib/aws-apigatewayv2";
import { HttpJwtAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from "aws-cdk-lib/aws-codedeploy";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Alias,
  type CfnAlias,
  CfnPermission,
  EventSourceMapping,
  type IFunction,
  type IVersion,
} from "aws-cdk-lib/aws-lambda";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import { ServiceAlarms, type WatchedTrigger } from "./alarms.ts";
import { because } from "./because.ts";
import { named } from "./config.ts";
import { deadLetters, type QueueWithDeadLetters } from "./events.ts";
import { acknowledge, inAccount } from "./findings.ts";
import { ServiceFunction } from "./function.ts";
import { classOf, operationsOf, throttle } from "./routes.ts";
import { type ServiceName, type ServiceShape, type Size, shapes } from "./services.ts";
import { audience, type Surroundings } from "./settings.ts";

/** What everything calls a function by. */
export const ALIAS = "live";

/** More than any function takes; the gateway itself gives up after 30 s. */
const INTEGRATION_TIMEOUT = Duration.seconds(29);

const BATCH = 10;

/** What browsers ask by before they send a token or JSON to another origin, whatever the path. */
const PREFLIGHT = HttpRouteKey.with("/{proxy+}", HttpMethod.OPTIONS);

export interface ServiceProps {
  readonly service: ServiceName;
  readonly around: Surroundings;
  /** Tries a version before it gets traffic; what it is given is that version, by its number. */
  readonly beforeTraffic?: (scope: Construct, version: IVersion) => IFunction;
}

export class Service extends Construct {
  readonly alarms: ServiceAlarms;
  readonly aliases: Readonly<Partial<Record<WatchedTrigger, Alias>>>;
  private readonly props: ServiceProps;
  private readonly shape: ServiceShape;
  private readonly logs: LogGroup[] = [];

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id);
    this.props = props;
    const { service, around } = props;
    this.shape = shapes(around.config)[service];
    const http = this.function("http");
    const aliases: Partial<Record<WatchedTrigger, Alias>> = { http };
    this.routes(http);
    if (this.shape.functions.sweep !== undefined) {
      aliases.sweep = this.function("sweep");
      this.schedule(aliases.sweep);
    }
    const queue = this.queue();
    if (queue !== undefined) {
      aliases.queue = this.function("queue");
      this.consume(aliases.queue, queue, this.size("queue"));
    }
    this.aliases = aliases;
    this.alarms = this.watch(queue);
    this.deploy(http);
  }

  private size(trigger: WatchedTrigger): Size {
    const size = this.shape.functions[trigger];
    if (size === undefined) {
      throw new Error(`${this.props.service} has no function with the trigger ${trigger}`);
    }
    return size;
  }

  /** The queue that the service works off, if there is one. */
  private queue(): QueueWithDeadLetters | undefined {
    const { events } = this.props.around;
    switch (this.props.service) {
      case "product-service":
        return events.images;
      case "notification-service":
        return events.notifications;
      default:
        return undefined;
    }
  }

  private function(trigger: WatchedTrigger): Alias {
    const { service, around } = this.props;
    const id = trigger[0]?.toUpperCase() + trigger.slice(1);
    const made = new ServiceFunction(this, id, { service, trigger, size: this.size(trigger), around });
    this.logs.push(made.logs);
    return new Alias(made, "Live", { aliasName: ALIAS, version: made.fn.currentVersion });
  }

  /** One integration, one authorizer of this API's own, and for each operation a route that names both. */
  private routes(http: Alias): void {
    const { service, around } = this.props;
    const { config, data, url } = around;
    // By attributes: what is made for a route then stands in this stack, not in the API's.
    const api = HttpApi.fromHttpApiAttributes(this, "Api", { httpApiId: data.apis[service].apiId });
    const integration = new HttpLambdaIntegration("Http", http, {
      timeout: INTEGRATION_TIMEOUT,
      // One permission for the API: one for each route would fill the policy of the alias.
      scopePermissionToRoute: false,
    });
    const token = new HttpJwtAuthorizer("Token", url, {
      authorizerName: named(config, service),
      jwtAudience: [audience(config)],
    });
    const none = new HttpNoneAuthorizer();
    const settings: Record<string, object> = {};
    const made: CfnResource[] = [];
    const limit = (key: string, kind: ReturnType<typeof classOf>) => {
      const { rate, burst } = throttle(kind, config.stage);
      // Of a route that is listed here nothing comes from the defaults.
      settings[key] = { ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst, DetailedMetricsEnabled: false };
    };
    for (const operation of operationsOf(service)) {
      const isChecked = operation.access === "token";
      const route = new HttpRoute(this, operation.id, {
        httpApi: api,
        routeKey: HttpRouteKey.with(operation.path, HttpMethod[operation.method as keyof typeof HttpMethod]),
        integration,
        authorizer: isChecked ? token : none,
        ...(isChecked ? { authorizationScopes: [...operation.scopes] } : {}),
      });
      made.push(route.node.defaultChild as CfnRoute);
      if (!isChecked) {
        acknowledge(
          route,
          "AwsSolutions-APIG4",
          operation.access === "public"
            ? "The API's description says that the operation is public"
            : "A token may be absent, which an authorizer of the gateway cannot take; the service checks the one that comes",
        );
      }
      limit(operation.key, classOf(operation));
    }
    const open = (kind: "preflight" | "unknown", routeKey: HttpRouteKey, why: string) => {
      const route = new HttpRoute(this, kind, { httpApi: api, routeKey, integration, authorizer: none });
      made.push(route.node.defaultChild as CfnRoute);
      acknowledge(route, "AwsSolutions-APIG4", why);
      limit(routeKey.key, kind);
    };
    // Beside `$default` the gateway answers no preflight by itself: it asks the integration, and adds its CORS headers to the service's 204.
    open("preflight", PREFLIGHT, "A browser asks by OPTIONS without a token whether it may send one");
    // Unknown paths and methods get our problems, not the gateway's `{"message"}`. The service checks tokens itself, so nothing is open.
    open(
      "unknown",
      HttpRouteKey.DEFAULT,
      "It answers what no operation is: the service says 404 or 405, and checks tokens itself",
    );
    this.letIn(api);
    this.stage(api, settings, made);
  }

  /**
   * The library lets in `<api>/<stage>/<method>/<path>`. What no route fits comes as `<api>/$default/$default`, one part less, and would be
   * the gateway's 500 (so it was with SAM: its issue 1860).
   */
  private letIn(api: IHttpApi): void {
    const stack = Stack.of(this);
    const sourceArn = stack.formatArn({ service: "execute-api", resource: api.apiId, resourceName: "*/*" });
    for (const permission of this.node.findAll().filter((child) => child instanceof CfnPermission)) {
      if (permission.principal === "apigateway.amazonaws.com") {
        permission.sourceArn = sourceArn;
      }
    }
  }

  private stage(api: IHttpApi, settings: Record<string, object>, routes: readonly CfnResource[]): void {
    const { service, around } = this.props;
    const { config } = around;
    const logs = new LogGroup(this, "AccessLog", {
      // Groups with this prefix are let in as a whole; a policy that lists every group has a limit of its own.
      logGroupName: `/aws/vendedlogs/${named(config, service)}-access`,
      retention: config.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const { rate, burst } = throttle("unknown", config.stage);
    const stage = new HttpStage(this, "Stage", {
      httpApi: api,
      stageName: "$default",
      autoDeploy: true,
      throttle: { rateLimit: rate, burstLimit: burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logs),
        // No address, no path with ids in it, no caller: what the service logs itself has the caller's id.
        format: AccessLogFormat.custom(
          JSON.stringify({
            requestId: "$context.requestId",
            routeKey: "$context.routeKey",
            status: "$context.status",
            protocol: "$context.protocol",
            responseLatency: "$context.responseLatency",
            responseLength: "$context.responseLength",
            integrationStatus: "$context.integration.status",
            integrationError: "$context.integrationErrorMessage",
            authorizerError: "$context.authorizer.error",
            gatewayError: "$context.error.responseType",
          }),
        ),
      },
    });
    const resource = stage.node.defaultChild as CfnStage;
    resource.addPropertyOverride("RouteSettings", settings);
    // A route must be there before it is limited.
    for (const route of routes) {
      resource.addResourceDependency(route);
    }
  }

  /** What could not be run is kept; the next run finishes what this one would have. */
  private schedule(sweep: Alias): void {
    const { service, around } = this.props;
    const { config } = around;
    const stack = Stack.of(this);
    const name = named(config, service, "sweep");
    // A letter is a record, not work: what matters is whether several came one after the other.
    const kept = Duration.minutes(Math.max(60, 4 * config.sweepEvery.toMinutes()));
    const lost = deadLetters(this, config, `${name}-dead`, [], kept);
    sweep.configureAsyncInvoke({
      onFailure: new SqsDestination(lost),
      maxEventAge: Duration.minutes(1),
      retryAttempts: 0,
    });
    // EventBridge Scheduler shows the group as the source, and wants no role that is for one schedule of it (its guide, "Confused deputy").
    const group = stack.formatArn({
      service: "scheduler",
      resource: "schedule-group",
      resourceName: "default",
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    const role = new Role(this, "ScheduleRole", {
      description: `Wakes ${name}`,
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": stack.account }, ArnEquals: { "aws:SourceArn": group } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({ sid: "Wake", actions: ["lambda:InvokeFunction"], resources: [sweep.functionArn] }),
    );
    role.addToPolicy(new PolicyStatement({ sid: "GiveUp", actions: ["sqs:SendMessage"], resources: [lost.queueArn] }));
    const minutes = config.sweepEvery.toMinutes();
    const resource = new CfnSchedule(this, "Schedule", {
      name,
      description: `Finishes or unwinds what ${service} left half way`,
      scheduleExpression: minutes === 1 ? "rate(1 minute)" : `rate(${minutes} minutes)`,
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        arn: sweep.functionArn,
        roleArn: role.roleArn,
        deadLetterConfig: { arn: lost.queueArn },
        retryPolicy: { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 1 },
      },
    });
    resource.node.addDependency(role);
  }

  private consume(alias: Alias, { queue }: QueueWithDeadLetters, size: Size): void {
    const mapping = new EventSourceMapping(this, "Messages", {
      target: alias,
      eventSourceArn: queue.queueArn,
      batchSize: BATCH,
      reportBatchItemFailures: true,
      // At least 2; what is reserved is the queue's alone.
      maxConcurrency: Math.max(2, size.reserved),
    });
    acknowledge(
      mapping,
      "Serverless-LambdaEventSourceMappingDestination",
      "A destination is for streams; a queue has dead letters, and each message fails by itself",
    );
  }

  private watch(queue: QueueWithDeadLetters | undefined): ServiceAlarms {
    const { service, around } = this.props;
    const { config, data } = around;
    const name = service === "product-service" ? "images" : "notifications";
    return new ServiceAlarms(this, "Alarms", {
      stage: config.stage,
      service,
      sweepEvery: config.sweepEvery,
      ...(this.aliases.sweep === undefined
        ? {}
        : { lost: [{ name: "sweep", queueName: `${named(config, service, "sweep")}-dead` }] }),
      topic: data.alarms,
      apiId: data.apis[service].apiId,
      logs: this.logs,
      functions: (Object.keys(this.aliases) as WatchedTrigger[]).map((trigger) => {
        const { timeout, reserved } = this.size(trigger);
        return { trigger, timeout, reserved, alias: ALIAS };
      }),
      ...(queue === undefined
        ? {}
        : { queues: [{ name, queueName: named(config, name), deadLetterName: `${named(config, name)}-dead` }] }),
    });
  }

  /** Traffic moves by weight; an alarm, or a version that fails its trial, moves it back. */
  private deploy(http: Alias): void {
    const { service, around, beforeTraffic } = this.props;
    const { config } = around;
    const stack = Stack.of(this);
    const name = named(config, service);
    const target = named(config, service, "http");
    const role = new Role(this, "DeployRole", {
      description: `Shifts traffic of ${name}`,
      assumedBy: new ServicePrincipal("codedeploy.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": stack.account } },
      }),
    });
    const alias = stack.formatArn({
      service: "lambda",
      resource: "function",
      resourceName: target,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    role.addToPolicy(
      new PolicyStatement({
        sid: "Shift",
        actions: ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"],
        resources: [alias, `${alias}:*`],
      }),
    );
    const versions = "the alias and the versions of this one function, whose numbers are not known yet";
    because(this, `arn:{p}:lambda:{r}:{a}:function:${target}:*`, versions);
    const found = `arn:aws:lambda:${config.region}:${inAccount(this)}:function:${target}:*`;
    acknowledge(role, `AwsSolutions-IAM5[Resource::${found}]`, versions);
    role.addToPolicy(
      new PolicyStatement({ sid: "LookAtAlarms", actions: ["cloudwatch:DescribeAlarms"], resources: ["*"] }),
    );
    const states =
      "CloudWatch wants DescribeAlarms on all alarms, or leaves out composite ones; it shows states and changes nothing";
    because(this, "*", states, "cloudwatch:DescribeAlarms");
    acknowledge(role, "AwsSolutions-IAM5[Resource::*]", states);
    const hook = beforeTraffic?.(this, http.version);
    if (hook !== undefined) {
      role.addToPolicy(
        new PolicyStatement({ sid: "Try", actions: ["lambda:InvokeFunction"], resources: [hook.functionArn] }),
      );
    }
    new LambdaDeploymentGroup(this, "Deployment", {
      application: new LambdaApplication(this, "Application", { applicationName: name }),
      deploymentGroupName: name,
      alias: http,
      deploymentConfig: config.isProd
        ? LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES
        : LambdaDeploymentConfig.ALL_AT_ONCE,
      alarms: [...this.alarms.rollBack],
      autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
      // As it is: the library would add a managed policy that is good for all functions of the account.
      role: role.withoutPolicyUpdates(),
      ...(hook === undefined ? {} : { preHook: hook }),
    });
    if (config.atOnce.includes(service)) {
      // CloudFormation moves the alias itself: CodeDeploy refuses to begin from a version that it did not bring about.
      (http.node.defaultChild as CfnAlias).cfnOptions.updatePolicy = undefined;
    }
  }
}
