import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import { GitHubStack } from "../lib/github.ts";

const ISSUER = "token.actions.githubusercontent.com";

function template(more: { repository?: string; provider?: string } = {}): Template {
  const env = { region: "eu-central-1", account: "123456789012" };
  return Template.fromStack(
    new GitHubStack(new App(), "bodega-prod-github", { env, stage: "prod", repository: "shop/bodega", ...more }),
  );
}

describe("who deploys from GitHub", () => {
  test("is one environment of one repository, by its whole name", () => {
    const roles = Object.values(template().findResources("AWS::IAM::Role"));
    expect(roles).toHaveLength(1);
    const statements = roles[0]?.Properties.AssumeRolePolicyDocument.Statement ?? [];
    expect(statements).toHaveLength(1);
    const [trust] = statements;
    expect(trust.Action).toBe("sts:AssumeRoleWithWebIdentity");
    expect(trust.Condition).toEqual({
      StringEquals: { [`${ISSUER}:aud`]: "sts.amazonaws.com", [`${ISSUER}:sub`]: "repo:shop/bodega:environment:prod" },
    });
  });

  test("may take CDK's roles and do by itself what the pipeline types, in its own stage", () => {
    const policies = Object.values(template().findResources("AWS::IAM::Policy"));
    expect(policies).toHaveLength(1);
    const statements: { Action: string | string[]; Resource: unknown; Condition?: unknown }[] =
      policies[0]?.Properties.PolicyDocument.Statement;
    const actions = statements.flatMap((statement) => statement.Action).sort();
    expect(actions).toEqual([
      "cloudformation:DescribeStacks",
      "cloudformation:GetTemplate",
      "cloudwatch:PutMetricData",
      "cloudwatch:SetAlarmState",
      "lambda:DeleteFunction",
      "lambda:GetAlias",
      "lambda:InvokeFunction",
      "lambda:ListVersionsByFunction",
      "lambda:UpdateAlias",
      "ssm:DeleteParameter",
      "ssm:GetParameter",
      "ssm:PutParameter",
      "sts:AssumeRole",
    ]);
    for (const statement of statements) {
      const resources = JSON.stringify(statement.Resource);
      if (statement.Action === "cloudwatch:PutMetricData") {
        expect(statement.Condition).toEqual({ StringEquals: { "cloudwatch:namespace": "Bodega" } });
      } else {
        expect(resources).toMatch(/bodega[-/]prod|cdk-hnb659fds/);
        expect(resources).not.toContain("bodega-dev");
      }
    }
  });

  test("deletes versions and no function", () => {
    const text = JSON.stringify(template().toJSON());
    expect(text).toContain("function:bodega-prod-*:*");
    expect(template().findResources("AWS::Lambda::Function")).toEqual({});
  });

  test("uses the account's provider where there is one", () => {
    const provider = `arn:aws:iam::123456789012:oidc-provider/${ISSUER}`;
    expect(template({ provider }).findResources("AWS::IAM::OIDCProvider")).toEqual({});
    template().resourceCountIs("AWS::IAM::OIDCProvider", 1);
  });

  test("is no repository that cannot be one", () => {
    for (const repository of ["", "bodega", "shop/*", "*/*"]) {
      expect(() => template({ repository })).toThrow("owner/name");
    }
  });
});
