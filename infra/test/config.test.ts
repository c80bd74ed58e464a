import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { describe, expect, it } from "vitest";
import { configure } from "../lib/config.ts";
import { codeOf } from "../lib/function.ts";
import { SERVICES } from "../lib/services.ts";
import { context, ELSEWHERE, synthesize } from "./support.ts";

const read = (given: Record<string, unknown>) => configure(new App({ context: { ...context(), ...given } }).node);

/** Settings of `.env.example` that a shop on AWS has no use for, and why. */
const NOT_ON_AWS: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "functions have roles",
  AWS_SECRET_ACCESS_KEY: "functions have roles",
  AWS_REGION: "Lambda sets it",
  AWS_ENDPOINT_URL: "stands in for AWS at home",
  BASE_PATH: "the gateway's stage is $default, and the edge adds no prefix",
  DATABASE_CA: "the address names the file, which a layer brings",
  SNS_DOUBLE_URL: "stands in for SNS at home; a function that has it does not start",
  STRIPE_API_BASE: "stands in for Stripe at home",
  TWILIO_API_BASE: "stands in for Twilio at home",
  SECRET_MAX_AGE_SECONDS: "operations.md reckons with its default",
  CHECKOUT_DEADLINE_SECONDS: "it has to be below the gateway's time, which is fixed",
};

describe("every setting of .env.example", () => {
  it("is the owner's to choose, or made by the stacks, or of no use on AWS for a reason", () => {
    const text = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
    const names = [...text("../../.env.example").matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name ?? "");
    expect(names.length).toBeGreaterThan(70);
    const known = ["shop", "settings", "secrets"].map((file) => text(`../lib/${file}.ts`)).join("\n");
    const written = (name: string) => new RegExp(`\\b${name}\\b`).test(known);
    expect(names.filter((name) => !written(name) && NOT_ON_AWS[name] === undefined)).toEqual([]);
    expect(Object.keys(NOT_ON_AWS).filter((name) => !names.includes(name) || written(name))).toEqual([]);
  });
});

describe("the context", () => {
  it("has a default for everything", () => {
    const config = read({});
    expect([config.stage, config.region, config.architecture.name, config.database]).toEqual([
      "dev",
      "eu-central-1",
      "arm64",
      "vpc",
    ]);
    expect(config.artifacts).toMatch(/\/target\/lambda$/);
  });

  it.each([
    ["stage", "staging"],
    ["database", "serverless"],
    ["architecture", "arm"],
    ["region", "Frankfurt"],
    ["account", "1234"],
    ["repository", "bodega"],
    ["repository", "acme@123456/bodega"],
    ["repository", "acme/bodega@456789"],
    ["repository", "acme@owner/bodega@name"],
    ["origin-secret-version", "latest"],
  ])("is refused by name where %s is %s", (name, value) => {
    expect(() => read({ [name]: value })).toThrow(new RegExp(`context ${name} is ${value}`));
  });

  it("takes x86_64 for every function", () => {
    const { templates } = synthesize(ELSEWHERE);
    for (const [name, template] of Object.entries(templates)) {
      for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
        if (Type === "AWS::Lambda::Function" && Properties.Runtime === "provided.al2023") {
          expect(Properties.Architectures, `${name} ${id}`).toEqual(["x86_64"]);
        }
      }
    }
  });
});

describe("a program that was not built", () => {
  it("is missed with the command that builds it", () => {
    const artifacts = mkdtempSync(join(tmpdir(), "bodega-none-"));
    const missing = (architecture: string) => () => codeOf(read({ artifacts, architecture }), "user-service");
    expect(missing("arm64")).toThrow(/cargo lambda build --release --arm64/);
    expect(missing("x86_64")).toThrow(/cargo lambda build --release --x86-64/);
    expect(missing("arm64")).toThrow(/-c artifacts=<folder>/);
  });

  it("or that lost its mode on the way is refused", () => {
    const artifacts = mkdtempSync(join(tmpdir(), "bodega-mode-"));
    mkdirSync(join(artifacts, "user-service"));
    const bootstrap = join(artifacts, "user-service", "bootstrap");
    writeFileSync(bootstrap, "");
    chmodSync(bootstrap, 0o644);
    expect(() => codeOf(read({ artifacts }), "user-service")).toThrow(/not executable/);
    chmodSync(bootstrap, 0o755);
    expect(() => codeOf(read({ artifacts }), "user-service")).not.toThrow();
  });
});

