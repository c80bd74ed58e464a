import { describe, expect, it } from "vitest";
import { GIVE_UP_AFTER } from "../lib/events.ts";
import { SERVICES } from "../lib/services.ts";
import { type Json, only, resources, synthesize } from "./support.ts";

const shop = synthesize({ stage: "prod" });
const events = shop.of("events");

/** Every queue of the shop, with the stack that it stands in. */
const queues = ["events", ...SERVICES].flatMap((stack) =>
  resources(shop.of(stack), "AWS::SQS::Queue").map(([id, { Properties }]) => ({ stack, id, properties: Properties })),
);
const work = queues.filter(({ properties }) => !properties.QueueName.endsWith("-dead"));
const dead = queues.filter(({ properties }) => properties.QueueName.endsWith("-dead"));

describe("queues", () => {
  it("are these, each with its dead letters", () => {
    expect(work.map(({ properties }) => properties.QueueName)).toEqual([
      "bodega-prod-images",
      "bodega-prod-notifications",
    ]);
    expect(dead.map(({ properties }) => properties.QueueName).sort()).toEqual([
      "bodega-prod-images-dead",
      "bodega-prod-notifications-dead",
      "bodega-prod-product-service-sweep-dead",
      "bodega-prod-transaction-service-sweep-dead",
      "bodega-prod-user-service-sweep-dead",
    ]);
  });

  it.each(queues)("are encrypted and take TLS only: $properties.QueueName", ({ stack, id, properties }) => {
    expect(properties.SqsManagedSseEnabled).toBe(true);
    const policies = resources(shop.of(stack), "AWS::SQS::QueuePolicy").filter(([, policy]) =>
      policy.Properties.Queues.some((queue: Json) => queue.Ref === id),
    );
    const statements = policies.flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement) as Json[];
    const refused = statements.filter(({ Effect }) => Effect === "Deny");
    expect(refused.map(({ Action, Condition }) => [Action, Condition])).toEqual([
      ["sqs:*", { Bool: { "aws:SecureTransport": "false" } }],
    ]);
  });

  it.each(work)("give a message up to their own dead letters: $properties.QueueName", ({ properties }) => {
    const target = properties.RedrivePolicy.deadLetterTargetArn["Fn::GetAtt"][0];
    const letters = dead.find(({ id }) => id === target)?.properties;
    expect(letters.QueueName).toBe(`${properties.QueueName}-dead`);
    expect(letters.RedriveAllowPolicy.redrivePermission).toBe("byQueue");
    expect(JSON.stringify(letters.RedriveAllowPolicy.sourceQueueArns)).toContain(properties.QueueName);
    // Longer than in the queue itself: SQS counts a message's age from when it was first sent.
    expect(letters.MessageRetentionPeriod).toBeGreaterThan(properties.MessageRetentionPeriod);
  });

  it("try an image five times, and a notification more often than its service does before it gives up", () => {
    const receives = Object.fromEntries(
      work.map(({ properties }) => [properties.QueueName, properties.RedrivePolicy.maxReceiveCount]),
    );
    expect(receives["bodega-prod-images"]).toBe(5);
    expect(receives["bodega-prod-notifications"]).toBeGreaterThan(GIVE_UP_AFTER);
    const [, fn] =
      resources(shop.of("notification-service"), "AWS::Lambda::Function").find(
        ([, { Properties }]) => Properties.Environment?.Variables.TRIGGER === "queue",
      ) ?? [];
    expect(fn?.Properties.Environment.Variables.QUEUE_GIVE_UP_AFTER).toBe(`${GIVE_UP_AFTER}`);
  });
});

describe("what the bucket tells", () => {
  const [ruleId, { Properties: rule }] = only(events, "AWS::Events::Rule");

  it("is of uploads, published images, imports, and exports that begin: of this bucket", () => {
    const { detail, ...rest } = rule.EventPattern;
    expect(rest).toEqual({ source: ["aws.s3"], "detail-type": ["Object Created"] });
    expect(detail.object.key).toEqual([
      { prefix: "uploads/" },
      { prefix: "products/" },
      { prefix: "imports/" },
      { wildcard: "exports/*/start" },
    ]);
    expect(JSON.stringify(detail.bucket.name)).toContain("bodega-prod-data");
  });

  it("goes to the queue of images, for an hour at most, and then to its dead letters", () => {
    expect(rule.Targets).toHaveLength(1);
    const [target] = rule.Targets;
    const arnOf = (name: string) => ({
      "Fn::GetAtt": [queues.find((q) => q.properties.QueueName === name)?.id, "Arn"],
    });
    expect(target.Arn).toEqual(arnOf("bodega-prod-images"));
    expect(target.DeadLetterConfig).toEqual({ Arn: arnOf("bodega-prod-images-dead") });
    expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 });
  });

  it("may be put into these queues by this rule only", () => {
    const statements = resources(events, "AWS::SQS::QueuePolicy").flatMap(
      ([, policy]) => policy.Properties.PolicyDocument.Statement,
    ) as Json[];
    const allowed = statements.filter(({ Effect }) => Effect === "Allow");
    expect(allowed).toHaveLength(2);
    for (const { Principal, Condition } of allowed) {
      expect(Principal).toEqual({ Service: "events.amazonaws.com" });
      expect(JSON.stringify(Condition)).toContain(ruleId);
    }
  });
});
