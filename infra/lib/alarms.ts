/**
 * The alarms. Each is 60 s, two of three, unless it says why not; each decides what missing data means; none looks at an average of latencies.
 * docs/operations.md has a section for each, headed by its `what`; docs/decisions/0047-alarms.md says what is not watched, and why.
 */
import {
  aws_cloudwatch_actions as actions,
  aws_cloudwatch as cloudwatch,
  Duration,
  aws_logs as logs,
  type aws_sns as sns,
} from "aws-cdk-lib";
import { Construct } from "constructs";
import { LINES, type Lines } from "./lines.ts";

const { ComparisonOperator, TreatMissingData } = cloudwatch;

/** The namespace of what the services write themselves; metrics.json has its names. */
export const NAMESPACE = "Bodega";

/** What woke a function, as in the setting `TRIGGER`. */
export type WatchedTrigger = "http" | "sweep" | "queue";

export interface WatchedFunction {
  readonly trigger: WatchedTrigger;
  readonly timeout: Duration;
  /** Reserved concurrency. */
  readonly reserved?: number;
  /** The alias that everything calls. */
  readonly alias?: string;
}

export interface WatchedQueue {
  /** What is in it: `images`. */
  readonly name: string;
  readonly queueName: string;
  readonly deadLetterName: string;
}

export interface ServiceAlarmsProps {
  readonly stage: string;
  /** `product-service` */
  readonly service: string;
  readonly topic: sns.ITopic;
  readonly apiId: string;
  /** What the functions write, in which lines are looked for. */
  readonly logs?: readonly logs.ILogGroup[];
  readonly functions: readonly WatchedFunction[];
  readonly queues?: readonly WatchedQueue[];
  /** Queues of invocations that failed, by the trigger of their function. */
  readonly lost?: readonly { readonly name: WatchedTrigger; readonly queueName: string }[];
  /** How often the sweep runs; a minute unless the stage says otherwise. */
  readonly sweepEvery?: Duration;
}

/** Who is notified of an alarm. */
export type Tells =
  /** The topic at once: it is true while a deployment runs as well. */
  | "topic"
  /** The service's composite alarm, which keeps silent while a deployment runs. */
  | "composite"
  /** CodeDeploy, while it shifts traffic; else no one. */
  | "deployment";

interface Watch {
  readonly what: string;
  readonly describe: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly comparison?: cloudwatch.ComparisonOperator;
  readonly datapoints?: number;
  readonly periods?: number;
  readonly missing?: cloudwatch.TreatMissingData;
  readonly tells: Tells;
}

const MINUTE = Duration.minutes(1);

export function alarmName(stage: string, owner: string, what: string): string {
  return `bodega-${stage}-${owner}-${what}`;
}

function pascal(kebab: string): string {
  return kebab.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());
}

/** One alarm as all are made. */
export function watch(
  scope: Construct,
  stage: string,
  owner: string,
  topic: sns.ITopic,
  watched: Watch,
): cloudwatch.Alarm {
  const alarm = new cloudwatch.Alarm(scope, pascal(watched.what), {
    alarmName: alarmName(stage, owner, watched.what),
    alarmDescription: `${watched.describe} docs/operations.md, "${watched.what}".`,
    metric: watched.metric,
    threshold: watched.threshold,
    comparisonOperator: watched.comparison ?? ComparisonOperator.GREATER_THAN_THRESHOLD,
    datapointsToAlarm: watched.datapoints ?? 2,
    evaluationPeriods: watched.periods ?? 3,
    treatMissingData: watched.missing ?? TreatMissingData.NOT_BREACHING,
  });
  if (watched.tells === "topic") {
    const tell = new actions.SnsAction(topic);
    alarm.addAlarmAction(tell);
    alarm.addOkAction(tell);
  }
  return alarm;
}

/** What is watched of one service. */
export class ServiceAlarms extends Construct {
  readonly service: string;
  /** Alarms that stop a deployment of the HTTP function and take it back. */
  readonly rollBack: cloudwatch.IAlarm[];
  /** The names of those that the composite alarm gathers. */
  readonly gathered: string[] = [];
  readonly functions: readonly WatchedFunction[];
  readonly queues: readonly WatchedQueue[];

