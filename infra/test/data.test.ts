import { readFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { describe, expect, it } from "vitest";
import { build } from "../lib/app.ts";
import { sayWhatIsMadeUp } from "../lib/made-up.ts";
import { secretsOf } from "../lib/secrets.ts";
import { isFilledIn, SHOPS } from "../lib/shop.ts";
import { context, ELSEWHERE, type Json, only, programs, type Resource, resources, synthesize } from "./support.ts";

const prod = synthesize({ stage: "prod" });
const data = prod.of("data");

describe("the table of notifications", () => {
  const [, { Properties }] = only(data, "AWS::DynamoDB::Table");

  it("is the one that notification-service makes at home, with its index and its expiry", () => {
    expect(Properties).toMatchObject({
      TableName: "bodega-prod-notifications",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "event_id", KeyType: "HASH" }],
      TimeToLiveSpecification: { AttributeName: "expires_at", Enabled: true },
      GlobalSecondaryIndexes: [
        {
          IndexName: "listed",
          KeySchema: [
            { AttributeName: "listed", KeyType: "HASH" },
            { AttributeName: "listed_at", KeyType: "RANGE" },
          ],
          Projection: { ProjectionType: "INCLUDE" },
        },
      ],
    });
    expect(Properties.AttributeDefinitions.map(({ AttributeType }: Json) => AttributeType)).toEqual(["S", "S", "S"]);
  });

  it("has in its index what notification-service reads of it, and no content of a message", () => {
    const store = readFileSync("../notification-service/src/listing.rs", "utf8");
    const [, projected] = store.match(/const PROJECTED: \[&str; \d+\] = \[([^\]]+)\]/) ?? [];
    const read = [...(projected ?? "").matchAll(/"(\w+)"/g)].map(([, name]) => name);
    expect(Properties.GlobalSecondaryIndexes[0].Projection.NonKeyAttributes).toEqual(read);
    expect(read).toContain("is_kept");
    expect(read).not.toContain("request");
    // DynamoDB takes no more.
    expect(read.length).toBeLessThanOrEqual(20);
  });

  it("can be restored to any second of the last weeks", () => {
    expect(Properties.PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true });
  });

  it("is only looked at by migrate", () => {
    const template = prod.of("notification-service-migrate");
    const actions = resources(template, "AWS::IAM::Policy").flatMap(([, policy]) =>
      policy.Properties.PolicyDocument.Statement.flatMap(({ Action }: Json) => Action),
    );
    expect(actions.filter((action: string) => action.startsWith("dynamodb:"))).toEqual([
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
    ]);
  });
});

