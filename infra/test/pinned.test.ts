import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { resources, synthesize, type Template } from "./support.ts";

const FILE = new URL("../pinned-ids.json", import.meta.url);

/**
 * What loses something when it is made anew: data, names that others know, numbers that were handed out. With each the properties whose change
 * makes CloudFormation replace it (from AWS's descriptions of the types).
 */
const STATEFUL: Readonly<Record<string, readonly string[]>> = {
  "AWS::ApiGatewayV2::Api": ["ProtocolType"],
  "AWS::CertificateManager::Certificate": ["DomainName", "ValidationMethod"],
  "AWS::CloudFront::Distribution": [],
  "AWS::DynamoDB::Table": ["TableName", "KeySchema"],
  "AWS::KMS::Key": ["KeySpec", "KeyUsage"],
  "AWS::Lambda::Alias": ["Name"],
  "AWS::Lambda::Function": ["FunctionName", "PackageType"],
  "AWS::RDS::DBCluster": [
    "DBClusterIdentifier",
    "DatabaseName",
    "Engine",
    "KmsKeyId",
    "MasterUsername",
    "StorageEncrypted",
  ],
  "AWS::RDS::DBInstance": ["DBClusterIdentifier", "Engine"],
  "AWS::RDS::DBSubnetGroup": ["DBSubnetGroupName"],
  "AWS::S3::Bucket": ["BucketName"],
  "AWS::SecretsManager::Secret": ["Name"],
  // Its domain is the owner's to choose.
  "AWS::SES::EmailIdentity": [],
  "AWS::SNS::Topic": ["TopicName", "FifoTopic"],
  "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
};

interface Pin {
  readonly stack: string;
  readonly id: string;
  readonly type: string;
  readonly deletion: string;
  readonly replacement: string;
  readonly key: Readonly<Record<string, unknown>>;
}

function pins(templates: Readonly<Record<string, Template>>, stage: string): Pin[] {
  const neutral = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value ?? null)
        .replaceAll(`bodega-${stage}`, "bodega-<stage>")
        .replaceAll(`bodega/${stage}`, "bodega/<stage>"),
    );
  return Object.entries(templates)
    .flatMap(([stack, template]) =>
      Object.entries(STATEFUL).flatMap(([type, key]) =>
        resources(template, type).map(([id, { Properties, DeletionPolicy, UpdateReplacePolicy }]) => ({
          stack: String(neutral(stack)),
          id,
          type,
          deletion: DeletionPolicy ?? "Delete",
          replacement: UpdateReplacePolicy ?? "Delete",
          key: Object.fromEntries(
            key.filter((name) => Properties?.[name] !== undefined).map((name) => [name, neutral(Properties[name])]),
          ),
        })),
      ),
    )
    .sort((a, b) => (`${a.stack} ${a.type} ${a.id}` < `${b.stack} ${b.type} ${b.id}` ? -1 : 1));
}

const found = pins(synthesize({ stage: "prod" }).templates, "prod");

describe("what must not be made anew", () => {
  it("has the committed logical ids, policies and key properties: none is missing, none is unlisted", () => {
    const written = `[\n${found.map((pin) => `  ${JSON.stringify(pin)}`).join(",\n")}\n]\n`;
    if (process.env.UPDATE === "1") {
      writeFileSync(FILE, written);
    }
    const committed = readFileSync(FILE, "utf8");
    const lines = (text: string) =>
      text
        .split("\n")
        .map((line) => line.trim().replace(/,$/, ""))
        .filter((line) => line.length > 1);
    expect(
      lines(written).filter((line) => !lines(committed).includes(line)),
      "not in pinned-ids.json",
    ).toEqual([]);
    expect(
      lines(committed).filter((line) => !lines(written).includes(line)),
      "in pinned-ids.json only",
    ).toEqual([]);
    expect(committed === written).toBe(true);
  });

  it("has the same ids in both stages", () => {
    const ids = (of: readonly Pin[]) => of.map(({ stack, id }) => `${stack} ${id}`);
    const dev = ids(pins(synthesize().templates, "dev"));
    const onlyInProd = ids(found).filter((id) => !dev.includes(id));
    // A second instance of the database, where the canary keeps its records, and what SES needs: dev sends no mail.
    expect(onlyInProd.filter((id) => !/DatabaseStandby|CanaryArtifacts|data Mail/.test(id))).toEqual([]);
    expect(dev.filter((id) => !ids(found).includes(id))).toEqual([]);
  });

  it("stays in prod when it is taken out of a stack, and goes with the stack in dev", () => {
    // Records of requests and of test runs: copies of what happened, not what happened.
    const records = /AccessLogs|CanaryArtifacts/;
    const holds = [
      "AWS::DynamoDB::Table",
      "AWS::KMS::Key",
      "AWS::RDS::DBCluster",
      "AWS::S3::Bucket",
      "AWS::SecretsManager::Secret",
      // The records that its owner published are good for this one only.
      "AWS::SES::EmailIdentity",
    ];
    const held = (of: readonly Pin[]) => of.filter(({ type, id }) => holds.includes(type) && !records.test(id));
    expect(held(found).length).toBeGreaterThan(8);
    for (const { stack, id, deletion, replacement } of held(found)) {
      expect([deletion, replacement], `${stack} ${id}`).toEqual(["RetainExceptOnCreate", "Retain"]);
    }
    for (const { stack, id, type, deletion } of held(pins(synthesize().templates, "dev"))) {
      // A secret's value was put there by hand; a lost key makes what it encrypted unreadable.
      expect(["Delete", ...(type === "AWS::SecretsManager::Secret" ? ["Retain"] : [])], `${stack} ${id}`).toContain(
        deletion,
      );
    }
  });

  it("keeps what waits in queues, and the letters that were given up, in prod", () => {
    const queues = found.filter(({ type }) => type === "AWS::SQS::Queue");
    expect(queues.length).toBeGreaterThanOrEqual(7);
    for (const { id, deletion, replacement } of queues) {
      expect([deletion, replacement], id).toEqual(["RetainExceptOnCreate", "Retain"]);
    }
  });

  it("is guarded twice where AWS has a second guard", () => {
    const { templates } = synthesize({ stage: "prod" });
    for (const template of Object.values(templates)) {
      for (const [id, { Properties }] of resources(template, "AWS::DynamoDB::Table")) {
        expect(Properties.DeletionProtectionEnabled, id).toBe(true);
        expect(Properties.PointInTimeRecoverySpecification, id).toMatchObject({ PointInTimeRecoveryEnabled: true });
      }
      for (const [id, { Properties }] of resources(template, "AWS::RDS::DBCluster")) {
        expect(Properties.DeletionProtection, id).toBe(true);
        expect(Properties.StorageEncrypted, id).toBe(true);
      }
    }
    for (const artifact of synthesize({ stage: "prod" }).artifacts) {
      expect(artifact.terminationProtection, artifact.stackName).toBe(true);
    }
  });
});