  private readonly alarms = new Map<string, cloudwatch.Alarm>();

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ServiceAlarmsProps,
  ) {
    super(scope, id);
    this.service = props.service;
    this.functions = props.functions;
    this.queues = props.queues ?? [];
    for (const watched of props.functions) {
      this.ofFunction(watched);
    }
    this.ofRequests();
    this.ofSweep();
    this.queues.forEach((queue, index) => {
      this.ofQueue(queue, index === 0);
    });
    for (const { name, queueName } of props.lost ?? []) {
      this.add({
        what: `${name}-dead-letters`,
        describe: `Several runs of ${name} were given up, one soon after the other.`,
        metric: sqs("ApproximateNumberOfMessagesVisible", queueName),
        // The next run does what one would have done, and a letter ends by itself: nothing is to be purged.
        threshold: 2,
        tells: "composite",
      });
    }
    for (const lines of LINES[props.service] ?? []) {
      this.ofLines(lines);
    }
    this.killSwitch();
    if (OUTBOXES.includes(props.service)) {
      this.ofOutbox();
    }
    if (LEDGERS.includes(props.service)) {
      this.ofLedger();
    }
    this.rollBack = ["http-errors", "http-server-errors", "http-error-share", "http-latency"].flatMap(
      (what) => this.alarms.get(what) ?? [],
    );
  }

  private add(watched: Watch): void {
    this.alarms.set(watched.what, watch(this, this.props.stage, this.service, this.props.topic, watched));
    if (watched.tells === "composite") {
      this.gathered.push(alarmName(this.props.stage, this.service, watched.what));
    }
  }

  private functionName(trigger: WatchedTrigger): string {
    return `bodega-${this.props.stage}-${this.service}-${trigger}`;
  }

  /** A metric of Lambda's: of the function, or of what its alias gets, which is another series. */
  private lambda(
    watched: WatchedFunction,
    name: string,
    statistic: string,
    of: "function" | "alias",
    period = MINUTE,
  ): cloudwatch.Metric {
    const functionName = this.functionName(watched.trigger);
    const resource: Record<string, string> =
      of === "alias" && watched.alias ? { Resource: `${functionName}:${watched.alias}` } : {};
    return new cloudwatch.Metric({
      namespace: "AWS/Lambda",
      metricName: name,
      dimensionsMap: { FunctionName: functionName, ...resource },
      statistic,
      period,
    });
  }

  private own(name: string, statistic: string): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: NAMESPACE,
      metricName: name,
      dimensionsMap: { service: this.service },
      statistic,
      period: MINUTE,
    });
  }

  private ofFunction(watched: WatchedFunction): void {
    const { trigger, reserved, timeout } = watched;
    this.add({
      what: `${trigger}-errors`,
      describe: "Invocations crashed, ran out of time or out of memory.",
      metric: this.lambda(watched, "Errors", "Sum", "alias"),
      threshold: 0,
      tells: "composite",
    });
    this.add({
      what: `${trigger}-throttles`,
      describe: "Invocations were refused: all of the reserved concurrency is in use, or none is left in the account.",
      metric: this.lambda(watched, "Throttles", "Sum", "function"),
      threshold: 0,
      tells: "composite",
    });
    this.add({
      what: `${trigger}-latency`,
      describe: "One in a hundred invocations takes more than 80 % of the time that it has.",
      metric: this.lambda(watched, "Duration", "p99", "alias"),
      threshold: 0.8 * timeout.toMilliseconds(),
      tells: "composite",
    });
    if (reserved !== undefined) {
      this.add({
        what: `${trigger}-concurrency`,
        describe: "More than 80 % of the reserved concurrency is in use.",
        metric: this.lambda(watched, "ConcurrentExecutions", "Maximum", "function"),
        threshold: 0.8 * reserved,
        tells: "composite",
      });
    }
  }

  private ofRequests(): void {
    this.add({
      what: "http-server-errors",
      describe: "The service answers with 5xx. Lambda counts such an answer as a success.",
      metric: this.own("ServerErrors", "Sum"),
      // One failing request of one shopper, repeated by the frontend, is not an incident.
      threshold: 5,
      tells: "composite",
    });
    this.add({
      what: "http-error-share",
      describe:
        "More than one request in twenty is answered with 5xx: a new version may be faulty, also at low traffic.",
      metric: new cloudwatch.MathExpression({
        // In a minute without failures no function writes the metric; one without requests has no share.
        expression: "100 * FILL(failed, 0) / asked",
        usingMetrics: { failed: this.own("ServerErrors", "Sum"), asked: this.own("Requests", "Sum") },
        period: MINUTE,
        label: "% answered with 5xx",
      }),
      // Of both versions: one that fails everything makes a tenth of all fail, while it has a tenth of the traffic.
      threshold: 5,
      // Two minutes with a failure, of the five for which the tenth lasts: one alone is no pattern.
      datapoints: 2,
      periods: 5,
      // In a quiet hour two shoppers' bad luck is a share of all; what wakes a person is counted by http-server-errors and the canary.
      tells: "deployment",
    });
    this.add({
      what: "api-errors",
      describe:
        "The gateway answers with 5xx, the service's own among them: without http-server-errors it does not reach the service.",
      metric: new cloudwatch.Metric({
        namespace: "AWS/ApiGateway",
        metricName: "5xx",
        dimensionsMap: { ApiId: this.props.apiId },
        statistic: "Sum",
        period: MINUTE,
      }),
      threshold: 5,
      tells: "composite",
    });
  }

  private ofSweep(): void {
    const sweep = this.functions.find(({ trigger }) => trigger === "sweep");
    if (!sweep) {
      return;
    }
    const every = this.props.sweepEvery ?? MINUTE;
    // A run may slip into the next minute: where it comes each minute, one in five may be missing.
    const often = every.toMinutes() <= 1;
    this.add({
      what: "sweep-missing",
      describe: "The sweep, which finishes what crashed half way, does not run.",
      metric: this.lambda(sweep, "Invocations", "Sum", "function", every),
      threshold: 1,
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      datapoints: often ? 4 : 2,
      periods: often ? 5 : 3,
      missing: TreatMissingData.BREACHING,
      tells: "topic",
    });
  }

  private ofQueue(queue: WatchedQueue, first: boolean): void {
    const prefix = first ? "" : `${queue.name}-`;
    this.add({
      what: `${prefix}queue-age`,
      describe: `A message in ${queue.name} waits for more than five minutes.`,
      metric: sqs("ApproximateAgeOfOldestMessage", queue.queueName),
      threshold: 300,
      tells: "composite",
    });
    this.add({
      what: `${prefix}dead-letters`,
      describe: `A message in ${queue.name} was given up; it waits in the dead-letter queue.`,
      metric: sqs("ApproximateNumberOfMessagesVisible", queue.deadLetterName),
      threshold: 0,
      // A letter stays until an operator brings it back: one minute says as much as two.
      datapoints: 1,
      periods: 1,
      tells: "topic",
    });
  }

  /** Counted where they are written, under a name that has the stage in it: a filter's metric has no dimensions. */
  private ofLines({ what, describe, messages }: Lines): void {
    const metricName = alarmName(this.props.stage, this.service, what);
    const metricNamespace = `${NAMESPACE}Lines`;
    const filterPattern = logs.FilterPattern.all(
      logs.FilterPattern.stringValue("$.level", "=", "ERROR"),
      logs.FilterPattern.any(...messages.map((message) => logs.FilterPattern.stringValue("$.message", "=", message))),
    );
    (this.props.logs ?? []).forEach((logGroup, index) => {
      new logs.MetricFilter(this, `${pascal(what)}-${index}`, {
        logGroup,
        filterPattern,
        metricNamespace,
        metricName,
        metricValue: "1",
        unit: cloudwatch.Unit.COUNT,
      });
    });
    this.add({
      what,
      describe,
      metric: new cloudwatch.Metric({ namespace: metricNamespace, metricName, statistic: "Sum", period: MINUTE }),
      threshold: 0,
      // Each line is raised once: there is no second minute.
      datapoints: 1,
      periods: 1,
      tells: "topic",
    });
  }

  /**
   * A function whose reserved concurrency was set to 0 refuses everything and runs nothing. That is no metric of its own: throttles without
   * invocations are.
   */
  private killSwitch(): void {
    const usingMetrics: Record<string, cloudwatch.IMetric> = {};
    const terms = this.functions.map((watched, index) => {
      usingMetrics[`t${index}`] = this.lambda(watched, "Throttles", "Sum", "function");
      usingMetrics[`i${index}`] = this.lambda(watched, "Invocations", "Sum", "function");
      return `IF(FILL(t${index}, 0) > 0 AND FILL(i${index}, 0) < 1, 1, 0)`;
    });
    this.add({
      what: "kill-switch",
      describe: "A function refuses everything: its reserved concurrency is 0, on purpose or left behind.",
      metric: new cloudwatch.MathExpression({
        expression: terms.join(" + "),
        usingMetrics,
        period: MINUTE,
        label: "switched off",
      }),
      threshold: 0,
      // Twice, by the canary, which comes each five minutes, or by two runs of the sweep.
      datapoints: 2,
      periods: Math.max(15, 2 * (this.props.sweepEvery ?? MINUTE).toMinutes() + 5),
      tells: "topic",
    });
  }

  private ofOutbox(): void {
    this.add({
      what: "outbox-age",
      describe: "A message has waited in an outbox for ten minutes: its receiver does not accept it.",
      metric: this.own("OutboxAge", "Maximum"),
      // Ten minutes, or two runs of a sweep that comes seldom.
      threshold: Math.max(600, 2 * (this.props.sweepEvery ?? MINUTE).toSeconds()),
      // The sweep writes it each minute; where it does not run, sweep-missing says so.
      missing: TreatMissingData.IGNORE,
      tells: "topic",
    });
    this.add({
      what: "messages-given-up",
      describe: "An outbox gave up a message that its receiver refuses for good.",
      metric: this.own("DeadLetters", "Sum"),
      threshold: 0,
      // It is counted once, when it is given up.
      datapoints: 1,
      periods: 1,
      tells: "topic",
    });
  }

  private ofLedger(): void {
    this.add({
      what: "ledger-difference",
      describe: "Entries of an order do not add up to zero, or not to what Stripe says.",
      metric: this.own("LedgerDifference", "Maximum"),
      threshold: 0,
      missing: TreatMissingData.IGNORE,
      tells: "topic",
    });
  }
}

