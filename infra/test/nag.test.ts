import { App, Stack, Validations } from "aws-cdk-lib";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { afterEach, describe, expect, it, vi } from "vitest";
import { build } from "../lib/app.ts";
import { type Acknowledged, acknowledge, acknowledged } from "../lib/nag.ts";
import { context, programs } from "./support.ts";

interface Finding {
  readonly id: string;
  readonly path: string;
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** What cdk-nag says of the whole shop, and what of it was answered. It would leave out what is acknowledged, so nothing is, here. */
function shop(overrides: Record<string, string>): { findings: Finding[]; answers: Acknowledged[] } {
  vi.spyOn(Validations.prototype, "acknowledge").mockImplementation(() => {});
  const app = new App({ context: { ...context(), artifacts: programs(), ...overrides } });
  build(app);
  app.synth();
  const findings = [new AwsSolutionsChecks(app), new ServerlessChecks(app)].flatMap((pack) =>
    pack.validateScope(app).violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map((resource) => ({
        id: ruleName,
        path: (resource as { constructPath?: string }).constructPath ?? "",
      })),
    ),
  );
  return { findings, answers: acknowledged(app) };
}

function answers({ id, path }: Finding, answer: Acknowledged): boolean {
  return answer.id === id && (path === answer.path || path.startsWith(`${answer.path}/`));
}

describe("cdk-nag, AwsSolutions and Serverless", () => {
  it.each([
    ["dev", { repository: "acme/bodega" }],
    ["prod", { stage: "prod" }],
    ["dev without a VPC", { database: "express" }],
  ] as readonly (readonly [string, Record<string, string>])[])(
    "finds nothing in %s that is not answered, and no answer is left over",
    (_, overrides) => {
      const { findings, answers: given } = shop(overrides);
      // The rules did run.
      expect(findings.length).toBeGreaterThan(40);
      const open = findings.filter((finding) => !given.some((answer) => answers(finding, answer)));
      expect(open.map(({ id, path }) => `${id} at ${path}`)).toEqual([]);
      const unused = given.filter((answer) => !findings.some((finding) => answers(finding, answer)));
      expect(unused.map(({ id, path }) => `${id} at ${path}`)).toEqual([]);
    },
  );
});

describe("an acknowledgement", () => {
  it("needs a reason and an id of cdk-nag's", () => {
    const stack = new Stack(new App(), "S");
    expect(() => acknowledge(stack, "AwsSolutions-S1", "")).toThrow("without a reason");
    expect(() => acknowledge(stack, "AwsSolutions-S1", "it is so")).toThrow("without a reason");
    expect(() => acknowledge(stack, "S1", "a reason that has enough words")).toThrow("no id of cdk-nag's");
  });

  it("is remembered with its place", () => {
    const stack = new Stack(new App(), "S");
    acknowledge(new Bucket(stack, "B"), "AwsSolutions-S1", "a reason that has enough words");
    expect(acknowledged(stack)).toEqual([
      { path: "S/B", id: "AwsSolutions-S1", reason: "a reason that has enough words" },
    ]);
  });
});