describe("the bucket", () => {
  const [id, { Properties }] = only(data, "AWS::S3::Bucket");
  const statements = () => {
    const policies = resources(data, "AWS::S3::BucketPolicy").filter(
      ([, policy]) => policy.Properties.Bucket.Ref === id,
    );
    expect(policies).toHaveLength(1);
    return policies[0]?.[1].Properties.PolicyDocument.Statement as Json[];
  };

  it("is private and encrypted, and keeps what was replaced for a month", () => {
    expect(Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(JSON.stringify(Properties.BucketEncryption)).toContain("AES256");
    expect(Properties.VersioningConfiguration).toEqual({ Status: "Enabled" });
  });

  it("refuses what does not come by TLS 1.2", () => {
    const denied = statements().filter(({ Effect }) => Effect === "Deny");
    expect(denied.map(({ Condition }) => Condition)).toEqual([
      { Bool: { "aws:SecureTransport": "false" } },
      { NumericLessThan: { "s3:TlsVersion": 1.2 } },
    ]);
  });

  it("shows the distribution what is published and the issuer's keys, and nothing else to anyone", () => {
    const allowed = statements().filter(({ Effect }) => Effect === "Allow");
    expect(allowed).toHaveLength(1);
    expect(allowed[0].Principal).toEqual({ Service: "cloudfront.amazonaws.com" });
    expect(allowed[0].Action).toBe("s3:GetObject");
    const paths = allowed[0].Resource.map((resource: Json) => resource["Fn::Join"][1].at(-1));
    expect(paths.sort()).toEqual(["/issuer/*", "/products/*"]);
    expect(Object.keys(allowed[0].Condition)).toEqual(["StringEquals", "ArnLike"]);
  });

  it("takes forms from the staff's frontend", () => {
    expect(Properties.CorsConfiguration.CorsRules).toEqual([
      { AllowedMethods: ["POST"], AllowedOrigins: [...SHOPS.prod.staffOrigins], AllowedHeaders: ["*"], MaxAge: 3600 },
    ]);
  });

  it("deletes what is left over by age, and never what is published", () => {
    const rules = Properties.LifecycleConfiguration.Rules as Json[];
    const days = Object.fromEntries(rules.map(({ Id, Prefix, ExpirationInDays }) => [Id, [Prefix, ExpirationInDays]]));
    expect(days).toEqual({
      "unfinished-parts": [undefined, undefined],
      "replaced-or-deleted": [undefined, undefined],
      uploads: ["uploads/", 2],
      imports: ["imports/", 7],
      exports: ["exports/", 7],
    });
    expect(rules[0].AbortIncompleteMultipartUpload).toEqual({ DaysAfterInitiation: 1 });
    expect(rules[1].NoncurrentVersionExpiration).toEqual({ NoncurrentDays: 30 });
    expect(rules.every(({ Status }) => Status === "Enabled")).toBe(true);
  });

  it("tells EventBridge of what happens to it", () => {
    expect(Properties.NotificationConfiguration).toEqual({ EventBridgeConfiguration: { EventBridgeEnabled: true } });
  });
});

describe("secrets", () => {
  it("are one a setting, encrypted with the key of the stage", () => {
    const found = resources(data, "AWS::SecretsManager::Secret");
    const [key] = only(data, "AWS::KMS::Key");
    expect(found.map(([, { Properties }]) => Properties.Name).sort()).toEqual(
      secretsOf(SHOPS.prod)
        .map((name) => `bodega/prod/${name}`)
        .sort(),
    );
    for (const [, { Properties }] of found) {
      expect(Properties.KmsKeyId).toEqual({ "Fn::GetAtt": [key, "Arn"] });
    }
  });

  it("are made where only our own parts know them, and else wait to be set", () => {
    const made = resources(data, "AWS::SecretsManager::Secret").filter(
      ([, s]) => s.Properties.GenerateSecretString !== undefined,
    );
    expect(made.map(([, { Properties }]) => Properties.Name).sort()).toEqual([
      "bodega/prod/FINGERPRINT_KEY",
      "bodega/prod/ORIGIN_SECRET",
    ]);
    for (const [, { Properties }] of resources(data, "AWS::SecretsManager::Secret")) {
      expect(Properties.SecretString ?? "to-be-set").toBe("to-be-set");
    }
    // FINGERPRINT_KEY needs 32 characters at least.
    expect(made.every(([, { Properties }]) => Properties.GenerateSecretString.PasswordLength >= 32)).toBe(true);
  });

  it("follow the providers that the shop uses", () => {
    const shop = { ...SHOPS.prod, staffEmail: "staff@shop.example" };
    const notification = {
      ...shop.notification,
      MAIL_PROVIDERS: "ses,sendgrid",
      SMS_PROVIDERS: "twilio",
      TWILIO_API_KEY_SID: "SK0",
    };
    expect(secretsOf({ ...shop, notification, twilioSharesKey: true })).toEqual(
      expect.arrayContaining([
        "PRODUCT_SERVICE_CLIENT_SECRET",
        "SENDGRID_API_KEY",
        "SENDGRID_WEBHOOK_KEY",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_API_KEY_SECRET",
        "TWILIO_WEBHOOK_KEY",
      ]),
    );
    expect(secretsOf(SHOPS.prod).filter((name) => /SENDGRID|TWILIO|PRODUCT/.test(name))).toEqual([]);
  });

  it("of the edge are also in its region", () => {
    const [, origin] =
      resources(data, "AWS::SecretsManager::Secret").find(
        ([, s]) => s.Properties.Name === "bodega/prod/ORIGIN_SECRET",
      ) ?? [];
    expect(origin?.Properties.ReplicaRegions).toEqual([{ Region: "us-east-1" }]);
    const there = synthesize(ELSEWHERE).of("data");
    for (const [, { Properties }] of resources(there, "AWS::SecretsManager::Secret")) {
      expect(Properties.ReplicaRegions).toBeUndefined();
    }
  });
});

describe("the key", () => {
  it("is rotated, and used by services of AWS for this account only", () => {
    const [, { Properties }] = only(data, "AWS::KMS::Key");
    expect(Properties.EnableKeyRotation).toBe(true);
    const services = (Properties.KeyPolicy.Statement as Json[]).filter(
      ({ Principal }) => Principal.Service !== undefined,
    );
    expect(services.map(({ Principal }) => Principal.Service)).toEqual([
      ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"],
      "ses.amazonaws.com",
    ]);
    for (const { Condition } of services) {
      expect(Condition).toEqual({ StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } });
    }
  });
});