/** Services with an outbox, and those with a ledger: metrics.json says the same, and a test compares. */
const OUTBOXES: readonly string[] = ["transaction-service", "user-service"];
const LEDGERS: readonly string[] = ["transaction-service"];

function sqs(name: string, queueName: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: "AWS/SQS",
    metricName: name,
    dimensionsMap: { QueueName: queueName },
    statistic: "Maximum",
    period: MINUTE,
  });
}

export interface DatabaseAlarmsProps {
  readonly stage: string;
  readonly topic: sns.ITopic;
  readonly clusterIdentifier: string;
  readonly maxConnections: number;
}

/** What is watched of the database that two services share. */
export class DatabaseAlarms extends Construct {
  constructor(scope: Construct, id: string, props: DatabaseAlarmsProps) {
    super(scope, id);
    const metric = (metricName: string) =>
      new cloudwatch.Metric({
        namespace: "AWS/RDS",
        metricName,
        dimensionsMap: { DBClusterIdentifier: props.clusterIdentifier },
        statistic: "Maximum",
        period: MINUTE,
      });
    watch(this, props.stage, "data", props.topic, {
      what: "database-connections",
      describe: "More than 80 % of the connections that the database takes are open.",
      metric: metric("DatabaseConnections"),
      threshold: Math.floor(0.8 * props.maxConnections),
      tells: "topic",
    });
    watch(this, props.stage, "data", props.topic, {
      what: "database-capacity",
      describe: "The database uses more than 90 % of the capacity that it may grow to.",
      metric: metric("ACUUtilization"),
      threshold: 90,
      // It may be so for a moment while it grows.
      datapoints: 5,
      periods: 5,
      tells: "topic",
    });
  }
}
