/** One function of a service: its role, its log, its size. Nothing is left to a default of Lambda or of CDK. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ArnFormat, RemovalPolicy, Stack } from "aws-cdk-lib";
import { SubnetType } from "aws-cdk-lib/aws-ec2";
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  ApplicationLogLevel,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
  SystemLogLevel,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { accessOf } from "./access.ts";
import { because } from "./because.ts";
import { type Config, named } from "./config.ts";
import { acknowledge } from "./findings.ts";
import type { ServiceName, Size, Trigger } from "./services.ts";
import { DATABASE_OF, type Surroundings, settingsOf } from "./settings.ts";

export interface ServiceFunctionProps {
  readonly service: ServiceName;
  readonly trigger: Trigger;
  readonly size: Size;
  readonly around: Surroundings;
}

/** `bodega-dev-product-service-http` */
export function functionName(config: Pick<Config, "stage">, service: ServiceName, trigger: Trigger): string {
  return named(config, service, trigger);
}

/** What `cargo lambda build` made of a service. */
export function codeOf(config: Config, service: ServiceName): Code {
  const folder = join(config.artifacts, service);
  if (!existsSync(join(folder, "bootstrap"))) {
    const flag = config.architecture.name === "arm64" ? "--arm64" : "--x86-64";
    throw new Error(
      `${join(folder, "bootstrap")} is not there. Run \`cargo lambda build --release ${flag}\` in the repository, or name the folder that holds <service>/bootstrap: -c artifacts=<folder>`,
    );
  }
  // Lambda starts the file, and the hash of an asset does not tell whether it may be started: a file that lost its mode on the way
  // between two machines would be deployed in silence.
  if ((statSync(join(folder, "bootstrap")).mode & 0o111) === 0) {
    throw new Error(`${join(folder, "bootstrap")} is not executable: chmod 755, or hand it on in a tar or zip`);
  }
  return Code.fromAsset(folder, { exclude: ["*", "!bootstrap"] });
}

export class ServiceFunction extends Construct {
  readonly fn: LambdaFunction;
  readonly role: Role;
  readonly logs: LogGroup;
  readonly size: Size;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps) {
    super(scope, id);
    const { service, trigger, size, around } = props;
    const { config, data } = around;
    this.size = size;
    const name = functionName(config, service, trigger);
    const settings = settingsOf(service, trigger, around);
    this.logs = new LogGroup(this, "Logs", {
      logGroupName: `/aws/lambda/${name}`,
      retention: config.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, "Role", {
      description: `${service}, ${trigger}, ${config.stage}`,
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    this.logs.grantWrite(this.role);
    for (const statement of accessOf(this, service, trigger, settings, around)) {
      this.role.addToPolicy(statement);
    }
    const network = DATABASE_OF[service] === undefined ? undefined : data.database.network;
    if (network !== undefined) {
      standIn(this, this.role, name);
    }
    this.fn = new LambdaFunction(this, "Function", {
      functionName: name,
      description: `${service}, woken by ${trigger}`,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: config.architecture,
      code: codeOf(config, service),
      handler: "bootstrap",
      memorySize: size.memory,
      timeout: size.timeout,
      reservedConcurrentExecutions: size.reserved,
      role: this.role,
      environment: { ...settings.environment },
      logGroup: this.logs,
      // The services write JSON themselves; Lambda's own lines (REPORT, INIT) become JSON with this.
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.INFO,
      // Nothing is filtered here: metrics are lines without a level, and LOG_LEVEL decides of the others.
      applicationLogLevelV2: ApplicationLogLevel.TRACE,
      recursiveLoop: RecursiveLoop.TERMINATE,
      currentVersionOptions: {
        description: `${service}, ${config.stage}`,
        // What a deployment goes back to must still be there; the pipeline removes old ones.
        removalPolicy: RemovalPolicy.RETAIN,
      },
      ...(network === undefined
        ? {}
        : {
            vpc: network.vpc,
            vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
            securityGroups: [network.functions],
            layers: [network.roots],
          }),
    });
    // A version or a first call needs the rights that the policy gives.
    this.fn.node.addDependency(this.role);
    acknowledge(
      this.fn,
      "Serverless-LambdaDLQ",
      trigger === "sweep"
        ? "The alias has a destination for what failed, and the schedule dead letters of its own"
        : `${trigger} is never invoked asynchronously, so Lambda has no event that it could give up`,
    );
    acknowledge(
      this.fn,
      "Serverless-LambdaTracing",
      "Traces are not made yet; X-Ray's SDK for Rust is out of support, so OpenTelemetry will make them",
    );
  }
}

/** Lambda makes a function's network interfaces with the function's own role; its code is kept from doing the same. */
function standIn(scope: Construct, role: Role, name: string): void {
  const actions = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  role.addToPolicy(new PolicyStatement({ sid: "NetworkInterfaces", actions, resources: ["*"] }));
  const why =
    "Lambda checks these rights on all resources when a function is put into a VPC; a statement denies them to the code";
  because(scope, "*", why, "ec2:");
  acknowledge(role, "AwsSolutions-IAM5[Resource::*]", why);
  const self = Stack.of(scope).formatArn({
    service: "lambda",
    resource: "function",
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  role.addToPolicy(
    new PolicyStatement({
      sid: "NotByTheCode",
      effect: Effect.DENY,
      actions,
      resources: ["*"],
      conditions: { ArnEquals: { "lambda:SourceFunctionArn": self } },
    }),
  );
}
