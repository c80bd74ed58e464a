/**
 * A purchase each five minutes through the public door, and its cancellation: what tells that the shop sells when no shopper is there to.
 */
import { fileURLToPath } from "node:url";
import {
  aws_cloudwatch as cloudwatch,
  Duration,
  aws_iam as iam,
  aws_logs as logs,
  RemovalPolicy,
  Size,
  Stack,
  aws_s3 as s3,
  type aws_sns as sns,
  aws_synthetics as synthetics,
  Token,
} from "aws-cdk-lib";
import { Construct } from "constructs";
import { watch } from "./alarms.ts";
import { because } from "./because.ts";
import { acknowledge } from "./nag.ts";

/** What the canary buys. The product is made by staff, is on sale, and is in stock. */
export interface CanaryBasket {
  readonly sku: string;
  readonly currency: string;
  /** Where messages about its orders would go: an address that accepts mail and delivers it to no mailbox. */
  readonly email: string;
  readonly country: string;
}

export interface CanaryProps {
  readonly stage: string;
  readonly topic: sns.ITopic;
  /** Where the shop is found. */
  readonly url: string;
  readonly basket: CanaryBasket;
}

const EVERY = Duration.minutes(5);
const KEPT = Duration.days(14);

export class Canary extends Construct {
  readonly canaryName: string;

  constructor(scope: Construct, id: string, props: CanaryProps) {
    super(scope, id);
    // At most 21 characters of a-z, 0-9, - and _ with older runtimes; longer ones are refused by some.
    this.canaryName = `bodega-${props.stage}-buy`;
    const { partition, region, account } = Stack.of(this);

    const artifacts = new s3.Bucket(this, "Artifacts", {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      lifecycleRules: [{ expiration: KEPT, abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      // Records of test runs; nothing is lost with them.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(
      artifacts,
      "AwsSolutions-S1",
      "It holds records of test runs for two weeks; who read them need not be logged.",
    );

    const role = new iam.Role(this, "Role", {
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      description: "The canary: writes its records and its figures, and nothing else",
    });
    const log = `arn:${partition}:logs:${region}:${account}:log-group:/aws/lambda/cwsyn-${this.canaryName}-*`;
    const policy = new iam.Policy(this, "Policy", {
      roles: [role],
      statements: [
        new iam.PolicyStatement({
          actions: ["s3:PutObject"],
          resources: [artifacts.arnForObjects(`${this.canaryName}/*`)],
        }),
        new iam.PolicyStatement({ actions: ["s3:GetBucketLocation"], resources: [artifacts.bucketArn] }),
        new iam.PolicyStatement({
          actions: ["cloudwatch:PutMetricData"],
          resources: ["*"],
          conditions: { StringEquals: { "cloudwatch:namespace": "CloudWatchSynthetics" } },
        }),
        // Not `logs:CreateLogGroup`: the first run would make the group, without an end, before the stack does.
        new iam.PolicyStatement({ actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [log] }),
      ],
    });
    because(
      this,
      "*",
      "cloudwatch:PutMetricData names no resource; the condition holds it to the namespace of canaries.",
      "cloudwatch:PutMetricData",
    );
    because(
      this,
      `arn:{p}:logs:{r}:{a}:log-group:/aws/lambda/cwsyn-${this.canaryName}-*`,
      "Synthetics ends the function's name, and so its log group's, with an id of its own.",
    );
    because(
      this,
      `<S3::Bucket CanaryArtifacts>/${this.canaryName}/*`,
      "Each run writes its records below a path of the day and hour.",
    );
    const stack = Stack.of(this);
    const bucketId = stack.getLogicalId(artifacts.node.defaultChild as s3.CfnBucket);
    const found = (resource: string) =>
      Token.isUnresolved(account) ? resource.replace(account, "<AWS::AccountId>") : resource;
    for (const resource of ["*", `<${bucketId}.Arn>/${this.canaryName}/*`, found(log)]) {
      acknowledge(
        policy,
        `AwsSolutions-IAM5[Resource::${resource}]`,
        "The reason for the * stands beside the grant, and in iam.md.",
      );
    }

    const canary = new synthetics.Canary(this, "Canary", {
      canaryName: this.canaryName,
      runtime: synthetics.Runtime.SYNTHETICS_NODEJS_3_1,
      test: synthetics.Test.custom({
        code: synthetics.Code.fromAsset(fileURLToPath(new URL("../canary", import.meta.url)), {
          exclude: ["trial.js"],
        }),
        handler: "index.handler",
      }),
      schedule: synthetics.Schedule.rate(EVERY),
      timeout: Duration.minutes(1),
      memory: Size.mebibytes(960),
      role,
      artifactsBucketLocation: { bucket: artifacts, prefix: this.canaryName },
      successRetentionPeriod: Duration.days(7),
      failureRetentionPeriod: KEPT,
      environmentVariables: {
        SHOP: props.url,
        SKU: props.basket.sku,
        CURRENCY: props.basket.currency,
        EMAIL: props.basket.email,
        COUNTRY: props.basket.country,
      },
      provisionedResourceCleanup: true,
      startAfterCreation: true,
    });
    canary.node.addDependency(policy);
    // Synthetics has no setting for it (https://github.com/aws/aws-cdk/issues/23718). What it calls its function is not promised either, only seen
    // (`aws synthetics get-canary`, the end of `EngineArn`): where that changes, nothing is logged here, and the run's records in the bucket still are.
    new logs.LogGroup(this, "Logs", {
      logGroupName: `/aws/lambda/cwsyn-${this.canaryName}-${canary.canaryId}`,
      retention: logs.RetentionDays.TWO_WEEKS,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    watch(this, props.stage, "watch", props.topic, {
      what: "canary-failed",
      describe: "The canary could not buy, or did not run.",
      metric: new cloudwatch.Metric({
        namespace: "CloudWatchSynthetics",
        metricName: "SuccessPercent",
        dimensionsMap: { CanaryName: this.canaryName },
        statistic: "Minimum",
        // It runs once in five minutes.
        period: EVERY,
      }),
      threshold: 100,
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      missing: cloudwatch.TreatMissingData.BREACHING,
      tells: "topic",
    });
  }
}