describe("a shop that was not filled in", () => {
  it("is not written for prod with them, for dev with a warning", () => {
    const said = (overrides: Record<string, string>) => {
      const app = new App({ context: { ...context(), artifacts: programs(), ...overrides } });
      const { data, config } = build(app);
      sayWhatIsMadeUp(data, config);
      return data.node.metadata
        .filter(({ type }) => /error|warning/.test(type))
        .map(({ type, data }) => [type, String(data)]);
    };
    expect(said({})).toEqual([["aws:cdk:warning", expect.stringContaining("made-up addresses for dev")]]);
    expect(said({ stage: "prod" })).toEqual([["aws:cdk:error", expect.stringContaining("made-up addresses for prod")]]);
    const looked = said({ stage: "prod", "made-up-addresses": "allowed" });
    expect(looked).toEqual([["aws:cdk:warning", expect.stringContaining("made-up addresses for prod")]]);
  });

  it("is known by its made-up addresses", () => {
    expect([isFilledIn(SHOPS.dev), isFilledIn(SHOPS.prod)]).toEqual([false, false]);
    const real = JSON.stringify(SHOPS.prod).replaceAll("shop.example", "bodega.shop");
    expect(isFilledIn(JSON.parse(real))).toBe(true);
    expect(isFilledIn({ ...JSON.parse(real), staffEmail: "staff@example.com" })).toBe(false);
  });
});

function topic(name: string): [string, Resource] {
  const [found, ...more] = resources(data, "AWS::SNS::Topic").filter(
    ([, { Properties }]) => Properties.TopicName === name,
  );
  expect([found?.[1].Properties.TopicName, more]).toEqual([name, []]);
  return found as [string, Resource];
}

function policyOf(id: string): Json {
  const [policy] = resources(data, "AWS::SNS::TopicPolicy").filter(
    ([, { Properties }]) => Properties.Topics[0].Ref === id,
  );
  return policy?.[1].Properties.PolicyDocument;
}