describe("the stages", () => {
  const dev = synthesize();
  const prod = synthesize({ stage: "prod" });

  it("have the same stacks, each under its own name, in this order", () => {
    const names = (stage: string, of: typeof dev) =>
      of.app.node.children.filter(Stack.isStack).map(({ node }) => node.id.replace(`bodega-${stage}-`, ""));
    expect(names("dev", dev)).toEqual(names("prod", prod));
    expect(names("dev", dev)).toEqual([
      "data",
      "events",
      "edge",
      "notification-service-migrate",
      "user-service-migrate",
      "product-service-migrate",
      "transaction-service-migrate",
      "notification-service",
      "user-service",
      "product-service",
      "transaction-service",
      "watch",
    ]);
  });

  it("deploy the watch behind the services whose alarms its composite alarms name", () => {
    const watch = dev.artifacts.find(({ stackName }) => stackName === "bodega-dev-watch");
    const before = watch?.dependencies.map(({ id }) => id) ?? [];
    for (const service of SERVICES) {
      expect(before).toContain(`bodega-dev-${service}`);
    }
  });

  it("protect their stacks from deletion in production only", () => {
    expect(dev.artifacts.map(({ terminationProtection }) => terminationProtection)).not.toContain(true);
    expect(prod.artifacts.every(({ terminationProtection }) => terminationProtection === true)).toBe(true);
  });

  it("tag every stack with the project and the stage", () => {
    for (const [stage, of] of [
      ["dev", dev],
      ["prod", prod],
    ] as const) {
      for (const artifact of of.artifacts) {
        expect(artifact.tags, artifact.stackName).toMatchObject({ project: "bodega", stage });
      }
    }
  });

  // A failed creation leaves nothing that has a fixed name: the next would meet "already exists".
  it("keep what holds data when the stack of production goes, not when its creation fails, and nothing in dev", () => {
    const holding = [
      "AWS::DynamoDB::Table",
      "AWS::S3::Bucket",
      "AWS::RDS::DBCluster",
      "AWS::RDS::DBInstance",
      "AWS::KMS::Key",
      "AWS::SecretsManager::Secret",
    ];
    const policies = (of: typeof dev) =>
      Object.values(of.of("data").Resources)
        .filter(({ Type }) => holding.includes(Type))
        .map(({ Type, DeletionPolicy, UpdateReplacePolicy }) => [Type, DeletionPolicy, UpdateReplacePolicy]);
    for (const [type, deletion, replacement] of policies(prod)) {
      expect([type, deletion, replacement]).toEqual([type, "RetainExceptOnCreate", "Retain"]);
    }
    for (const [type, deletion] of policies(dev)) {
      expect([type, deletion]).toEqual([type, "Delete"]);
    }
    expect(new Set(policies(prod).map(([type]) => type))).toEqual(new Set(holding));
  });

  it("protect table and cluster from deletion by themselves in production", () => {
    const protection = (of: typeof dev) =>
      Object.values(of.of("data").Resources).flatMap(({ Type, Properties }) => {
        if (Type === "AWS::DynamoDB::Table") return [Properties.DeletionProtectionEnabled];
        return Type === "AWS::RDS::DBCluster" ? [Properties.DeletionProtection] : [];
      });
    expect(protection(prod)).toEqual([true, true]);
    expect(protection(dev)).toEqual([false, false]);
  });
});

describe("a synthesis", () => {
  it("writes into its own folder and the run's temporary folder, which the run removes", () => {
    const { app } = synthesize();
    expect(tmpdir()).toMatch(/bodega-tests-\w+$/);
    expect(app.outdir.startsWith(`${tmpdir()}/`)).toBe(true);
    expect(existsSync(join(app.outdir, "rds-roots/rds-ca.pem"))).toBe(true);
  });

  it("needs no look-up, so that it works without credentials, whichever account it is for", () => {
    for (const { app } of [synthesize(), synthesize(ELSEWHERE)]) {
      expect(app.synth().manifest.missing ?? []).toEqual([]);
    }
  });

  it("makes no custom resource: each would be a function with rights to change others' resources", () => {
    for (const given of [{}, { stage: "prod" }, { database: "express" }] as Record<string, string>[]) {
      for (const [name, template] of Object.entries(synthesize(given).templates)) {
        const types = Object.values(template.Resources).map(({ Type }) => Type);
        expect(
          types.filter((type) => type.startsWith("Custom::") || type.includes("CustomResource")),
          name,
        ).toEqual([]);
      }
    }
  });

  it("stays below the 500 resources of a stack", () => {
    for (const [name, template] of Object.entries(synthesize({ stage: "prod" }).templates)) {
      expect(Object.keys(template.Resources).length, name).toBeLessThan(400);
    }
  });
});

describe("the edge", () => {
  it("sends the version of the origin secret that the context names while it is replaced", () => {
    const version = "0f0f0f0f-0000-4000-8000-000000000000";
    const edge = (given: Record<string, string>) => JSON.stringify(synthesize(given).of("edge"));
    expect(edge({ "origin-secret-version": version })).toContain(`bodega/dev/ORIGIN_SECRET:SecretString:::${version}`);
    expect(edge({})).not.toContain(version);
  });
});
