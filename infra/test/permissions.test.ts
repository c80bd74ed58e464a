import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reasons } from "../lib/because.ts";
import { type Grant, markdown, type Permissions, permissions, type StackTemplate } from "./permissions.ts";
import { synthesize } from "./support.ts";

const FILE = new URL("../iam.md", import.meta.url);

function read(overrides: Record<string, string> = {}): Permissions {
  const { app, artifacts, shop } = synthesize(overrides);
  const stacks = artifacts.map(({ stackName, environment, template }) => ({
    name: stackName,
    region: environment.region,
    template,
  }));
  return permissions(stacks, reasons(app), shop.config.stage);
}

/** With the role of workflows, which a fork without GitHub leaves out. */
const WORKFLOWS = { repository: "acme/bodega" };

const found = read(WORKFLOWS);
const inProd = read({ ...WORKFLOWS, stage: "prod" });
const everywhere = [found, inProd, read({ database: "express" })];

/** Functions that strangers' requests and messages reach. */
const SERVING = ["http", "sweep", "queue"];

/** Who may do what, whatever the table says: regenerating it cannot wave these through. */
const FORBIDDEN: readonly { readonly what: string; readonly is: (grant: Grant) => boolean }[] = [
  {
    what: "every action of everything, or of a service",
    is: ({ action }) => action === "*" || /^[a-z0-9-]+:\*$/.test(action),
  },
  { what: "iam:PassRole", is: ({ action }) => action === "iam:PassRole" },
  {
    what: "making or changing roles and policies",
    is: ({ action }) => /^iam:(Create|Put|Attach|Update|Delete|Add)/.test(action),
  },
  {
    what: "what migrations may, for a function that serves",
    is: ({ action, holder, resource }) =>
      SERVING.includes(holder) &&
      (/^dynamodb:(Create|Delete|Update)Table$/.test(action) ||
        (action === "rds-db:connect" && resource.endsWith("/postgres"))),
  },
  {
    what: "deleting a table, a bucket, a queue, a secret, a key or a database",
    is: ({ action }) =>
      /^(dynamodb:DeleteTable|s3:DeleteBucket|sqs:DeleteQueue|sqs:PurgeQueue|secretsmanager:DeleteSecret|kms:ScheduleKeyDeletion|rds:Delete.*)$/.test(
        action,
      ),
  },
  {
    what: "changing secrets, for a function",
    is: ({ action, holder }) =>
      [...SERVING, "migrate", "admin"].includes(holder) && /^secretsmanager:(?!GetSecretValue)/.test(action),
  },
  {
    what: "changing functions",
    // An old version is deleted by its number; the function cannot be.
    is: ({ action, resource }) =>
      !(action === "lambda:DeleteFunction" && resource.endsWith(":*")) &&
      /^lambda:(Create|Delete|Put|UpdateFunction|Add|Publish)/.test(action),
  },
  {
    what: "files of others in the bucket",
    is: ({ action, resource }) =>
      /^s3:(Get|Put|Delete)Object$/.test(action) &&
      /(<S3::Bucket Images>|:s3:::bodega-[a-z]+-images-\{a\})(\/\*)?$/.test(resource),
  },
  {
    what: "setting metrics, on the way of a request",
    is: ({ action, holder }) => SERVING.includes(holder) && action.startsWith("cloudwatch:"),
  },
  { what: "X-Ray, which is not used", is: ({ action }) => action.startsWith("xray:") },
];

