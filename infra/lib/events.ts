/** Queues that cross services, each with its dead letters, and what the bucket tells them. The place for an event bus. */
import { ArnFormat, Duration, Stack, type StackProps } from "aws-cdk-lib";
import { Match, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { type IQueue, Queue, QueueEncryption, RedrivePermission } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type Config, named } from "./config.ts";
import type { DataStack } from "./data.ts";
import { acknowledge } from "./findings.ts";
import { shapes } from "./services.ts";

/** SQS gives a message to another consumer when the first has had it for so many times the function's timeout. */
export const VISIBILITY_TIMES = 6;

/** notification-service gives a message up itself after QUEUE_GIVE_UP_AFTER receives; the queue must let it. */
export const GIVE_UP_AFTER = 20;

export interface EventsStackProps extends StackProps {
  readonly config: Config;
  readonly data: DataStack;
}

export class EventsStack extends Stack {
  /** What the bucket tells product-service. */
  readonly images: QueueWithDeadLetters;
  /** What notification-service is asked to send. */
  readonly notifications: QueueWithDeadLetters;

  constructor(scope: Construct, id: string, props: EventsStackProps) {
    super(scope, id, props);
    const { config, data } = props;
    const sizes = shapes(config);
    const timeoutOf = (size: { timeout: Duration } | undefined): Duration => {
      if (size === undefined) {
        throw new Error("a queue needs a function with the trigger queue");
      }
      return size.timeout;
    };
    this.images = new QueueWithDeadLetters(this, "Images", {
      config,
      name: "images",
      timeout: timeoutOf(sizes["product-service"].functions.queue),
      receives: 5,
    });
    this.notifications = new QueueWithDeadLetters(this, "Notifications", {
      config,
      name: "notifications",
      timeout: timeoutOf(sizes["notification-service"].functions.queue),
      receives: GIVE_UP_AFTER + 5,
    });
    this.listenTo(data);
  }

  /** docs/operations.md, "Images" and "Imports and exports", says which objects are announced. */
  private listenTo(data: DataStack): void {
    new Rule(this, "ObjectCreated", {
      ruleName: `${this.stackName}-object-created`,
      description: "Uploads, published images, imports, and exports that begin",
      eventPattern: {
        source: ["aws.s3"],
        detailType: ["Object Created"],
        detail: {
          bucket: { name: [data.images.bucketName] },
          object: {
            key: [
              ...Match.prefix("uploads/"),
              ...Match.prefix("products/"),
              ...Match.prefix("imports/"),
              ...Match.wildcard("exports/*/start"),
            ],
          },
        },
      },
      targets: [
        new SqsQueue(this.images.queue, {
          deadLetterQueue: this.images.deadLetters,
          maxEventAge: Duration.hours(1),
          retryAttempts: 10,
        }),
      ],
    });
  }
}

export interface QueueProps {
  readonly config: Config;
  readonly name: string;
  /** Of the function that works the queue off. */
  readonly timeout: Duration;
  /** How often a message is tried. */
  readonly receives: number;
}

export class QueueWithDeadLetters extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: QueueProps) {
    super(scope, id);
    const { config } = props;
    const queueName = named(config, props.name);
    this.deadLetters = deadLetters(this, config, `${queueName}-dead`, [queueName]);
    this.queue = new Queue(this, "Queue", {
      queueName,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(VISIBILITY_TIMES * props.timeout.toSeconds()),
      retentionPeriod: Duration.days(4),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.receives },
      // Its messages were accepted and must not be lost, as those among its dead letters.
      removalPolicy: config.removal,
    });
  }
}

/** A queue of what failed. Where `sources` are named, only these may move messages into it by their own policy. */
export function deadLetters(
  scope: Construct,
  config: Config,
  queueName: string,
  sources: readonly string[],
  kept = Duration.days(14),
): Queue {
  const stack = Stack.of(scope);
  // By name: the queue names its dead letters, and each cannot wait for the other.
  const arnOf = (resource: string) =>
    stack.formatArn({ service: "sqs", resource, arnFormat: ArnFormat.NO_RESOURCE_NAME });
  const queue = new Queue(scope, "DeadLetters", {
    queueName,
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: kept,
    removalPolicy: config.removal,
    redriveAllowPolicy:
      sources.length === 0
        ? { redrivePermission: RedrivePermission.DENY_ALL }
        : {
            redrivePermission: RedrivePermission.BY_QUEUE,
            sourceQueues: sources.map(
              (source, index) => Queue.fromQueueArn(scope, `Source${index}`, arnOf(source)) as IQueue,
            ),
          },
  });
  const why = "This is where messages go that were given up; an alarm tells of the first one";
  acknowledge(queue, "Serverless-SQSRedrivePolicy", why);
  if (sources.length === 0) {
    acknowledge(queue, "AwsSolutions-SQS3", why);
  }
  return queue;
}
