import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { UNSET } from "../lib/secrets.ts";
import { type Json, only, resources, synthesize } from "./support.ts";

const shop = synthesize({ stage: "prod", repository: "acme/bodega" });
const github = shop.of("github");
const statements = resources(github, "AWS::IAM::Policy").flatMap(
  ([, { Properties }]) => Properties.PolicyDocument.Statement,
) as Json[];
const of = (sid: string) => statements.find(({ Sid }) => Sid === sid);
const texts = (sid: string): string[] => [of(sid).Resource].flat().map((resource: Json) => JSON.stringify(resource));

describe("the role that workflows deploy with", () => {
  const [, role] = only(github, "AWS::IAM::Role");

  it("is for this repository in the environment of this stage, and for no other", () => {
    const [trust, ...rest] = role.Properties.AssumeRolePolicyDocument.Statement;
    expect(rest).toEqual([]);
    expect(trust.Action).toBe("sts:AssumeRoleWithWebIdentity");
    expect(trust.Condition).toEqual({
      StringEquals: {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:acme/bodega:environment:prod",
      },
    });
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
  });

  it.each([
    ["a repository of July 2026 or later, by names and numbers", "acme@123456/bodega@456789"],
    ["an older one, by names", "acme/bodega"],
  ])("names %s, as its tokens do", (_, repository) => {
    const [, made] = only(synthesize({ repository }).of("github"), "AWS::IAM::Role");
    const [{ Condition }] = made.Properties.AssumeRolePolicyDocument.Statement;
    expect(Condition.StringEquals["token.actions.githubusercontent.com:sub"]).toBe(
      `repo:${repository}:environment:dev`,
    );
    expect(Object.keys(Condition)).toEqual(["StringEquals"]);
  });

  it("trusts a provider that is no custom resource, or the one that the account has", () => {
    expect(only(github, "AWS::IAM::OIDCProvider")[1].Properties).toMatchObject({
      Url: "https://token.actions.githubusercontent.com",
      ClientIdList: ["sts.amazonaws.com"],
    });
    const second = synthesize({ repository: "acme/bodega", "github-provider": "existing" }).of("github");
    expect(resources(second, "AWS::IAM::OIDCProvider")).toEqual([]);
    const [, other] = only(second, "AWS::IAM::Role");
    expect(JSON.stringify(other.Properties.AssumeRolePolicyDocument)).toContain(
      ":oidc-provider/token.actions.githubusercontent.com",
    );
  });

  it("may do what the pipeline calls, and all else through the roles of cdk bootstrap", () => {
    const allowed = Object.fromEntries(statements.map(({ Sid, Action }) => [Sid, [Action].flat()]));
    expect(allowed).toEqual({
      DeployByCdk: ["sts:AssumeRole"],
      LookAtStacks: ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
      Migrate: ["lambda:InvokeFunction"],
      GoBack: ["lambda:GetAlias", "lambda:ListVersionsByFunction", "lambda:UpdateAlias"],
      DeleteOldVersions: ["lambda:DeleteFunction"],
      AskWhetherSecretsAreSet: ["secretsmanager:DescribeSecret"],
      RememberReleases: ["ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"],
      ReadTheIssuer: ["s3:GetObject"],
      SayThatItDeploys: ["cloudwatch:PutMetricData"],
      StopAStack: ["cloudformation:CancelUpdateStack"],
    });
    expect(texts("DeployByCdk")).toHaveLength(6);
    for (const one of texts("DeployByCdk")) {
      expect(one).toMatch(/role\/cdk-hnb659fds-(deploy|file-publishing|lookup)-role-/);
    }
  });

  it("calls functions that migrate only, and deletes versions only, never a function", () => {
    expect(texts("Migrate")).toHaveLength(4);
    for (const one of texts("Migrate")) {
      expect(one).toMatch(/function:bodega-prod-[a-z-]+-migrate"/);
    }
    for (const one of texts("DeleteOldVersions")) {
      expect(one).toMatch(/function:bodega-prod-[a-z]+-service-(http|sweep|queue):\*"/);
    }
    expect(of("SayThatItDeploys").Condition).toEqual({ StringEquals: { "cloudwatch:namespace": "Bodega" } });
  });

  it("asks for the secrets that their owners set, and reads none", () => {
    const made = resources(shop.of("data"), "AWS::SecretsManager::Secret").map(([, { Properties }]) => Properties);
    const owned = made.filter(({ SecretString }) => SecretString === UNSET).map(({ Name }) => Name);
    expect(owned).toContain("bodega/prod/MONGODB_URI");
    const asked = texts("AskWhetherSecretsAreSet").map((text) => /:secret:(.+)-\?{6}"/.exec(text)?.[1]);
    expect(asked.sort()).toEqual(owned.sort());
    expect(JSON.stringify(statements)).not.toContain("GetSecretValue");
  });

  it("stays the pipeline's until its job has ended, undoing included", () => {
    const workflow = readFileSync(new URL("../../.github/workflows/stage.yml", import.meta.url), "utf8");
    const { jobs } = parse(workflow) as { jobs: { deploy: { "timeout-minutes": number; steps: Json[] } } };
    const minutes = jobs.deploy["timeout-minutes"];
    const asked = jobs.deploy.steps.find(({ uses }) => uses?.startsWith("aws-actions/configure-aws-credentials"));
    expect(asked.with["role-duration-seconds"]).toBeGreaterThanOrEqual(minutes * 60);
    expect(role.Properties.MaxSessionDuration).toBeGreaterThanOrEqual(asked.with["role-duration-seconds"]);
  });

  it("stops stacks of services only, and reads of the bucket what everybody may read", () => {
    for (const one of texts("StopAStack")) {
      expect(one).toMatch(/:stack\/bodega-prod-[a-z]+-service\/\*/);
    }
    expect(texts("ReadTheIssuer").join()).toMatch(/\/issuer\/\.well-known\/jwks\.json.*openid-configuration/);
  });

  it("is made only where the context names a repository", () => {
    expect(Object.keys(synthesize({ stage: "prod" }).templates)).not.toContain("bodega-prod-github");
  });
});

describe("workflows", () => {
  const folder = new URL("../../.github/workflows/", import.meta.url);
  const jobs = readdirSync(folder).flatMap((file) => {
    const { jobs } = parse(readFileSync(new URL(file, folder), "utf8")) as { jobs: Record<string, Json> };
    return Object.entries(jobs).map(([name, job]) => ({ name: `${file}, ${name}`, job }));
  });
  const deploying = jobs.filter(({ job }) => job.environment !== undefined);

  // By default a group has one that waits, and a newer one takes its place: its service would keep the commit before, and nothing says so.
  it("that deploy wait for each other, and none is thrown away", () => {
    expect(deploying.length).toBeGreaterThan(0);
    for (const { name, job } of deploying) {
      expect(job.concurrency, name).toMatchObject({ queue: "max", "cancel-in-progress": false });
    }
  });
});