describe("the table of permissions", () => {
  it("is the committed one", () => {
    const written = markdown(found);
    if (process.env.UPDATE === "1") {
      writeFileSync(FILE, written);
    }
    expect(
      readFileSync(FILE, "utf8") === written,
      "iam.md is out of date: look at the difference, then UPDATE=1 npm test -- permissions",
    ).toBe(true);
  });

  it("has a holder for every function, and something that it may do", () => {
    const functions = Object.values(synthesize().templates).flatMap(({ Resources }) =>
      Object.values(Resources).filter(({ Type }) => Type === "AWS::Lambda::Function"),
    );
    expect(functions.length).toBeGreaterThan(10);
    const holders = new Set(found.grants.map(({ stack, holder }) => `${stack} ${holder}`));
    for (const { Properties } of functions) {
      const [, service, trigger] = /^bodega-dev-(.+-service)-([a-z-]+)$/.exec(Properties.FunctionName) ?? [];
      expect(
        [`${service} ${trigger}`, `${service}-migrate ${trigger}`].some((key) => holders.has(key)),
        Properties.FunctionName,
      ).toBe(true);
    }
  });

  it.each(FORBIDDEN)("allows nobody: $what", ({ is }) => {
    for (const { grants } of everywhere) {
      const allowed = grants.filter((grant) => grant.effect === "Allow" && is(grant));
      expect(
        allowed.map(({ stack, holder, action, resource }) => `${stack} ${holder}: ${action} on ${resource}`),
      ).toEqual([]);
    }
  });

  it("differs between the stages in names and in nothing that is granted", () => {
    const key = (stage: string) => (grant: Grant) =>
      [
        grant.stack,
        grant.holder,
        grant.effect,
        grant.action,
        grant.resource.replaceAll(new RegExp(`bodega([-/])${stage}`, "g"), "bodega$1"),
      ].join(" ");
    const dev = new Set(found.grants.map(key("dev")));
    const more = inProd.grants.map(key("prod")).filter((grant) => !dev.has(grant));
    // Mail is sent for real in prod only, and the canary buys there only.
    expect(more.filter((grant) => !/ses:SendEmail|^watch Canary/.test(grant))).toEqual([]);
  });

  it("lets AWS's services in for this account only", () => {
    const trusted = found.trusts.filter(({ principal }) =>
      /^Service (scheduler|codedeploy|vpc-flow-logs)/.test(principal),
    );
    expect(trusted.length).toBeGreaterThan(3);
    for (const { stack, resource, condition } of trusted) {
      expect(condition, `${stack} ${resource}`).toContain("aws:SourceAccount {a}");
    }
  });

  it("lets the distribution read what is published, and nothing else of the bucket", () => {
    const read = found.admissions.filter(({ principal }) => principal === "Service cloudfront.amazonaws.com");
    expect(read).toMatchObject([
      { resource: "<S3::Bucket Images>", action: "s3:GetObject", part: "/issuer/*, /products/*" },
    ]);
  });

  it("refuses what travels in clear to every queue, topic and bucket", () => {
    const templates = Object.entries(synthesize().templates);
    const owners = templates.flatMap(([name, { Resources }]) =>
      Object.entries(Resources)
        .filter(([, { Type }]) => ["AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::SNS::Topic"].includes(Type))
        .map(
          ([id, { Type }]) =>
            `${name.replace("bodega-dev-", "")} <${Type.replace("AWS::", "")} ${id.replace(/[0-9A-F]{8}$/, "")}>`,
        ),
    );
    expect(owners.length).toBeGreaterThan(8);
    const denied = found.admissions
      .filter(({ effect, condition }) => effect === "Deny" && condition.includes("Bool aws:SecureTransport false"))
      .map(({ stack, resource }) => `${stack} ${resource}`);
    expect(owners.filter((owner) => !denied.includes(owner))).toEqual([]);
  });
});

/** Templates as small as they can be, each with one thing wrong. */
describe("the table refuses to be written", () => {
  const role = (statement: object, more: object = {}) => ({
    Role1: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: { Statement: [] },
        Policies: [{ PolicyDocument: { Statement: [statement] } }],
        ...more,
      },
    },
  });
  const stack = (resources: Record<string, unknown>): StackTemplate[] => [
    {
      name: "bodega-dev-x",
      region: "eu-central-1",
      template: { Resources: resources as StackTemplate["template"]["Resources"] & object },
    },
  ];
  const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::a" };

  it.each([
    ["a * without a reason", role({ ...allow, Resource: "*" }), 'because(..., "*", ...) is missing'],
    ["NotAction", role({ Effect: "Allow", NotAction: "iam:*", Resource: "x" }), "NotAction"],
    ["NotResource", role({ Effect: "Allow", Action: "s3:GetObject", NotResource: "x" }), "NotResource"],
    [
      "a managed policy",
      role(allow, { ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] }),
      "managed policy",
    ],
    [
      "a role of two functions",
      {
        ...role(allow),
        A: {
          Type: "AWS::Lambda::Function",
          Properties: { FunctionName: "a", Role: { "Fn::GetAtt": ["Role1", "Arn"] } },
        },
        B: {
          Type: "AWS::Lambda::Function",
          Properties: { FunctionName: "b", Role: { "Fn::GetAtt": ["Role1", "Arn"] } },
        },
      },
      "a and b share a role",
    ],
    [
      "a role from elsewhere",
      {
        A: {
          Type: "AWS::Lambda::Function",
          Properties: { FunctionName: "a", Role: "arn:aws:iam::123456789012:role/x" },
        },
      },
      "not one of its own stack",
    ],
    [
      "a service let in for any account",
      {
        P: {
          Type: "AWS::Lambda::Permission",
          Properties: { Action: "lambda:InvokeFunction", Principal: "apigateway.amazonaws.com", FunctionName: "a" },
        },
      },
      "for any account",
    ],
    [
      "a queue for everybody",
      {
        Q: { Type: "AWS::SQS::Queue" },
        P: {
          Type: "AWS::SQS::QueuePolicy",
          Properties: {
            Queues: [{ Ref: "Q" }],
            PolicyDocument: { Statement: { Effect: "Allow", Principal: "*", Action: "sqs:SendMessage" } },
          },
        },
      },
      "lets everybody in",
    ],
    ["a user with keys", { U: { Type: "AWS::IAM::User" } }, "roles only"],
  ] as const)("for %s", (_, resources, message) => {
    expect(() => permissions(stack(resources), [], "dev")).toThrow(message);
  });

  it("for a reason that no permission needs", () => {
    const unused = [{ stack: "bodega-dev-x", pattern: "arn:{p}:s3:::b/*", reason: "it was needed once" }];
    expect(() => permissions(stack(role(allow)), unused, "dev")).toThrow("the reason belongs to no permission");
  });

  it("and is written for what has its reason", () => {
    const given = [{ stack: "bodega-dev-x", pattern: "*", reason: "the call names no resource" }];
    const { grants } = permissions(stack(role({ ...allow, Resource: "*" })), given, "dev");
    expect(grants).toMatchObject([{ action: "s3:GetObject", resource: "*", reason: "the call names no resource" }]);
  });
});
