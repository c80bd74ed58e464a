/** The function that tries a version before traffic comes to it (canary/trial.js); CodeDeploy calls it, and takes its word. */
import { fileURLToPath } from "node:url";
import { Duration, aws_iam as iam, aws_lambda as lambda, aws_logs as logs, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Construct } from "constructs";
import type { CanaryBasket } from "./canary.ts";
import { acknowledge } from "./nag.ts";
import { prefixes } from "./prefixes.ts";

export interface TrialProps {
  readonly stage: string;
  readonly service: string;
  /** The version to be tried, by its number. */
  readonly version: lambda.IVersion;
  /** Where the shop is found. */
  readonly url: string;
  /** What is bought; without a product whatever is in stock. */
  readonly basket: Omit<CanaryBasket, "sku"> & Partial<Pick<CanaryBasket, "sku">>;
  readonly logRetention: logs.RetentionDays;
  readonly originSecretArn: string;
  /** The key that the origin secret is encrypted with. */
  readonly keyArn: string;
}

/** Which service answers below the paths of a purchase; none of them is notification-service's. */
function steps(): Record<string, string> {
  const asked = ["/products", "/auth", "/quotes", "/orders"];
  return Object.fromEntries(
    prefixes()
      .filter(({ path }) => asked.includes(path))
      .map(({ path, service }) => [path, service]),
  );
}

export class Trial extends Construct {
  readonly fn: lambda.Function;

  constructor(scope: Construct, id: string, props: TrialProps) {
    super(scope, id);
    const functionName = `bodega-${props.stage}-${props.service}-trial`;
    const logGroup = new logs.LogGroup(this, "Logs", {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, "Role", {
      description: `${props.service}: tries a version before it has traffic`,
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "Try",
        actions: ["lambda:InvokeFunction"],
        resources: [props.version.functionArn],
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "ProveTheDoor",
        actions: ["secretsmanager:GetSecretValue"],
        resources: [props.originSecretArn],
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: "DecryptSecrets",
        actions: ["kms:Decrypt"],
        resources: [props.keyArn],
        conditions: { StringEquals: { "kms:ViaService": `secretsmanager.${Stack.of(this).region}.amazonaws.com` } },
      }),
    );
    const { basket } = props;
    this.fn = new lambda.Function(this, "Function", {
      functionName,
      description: `tries a version of ${props.service} before it has traffic`,
      // What Lambda has of Node brings AWS's SDK; the trial needs nothing else.
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(fileURLToPath(new URL("../canary", import.meta.url)), {
        exclude: ["*", "!purchase.js", "!trial.js", "!package.json"],
      }),
      handler: "trial.handler",
      memorySize: 256,
      // All steps of a purchase at their longest, and what is waited for services (trial.js): a trial that ran out of time would send no answer, and
      // CodeDeploy would wait for it for an hour.
      timeout: Duration.minutes(5),
      role,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      recursiveLoop: lambda.RecursiveLoop.TERMINATE,
      environment: {
        SERVICE: props.service,
        STEPS: JSON.stringify(steps()),
        VERSION: props.version.functionArn,
        SHOP: props.url,
        ORIGIN_SECRET_ID: props.originSecretArn,
        CURRENCY: basket.currency,
        EMAIL: basket.email,
        COUNTRY: basket.country,
        ...(basket.sku === undefined ? {} : { SKU: basket.sku }),
      },
    });
    this.fn.node.addDependency(role);
    acknowledge(
      this.fn,
      "Serverless-LambdaDLQ",
      "CodeDeploy calls it and waits for its answer; there is no message to keep.",
    );
    acknowledge(this.fn, "Serverless-LambdaTracing", "It runs once in a deployment and writes what it did to its log.");
  }
}
