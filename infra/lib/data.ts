/**
 * What holds data, and what must be there before anything else: the table, the bucket, Aurora, secrets, the key, the topic of alarms, what
 * SES needs, and the bare APIs, whose addresses the edge has to know before services have routes.
 */
import { ArnFormat, Duration, Fn, Stack, type StackProps } from "aws-cdk-lib";
import { CorsHttpMethod, HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import { AttributeType, BillingMode, ProjectionType, Table } from "aws-cdk-lib/aws-dynamodb";
import { Effect, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, HttpMethods } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";
import { type Config, named } from "./config.ts";
import { Database } from "./database.ts";
import { acknowledge } from "./findings.ts";
import { Mail } from "./mail.ts";
import { Secrets } from "./secrets.ts";
import { SERVICES, type ServiceName } from "./services.ts";
import { sendsBySes } from "./shop.ts";

/** What browsers may read of an answer beside the body (docs/architecture.md). */
const EXPOSED = ["ETag", "Location", "Retry-After", "X-Request-Id"];
const ACCEPTED = ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "x-request-id"];

/**
 * What lists of messages and suppressed addresses show: `PROJECTED` in `notification-service/src/listing.rs`. An index
 * cannot change it: it has to be removed in one deployment and added in the next (decision 60).
 */
const LISTED_ATTRIBUTES = [
  "channel",
  "template",
  "state",
  "attempts",
  "created_at",
  "sent_at",
  "provider",
  "provider_message_id",
  "last_error",
  "last_event",
  "last_event_at",
  "is_kept",
  "resends",
  "resend_of",
  "hard_bounce_at",
  "complaint_at",
  "stop_at",
  "unsubscribed_at",
  "staff_at",
  "note",
];

export interface DataStackProps extends StackProps {
  readonly config: Config;
}

export class DataStack extends Stack {
  readonly key: Key;
  readonly alarms: Topic;
  readonly secrets: Secrets;
  readonly table: Table;
  readonly images: Bucket;
  readonly database: Database;
  readonly apis: Readonly<Record<ServiceName, HttpApi>>;
  /** Where the shop sends by SES. */
  readonly mail: Mail | undefined;
  private readonly config: Config;

  constructor(scope: Construct, id: string, props: DataStackProps) {
    super(scope, id, props);
    const { config } = props;
    this.config = config;
    this.key = this.makeKey();
    this.alarms = this.makeTopic();
    this.secrets = new Secrets(this, "Secrets", config, this.key);
    this.table = this.makeTable();
    this.images = this.makeBucket();
    this.database = new Database(this, "Database", config, this.key);
    this.mail = sendsBySes(config.shop) ? new Mail(this, "Mail", config, this.key) : undefined;
    this.apis = Object.fromEntries(SERVICES.map((service) => [service, this.makeApi(service)])) as Record<
      ServiceName,
      HttpApi
    >;
  }

  /** By index, not by name: a look-up of names would need credentials to synthesize. */
  override get availabilityZones(): string[] {
    return [0, 1].map((zone) => Fn.select(zone, Fn.getAzs(this.region)));
  }

  private makeKey(): Key {
    const key = new Key(this, "Key", {
      alias: named(this.config),
      description: "Bodega: secrets, Aurora, the topic of alarms",
      enableKeyRotation: true,
      pendingWindow: Duration.days(this.config.isProd ? 30 : 7),
      removalPolicy: this.config.removal,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: "AlarmsAndBudgetsPublish",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com"), new ServicePrincipal("budgets.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        // In the policy of a key, this key is meant.
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    );
    return key;
  }

  private makeTopic(): Topic {
    const topic = new Topic(this, "Alarms", {
      topicName: named(this.config, "alarms"),
      masterKey: this.key,
      enforceSSL: true,
    });
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: "AlarmsAndBudgetsPublish",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com"), new ServicePrincipal("budgets.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    );
    const { alarmEmail } = this.config.shop;
    if (alarmEmail !== undefined) {
      topic.addSubscription(new EmailSubscription(alarmEmail));
      const why =
        "SNS takes dead letters of an address of mail as of any other, and mail that bounced would bounce again";
      acknowledge(topic, "Serverless-SNSRedrivePolicy", why);
    }
    return topic;
  }

  /** As `notification-service/src/schema.rs` makes it at home: version 2, with the index `listed`. */
  private makeTable(): Table {
    const table = new Table(this, "Notifications", {
      tableName: named(this.config, "notifications"),
      partitionKey: { name: "event_id", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: "expires_at",
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: this.config.isProd,
      removalPolicy: this.config.removal,
    });
    table.addGlobalSecondaryIndex({
      indexName: "listed",
      partitionKey: { name: "listed", type: AttributeType.STRING },
      sortKey: { name: "listed_at", type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [...LISTED_ATTRIBUTES],
    });
    return table;
  }

  private makeBucket(): Bucket {
    const bucket = new Bucket(this, "Images", {
      bucketName: named(this.config, "images", this.account),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      removalPolicy: this.config.removal,
      // Forms that staff get from product-service are posted straight to the bucket.
      cors: [
        {
          allowedMethods: [HttpMethods.POST],
          allowedOrigins: [...this.config.shop.staffOrigins],
          allowedHeaders: ["*"],
          maxAge: 3600,
        },
      ],
      // docs/operations.md, "Images" and "Imports and exports". What is published is never deleted by age.
      lifecycleRules: [
        { id: "unfinished-parts", abortIncompleteMultipartUploadAfter: Duration.days(1) },
        { id: "replaced-or-deleted", noncurrentVersionExpiration: Duration.days(30), expiredObjectDeleteMarker: true },
        { id: "uploads", prefix: "uploads/", expiration: Duration.days(2) },
        { id: "imports", prefix: "imports/", expiration: Duration.days(7) },
        { id: "exports", prefix: "exports/", expiration: Duration.days(7) },
      ],
    });
    acknowledge(
      bucket,
      "AwsSolutions-S1",
      "Access logs would hold addresses of shoppers; the public reads by the CDN, and services log what they do",
    );
    // Straight from the bucket's own properties: the construct for it is a function that changes buckets.
    (bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
    // The distribution's id is not known yet: any of this account, whose origins name this bucket themselves.
    const distributions = this.formatArn({
      service: "cloudfront",
      region: "",
      resource: "distribution",
      resourceName: "*",
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: "DistributionReadsWhatIsPublic",
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal("cloudfront.amazonaws.com")],
        actions: ["s3:GetObject"],
        resources: [bucket.arnForObjects("products/*"), bucket.arnForObjects("issuer/*")],
        conditions: {
          StringEquals: { "aws:SourceAccount": this.account },
          ArnLike: { "aws:SourceArn": distributions },
        },
      }),
    );
    return bucket;
  }

  /** An API without routes: those come with the service's stack. The gateway adds these headers to what a route answers, preflights included. */
  private makeApi(service: ServiceName): HttpApi {
    return new HttpApi(this, `Api-${service}`, {
      apiName: named(this.config, service),
      description: `${service} of ${this.config.stage}`,
      createDefaultStage: false,
      corsPreflight: {
        allowOrigins: [...this.config.shop.origins],
        allowMethods: [
          CorsHttpMethod.GET,
          CorsHttpMethod.POST,
          CorsHttpMethod.PUT,
          CorsHttpMethod.PATCH,
          CorsHttpMethod.DELETE,
        ],
        allowHeaders: ACCEPTED,
        exposeHeaders: EXPOSED,
        allowCredentials: false,
        maxAge: Duration.hours(2),
      },
    });
  }
}