describe("a shop that sends by SES", () => {
  const service = prod.of("notification-service");
  const settings = (trigger: string) =>
    resources(service, "AWS::Lambda::Function")
      .map(([, { Properties }]) => Properties.Environment?.Variables ?? {})
      .find(({ TRIGGER }) => TRIGGER === trigger);

  it("has the identity of the domain that mails are from, and tells its owner the records to publish", () => {
    const [id, { Properties }] = only(data, "AWS::SES::EmailIdentity");
    expect(SHOPS.prod.notification.MAIL_FROM).toMatch(new RegExp(`@${Properties.EmailIdentity}>?$`));
    const records = Object.entries(data.Outputs ?? {}).filter(([name]) => name.startsWith("MailDkim"));
    expect(records).toHaveLength(3);
    records.forEach(([, { Value }], index) => {
      expect(Value["Fn::Join"][1]).toEqual([
        { "Fn::GetAtt": [id, `DkimDNSTokenName${index + 1}`] },
        " CNAME ",
        { "Fn::GetAtt": [id, `DkimDNSTokenValue${index + 1}`] },
      ]);
    });
  });

  it("sends with a configuration set, which tells a topic what became of each mail", () => {
    const [set, { Properties }] = only(data, "AWS::SES::ConfigurationSet");
    const [id] = topic("bodega-prod-mail-events");
    const [, told] = only(data, "AWS::SES::ConfigurationSetEventDestination");
    expect(told.Properties.ConfigurationSetName).toEqual({ Ref: set });
    expect(told.Properties.EventDestination).toEqual({
      Enabled: true,
      // What `webhooks/ses.rs` reads.
      MatchingEventTypes: ["bounce", "complaint", "delivery", "deliveryDelay", "reject"],
      SnsDestination: { TopicARN: { Ref: id } },
    });
    for (const trigger of ["http", "queue"]) {
      expect(settings(trigger).SES_CONFIGURATION_SET, trigger).toBe(Properties.Name);
    }
  });

  it("keeps the topic for SES of this account and this set, encrypted, by TLS only", () => {
    const [id, { Properties }] = topic("bodega-prod-mail-events");
    expect([Properties.KmsMasterKeyId !== undefined, Properties.SignatureVersion]).toEqual([true, "2"]);
    const [refused, allowed, ...more] = policyOf(id).Statement;
    expect(more).toEqual([]);
    expect([refused.Effect, refused.Condition]).toEqual(["Deny", { Bool: { "aws:SecureTransport": "false" } }]);
    expect([allowed.Principal, allowed.Action]).toEqual([{ Service: "ses.amazonaws.com" }, "sns:Publish"]);
    expect(allowed.Condition.StringEquals["AWS:SourceAccount"]).toEqual({ Ref: "AWS::AccountId" });
    expect(JSON.stringify(allowed.Condition.StringEquals["AWS:SourceArn"])).toContain(":configuration-set/");
  });

  it("has the topic's messages brought to notification-service, signed, once that answers", () => {
    const [, subscription] = only(service, "AWS::SNS::Subscription");
    const { Endpoint, Protocol, RawMessageDelivery, TopicArn } = subscription.Properties;
    expect([Protocol, RawMessageDelivery]).toEqual(["https", false]);
    expect(JSON.stringify(Endpoint)).toMatch(/bodega-prod-edge.*\/webhooks\/ses"/);
    expect(TopicArn).toEqual(settings("http").SES_TOPIC_ARN);
    // Whoever cannot be posted to need not know whose messages are taken.
    expect(settings("queue").SES_TOPIC_ARN).toBeUndefined();
    const idsOf = (type: string) => resources(service, type).map(([id]) => id);
    expect(subscription.DependsOn).toEqual(
      expect.arrayContaining([...idsOf("AWS::ApiGatewayV2::Stage"), ...idsOf("AWS::Lambda::Alias")]),
    );
  });

  it("is no stage that writes mails into its log", () => {
    const dev = synthesize();
    for (const name of ["data", "notification-service"]) {
      const types = Object.values(dev.of(name).Resources).map(({ Type }) => Type);
      expect(types.filter((type) => type.startsWith("AWS::SES::") || type === "AWS::SNS::Subscription")).toEqual([]);
    }
    expect(JSON.stringify(dev.of("notification-service"))).not.toMatch(/ses:|SES_/);
  });
});

describe("the topic of alarms", () => {
  it("is encrypted, takes TLS only, and has the shop's operators as subscribers", () => {
    const [id, { Properties }] = topic("bodega-prod-alarms");
    expect(Properties.KmsMasterKeyId).toBeDefined();
    expect(JSON.stringify(policyOf(id))).toContain('"aws:SecureTransport":"false"');
    expect(only(data, "AWS::SNS::Subscription")[1].Properties.Endpoint).toBe(SHOPS.prod.alarmEmail);
    expect(resources(synthesize().of("data"), "AWS::SNS::Subscription")).toEqual([]);
  });
});

describe("Aurora in a VPC", () => {
  const [clusterId, cluster] = only(data, "AWS::RDS::DBCluster");

  it("lets in by IAM only, its master as well, and by TLS only", () => {
    expect(cluster.Properties).toMatchObject({
      Engine: "aurora-postgresql",
      EnableIAMDatabaseAuthentication: true,
      MasterUserAuthenticationType: "iam-db-auth",
      StorageEncrypted: true,
    });
    expect(cluster.Properties.MasterUserPassword).toBeUndefined();
    expect(cluster.Properties.ManageMasterUserPassword).toBeUndefined();
    expect(only(data, "AWS::RDS::DBClusterParameterGroup")[1].Properties.Parameters).toEqual({ "rds.force_ssl": "1" });
  });

  it("is kept by backups of two weeks and a second instance in production, and pauses in dev", () => {
    expect(cluster.Properties.BackupRetentionPeriod).toBe(14);
    expect(resources(data, "AWS::RDS::DBInstance")).toHaveLength(2);
    expect(cluster.Properties.ServerlessV2ScalingConfiguration).toEqual({ MinCapacity: 0.5, MaxCapacity: 4 });
    const dev = synthesize().of("data");
    expect(resources(dev, "AWS::RDS::DBInstance")).toHaveLength(1);
    expect(only(dev, "AWS::RDS::DBCluster")[1].Properties.ServerlessV2ScalingConfiguration).toEqual({
      MinCapacity: 0,
      MaxCapacity: 1,
      SecondsUntilAutoPause: 300,
    });
  });

  it("is reached from the functions' group on its port and from nowhere else", () => {
    const groups = resources(data, "AWS::EC2::SecurityGroup");
    expect(groups.flatMap(([, { Properties }]) => Properties.SecurityGroupIngress ?? [])).toEqual([]);
    const [, ingress] = only(data, "AWS::EC2::SecurityGroupIngress");
    expect(ingress.Properties).toMatchObject({ IpProtocol: "tcp", FromPort: 5432, ToPort: 5432 });
    expect(JSON.stringify(ingress.Properties.SourceSecurityGroupId)).toContain("Functions");
    for (const [, { Properties }] of resources(data, "AWS::RDS::DBInstance")) {
      expect(Properties).toMatchObject({ PubliclyAccessible: false, DBInstanceClass: "db.serverless" });
      expect(Properties.DBClusterIdentifier).toEqual({ Ref: clusterId });
    }
  });

  it("stands in subnets without a way out; functions have one, through a gateway in each zone of production and one in dev", () => {
    expect(resources(data, "AWS::EC2::NatGateway")).toHaveLength(2);
    expect(resources(synthesize().of("data"), "AWS::EC2::NatGateway")).toHaveLength(1);
    const [, group] = only(data, "AWS::RDS::DBSubnetGroup");
    const subnets = group.Properties.SubnetIds.map(({ Ref }: Json) => Ref as string);
    const routed = resources(data, "AWS::EC2::Route").map(
      ([, { Properties }]) => Properties.RouteTableId.Ref as string,
    );
    const tables = resources(data, "AWS::EC2::SubnetRouteTableAssociation")
      .filter(([, { Properties }]) => subnets.includes(Properties.SubnetId.Ref))
      .map(([, { Properties }]) => Properties.RouteTableId.Ref as string);
    expect(tables).toHaveLength(2);
    expect(tables.filter((table) => routed.includes(table))).toEqual([]);
  });

  it.each([
    ["user-service", "bodega_user", "USER_DATABASE_URL"],
    ["transaction-service", "bodega_transaction", "TRANSACTION_DATABASE_URL"],
  ])("takes %s as its own role, and migrate as the master too", (service, role, setting) => {
    const logins = (name: string) =>
      resources(prod.of(name), "AWS::IAM::Policy").flatMap(([, { Properties }]) =>
        Properties.PolicyDocument.Statement.filter(({ Sid }: Json) => Sid === "LogInToAurora").map(
          ({ Action, Resource }: Json) => [Action, JSON.stringify(Resource).match(/"\/(\w+)"/g)],
        ),
      );
    expect(logins(service)).toEqual([
      ["rds-db:connect", [`"/${role}"`]],
      ["rds-db:connect", [`"/${role}"`]],
    ]);
    expect(logins(`${service}-migrate`)).toContainEqual(["rds-db:connect", [`"/${role}"`, '"/postgres"']]);
    for (const [, { Properties }] of resources(prod.of(service), "AWS::Lambda::Function")) {
      const variables = Properties.Environment.Variables;
      if (variables[setting] !== undefined) {
        const url = JSON.stringify(variables[setting]);
        expect(url).toContain(`postgres://${role}@`);
        expect(url).toContain(`:5432/${role}?sslmode=verify-full&sslrootcert=/opt/rds-ca.pem`);
        expect(variables.DATABASE_AUTH).toBe("iam");
        expect(variables.DATABASE_ADMIN_URL).toBeUndefined();
        expect(Properties.VpcConfig.SubnetIds).toHaveLength(2);
        expect(Properties.Layers).toHaveLength(1);
      }
    }
  });

  it("keeps functions that do not use it out of the VPC", () => {
    for (const service of ["product-service", "notification-service"]) {
      for (const name of [service, `${service}-migrate`]) {
        for (const [id, { Properties }] of resources(prod.of(name), "AWS::Lambda::Function")) {
          expect([id, Properties.VpcConfig, Properties.Layers]).toEqual([id, undefined, undefined]);
        }
      }
    }
  });
});

describe("Aurora without a VPC", () => {
  const express = synthesize({ database: "express" });

  it("is declared whole by one resource", () => {
    const [, cluster] = only(express.of("data"), "AWS::RDS::DBCluster");
    expect(cluster.Properties).toEqual({
      DBClusterIdentifier: "bodega-dev",
      Engine: "aurora-postgresql",
      WithExpressConfiguration: true,
    });
    expect(resources(express.of("data"), "AWS::RDS::DBInstance")).toEqual([]);
    expect(cluster.Metadata?.["cfn-lint"]).toEqual({ config: { ignore_checks: ["E3002"] } });
  });

  it("has no VPC, no gateway, no function in a network, and no right on network interfaces", () => {
    for (const [name, template] of Object.entries(express.templates)) {
      const types = Object.values(template.Resources).map(({ Type }) => Type);
      expect(
        types.filter((type) => type.startsWith("AWS::EC2::")),
        name,
      ).toEqual([]);
      expect(JSON.stringify(template), name).not.toMatch(/VpcConfig|ec2:CreateNetworkInterface/);
    }
  });

  it("is logged in to by the same roles, by certificates that the public trusts", () => {
    const urls = resources(express.of("user-service"), "AWS::Lambda::Function").map(
      ([, { Properties }]) => Properties.Environment?.Variables.USER_DATABASE_URL,
    );
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls.filter((url) => url !== undefined)) {
      expect(JSON.stringify(url)).toContain(":5432/bodega_user?sslmode=verify-full");
      expect(JSON.stringify(url)).not.toContain("sslrootcert");
    }
  });
});
