import { describe, expect, it } from "vitest";
import { shapes } from "../lib/services.ts";
import { resources, synthesize, type Template } from "./support.ts";

/** Lambda's own share of an account's concurrency that reserving may not touch. */
const UNRESERVABLE = 100;
/** The default of an account. New ones may have less until they ask: docs/operations.md says so. */
const ACCOUNT_CONCURRENCY = 1_000;

describe.each(["dev", "prod"])("%s keeps to the quotas of AWS", (stage) => {
  const { templates, shop } = synthesize({ stage });

  it.each(Object.keys(templates))("%s: resources, parameters, outputs, size", (name) => {
    const template = templates[name];
    expect(Object.keys(template?.Resources ?? {}).length).toBeLessThan(500);
    expect(Object.keys(template?.Outputs ?? {}).length).toBeLessThan(200);
    // CloudFormation takes 1 MB from a bucket; the CLI adds paths.
    expect(JSON.stringify(template).length).toBeLessThan(800_000);
  });

  it("routes and integrations of an API, and no key twice", () => {
    for (const template of Object.values(templates)) {
      const keys = resources(template, "AWS::ApiGatewayV2::Route").map(([, { Properties }]) =>
        String(Properties.RouteKey),
      );
      // A path with another name of a parameter is the same path to the gateway.
      const shapesOfKeys = keys.map((key) => key.replace(/\{[^}]+\}/g, "{}"));
      expect(keys.length).toBeLessThan(300);
      expect(new Set(shapesOfKeys).size).toBe(keys.length);
      expect(resources(template, "AWS::ApiGatewayV2::Integration").length).toBeLessThanOrEqual(1);
      expect(resources(template, "AWS::ApiGatewayV2::Authorizer").length).toBeLessThanOrEqual(1);
    }
  });

  it("4 KB of environment, with room for what deployment fills in", () => {
    for (const template of Object.values(templates)) {
      for (const [id, { Properties }] of resources(template, "AWS::Lambda::Function")) {
        expect(JSON.stringify(Properties.Environment ?? {}).length, id).toBeLessThan(3_500);
      }
    }
  });

  it("reserved concurrency: of every function of ours, and in sum", () => {
    let sum = 0;
    for (const template of Object.values(templates)) {
      for (const [id, { Properties }] of resources(template, "AWS::Lambda::Function")) {
        if (String(Properties.FunctionName).endsWith("-trial")) {
          // Runs for a minute in a deployment.
          continue;
        }
        expect(Properties.ReservedConcurrentExecutions, id).toBeGreaterThan(0);
        sum += Properties.ReservedConcurrentExecutions;
      }
    }
    const planned = Object.values(shapes(shop.config)).flatMap(({ functions }) => Object.values(functions));
    expect(sum).toBe(planned.reduce((total, { reserved }) => total + reserved, 0));
    expect(sum).toBeLessThanOrEqual(ACCOUNT_CONCURRENCY - UNRESERVABLE);
  });

  it("a queue's consumers: at least two, and no more than the function may have", () => {
    let found = 0;
    for (const template of Object.values(templates)) {
      const functions = new Map(resources(template, "AWS::Lambda::Function"));
      for (const [id, { Properties }] of resources(template, "AWS::Lambda::EventSourceMapping")) {
        found += 1;
        const atOnce = Properties.ScalingConfig.MaximumConcurrency;
        expect(atOnce, id).toBeGreaterThanOrEqual(2);
        // The mapping names the alias by its ARN: the function's name is in it.
        const [alias] = [...functions].filter(([, { Properties: one }]) => String(one.FunctionName).endsWith("-queue"));
        expect(JSON.stringify(Properties.FunctionName), id).toMatch(/ServiceQueueLive.*:live/);
        expect(alias?.[1].Properties.ReservedConcurrentExecutions, id).toBeGreaterThanOrEqual(atOnce);
      }
    }
    expect(found).toBe(2);
  });

  it("a message stays with its consumer for six times the function's timeout", () => {
    const queues = new Map(
      Object.values(templates).flatMap((template) =>
        resources(template, "AWS::SQS::Queue").map(
          ([, { Properties }]) => [String(Properties.QueueName), Properties] as const,
        ),
      ),
    );
    for (const [queue, service] of [
      ["images", "product-service"],
      ["notifications", "notification-service"],
    ] as const) {
      const [consumer] = resources(templates[`bodega-${stage}-${service}`] as Template, "AWS::Lambda::Function").filter(
        ([, { Properties }]) => String(Properties.FunctionName).endsWith("-queue"),
      );
      const timeout = consumer?.[1].Properties.Timeout;
      expect(timeout, service).toBeGreaterThan(3);
      expect(queues.get(`bodega-${stage}-${queue}`)?.VisibilityTimeout, queue).toBeGreaterThanOrEqual(6 * timeout);
    }
  });

  it("20 KB of policy on what the gateway calls: one permission for the API, not one for each route", () => {
    for (const template of Object.values(templates)) {
      const permissions = resources(template, "AWS::Lambda::Permission").map(([, { Properties }]) => Properties);
      expect(JSON.stringify(permissions).length).toBeLessThan(5_000);
    }
  });
});
