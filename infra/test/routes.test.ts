import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { classOf, operations, operationsOf, throttle } from "../lib/routes.ts";
import { SERVICES, type ServiceName } from "../lib/services.ts";
import { only, resources, synthesize, type Template } from "./support.ts";

interface Described {
  readonly service: ServiceName;
  readonly key: string;
  readonly security: Record<string, string[]>[];
}

/** Read again here, apart from `lib/routes.ts`, so that its mistakes are not repeated. */
function described(service: ServiceName): Described[] {
  const text = readFileSync(new URL(`../../openapi/${service}.yaml`, import.meta.url), "utf8");
  const { paths } = parse(text) as { paths: Record<string, Record<string, { security: Record<string, string[]>[] }>> };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => method !== "parameters")
      .map(([method, { security }]) => ({ service, key: `${method.toUpperCase()} ${path}`, security })),
  );
}

const PREFLIGHT = "OPTIONS /{proxy+}";
const shop = synthesize({ stage: "prod" });
const all = SERVICES.flatMap(described);

/** The routes of a template by key; two of one key would be one too few. */
function routes(template: Template) {
  const found = resources(template, "AWS::ApiGatewayV2::Route");
  const byKey = new Map(found.map(([id, { Properties }]) => [Properties.RouteKey as string, { id, ...Properties }]));
  expect(byKey.size).toBe(found.length);
  return byKey;
}

describe.each(SERVICES)("the API of %s", (service) => {
  const template = shop.of(service);
  const [authorizer, { Properties: token }] = only(template, "AWS::ApiGatewayV2::Authorizer");
  const [integration, { Properties: integrated }] = only(template, "AWS::ApiGatewayV2::Integration");
  const [, { Properties: stage }] = only(template, "AWS::ApiGatewayV2::Stage");

  it("has a route for each operation of its description, one for preflights, and one for all else", () => {
    const expected = [...described(service).map(({ key }) => key), PREFLIGHT, "$default"].sort();
    expect([...routes(template).keys()].sort()).toEqual(expected);
  });

  // Beside `$default` the gateway hands OPTIONS to an integration in place of answering it: without this route, to one that throttles it with
  // what nobody knows.
  it("takes a browser's preflight without a token, to any path, and hands it to the service", () => {
    const route = routes(template).get(PREFLIGHT);
    expect([route?.AuthorizationType, route?.AuthorizerId, route?.AuthorizationScopes]).toEqual([
      "NONE",
      undefined,
      undefined,
    ]);
    expect(route?.Target).toEqual({ "Fn::Join": ["", ["integrations/", { Ref: integration }]] });
    const { rate, burst } = throttle("preflight", "prod");
    expect(stage.RouteSettings[PREFLIGHT]).toMatchObject({ ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst });
    // The path of an operation with OPTIONS would be before it.
    expect(described(service).filter(({ key }) => key.startsWith("OPTIONS "))).toEqual([]);
  });

  it.each(described(service))("asks of $key what the description asks", ({ key, security }) => {
    const route = routes(template).get(key);
    const isChecked = security.length > 0 && security.every((requirement) => Object.keys(requirement).length > 0);
    expect({
      type: route?.AuthorizationType,
      scopes: route?.AuthorizationScopes,
      authorizer: route?.AuthorizerId,
      target: route?.Target,
    }).toEqual({
      type: isChecked ? "JWT" : "NONE",
      scopes: isChecked ? security[0]?.token : undefined,
      authorizer: isChecked ? { Ref: authorizer } : undefined,
      target: { "Fn::Join": ["", ["integrations/", { Ref: integration }]] },
    });
  });

  it("takes tokens of this stage's issuer for this stage only, from the header Authorization", () => {
    expect(token.AuthorizerType).toBe("JWT");
    expect(token.IdentitySource).toEqual(["$request.header.Authorization"]);
    expect(token.JwtConfiguration.Audience).toEqual(["bodega-prod"]);
    expect(JSON.stringify(token.JwtConfiguration.Issuer)).toContain("bodega-prod-edge");
  });

  it("hands requests to the alias, in format 2.0, and waits longer than the function runs", () => {
    const [alias] = resources(template, "AWS::Lambda::Alias").find(([id]) => id.includes("HttpLive")) ?? [];
    expect(integrated.IntegrationUri).toEqual({ Ref: alias });
    expect([integrated.IntegrationType, integrated.PayloadFormatVersion]).toEqual(["AWS_PROXY", "2.0"]);
    const [, http] = resources(template, "AWS::Lambda::Function").find(([id]) => id.includes("HttpFunction")) ?? [];
    expect(http?.Properties.Timeout).toBeLessThan(integrated.TimeoutInMillis / 1000);
    expect(integrated.TimeoutInMillis).toBeLessThan(30_000);
  });

  it("lets the gateway call the alias of this API by one permission", () => {
    const permissions = resources(template, "AWS::Lambda::Permission").filter(
      ([, { Properties }]) => Properties.Principal === "apigateway.amazonaws.com",
    );
    expect(permissions).toHaveLength(1);
    expect(JSON.stringify(permissions[0]?.[1].Properties.FunctionName)).toContain("HttpLive");
    // What API Gateway shows as the source of a request: <api>/<stage>/<method>/<path>, and <api>/<stage>/$default for all else.
    const source = JSON.stringify(permissions[0]?.[1].Properties.SourceArn);
    const pattern = source.match(/(\/[^"]*)"\]\]\}$/)?.[1] ?? "";
    const part = new RegExp(`^${pattern.replaceAll("*", "[^:]*")}$`);
    for (const key of routes(template).keys()) {
      const asked = key === "$default" ? "/$default/$default" : `/$default/${key.replace(" ", "")}`;
      expect(asked, `${pattern} of the permission`).toMatch(part);
    }
  });

  it("limits every route by its class, and exactly those that there are, once they are there", () => {
    const keys = [...routes(template).keys()];
    expect(Object.keys(stage.RouteSettings).sort()).toEqual(keys.sort());
    for (const operation of operationsOf(service)) {
      const { rate, burst } = throttle(classOf(operation), "prod");
      expect(stage.RouteSettings[operation.key]).toEqual({
        ThrottlingRateLimit: rate,
        ThrottlingBurstLimit: burst,
        DetailedMetricsEnabled: false,
      });
    }
    const [, resource] = only(template, "AWS::ApiGatewayV2::Stage");
    expect(resource.DependsOn).toEqual(expect.arrayContaining([...routes(template).values()].map(({ id }) => id)));
    expect(stage.DefaultRouteSettings.ThrottlingRateLimit).toBe(throttle("unknown", "prod").rate);
  });

  it("logs requests as JSON, without the client's address and without paths that have ids in them", () => {
    const format = stage.AccessLogSettings.Format as string;
    const fields = JSON.parse(format) as Record<string, string>;
    expect(Object.keys(fields)).toEqual(
      expect.arrayContaining([
        "requestId",
        "routeKey",
        "status",
        "responseLatency",
        "integrationError",
        "authorizerError",
      ]),
    );
    expect(format).not.toMatch(/identity|sourceIp|userAgent|\$context\.path|claims/i);
    const [, group] = resources(template, "AWS::Logs::LogGroup").find(([id]) => id.includes("AccessLog")) ?? [];
    expect(group?.Properties.LogGroupName).toBe(`/aws/vendedlogs/bodega-prod-${service}-access`);
    expect(group?.Properties.RetentionInDays).toBeGreaterThan(0);
  });

  it("stays far below the 300 routes and integrations of an API", () => {
    expect(routes(template).size).toBeLessThan(200);
  });

  it("lets frontends of the shop's list call it, and read the headers that clients act on", () => {
    const [, api] =
      resources(shop.of("data"), "AWS::ApiGatewayV2::Api").find(([, { Properties }]) =>
        Properties.Name.endsWith(service),
      ) ?? [];
    const cors = api?.Properties.CorsConfiguration;
    expect(cors.AllowOrigins).toEqual([...shop.shop.config.shop.origins]);
    expect(cors.ExposeHeaders).toEqual(["ETag", "Location", "Retry-After", "X-Request-Id"]);
    expect(cors.AllowHeaders).toEqual(
      expect.arrayContaining(["authorization", "content-type", "idempotency-key", "if-match"]),
    );
    expect(cors.AllowMethods).toEqual(["GET", "POST", "PUT", "PATCH", "DELETE"]);
    expect(cors.AllowCredentials).toBe(false);
    expect(cors.AllowOrigins).not.toContain("*");
  });
});

describe("all APIs together", () => {
  it("have as many operations that the gateway asks no token of as the descriptions, one of them with a token that may be absent", () => {
    const isOptional = ({ security }: Described) =>
      security.some((requirement) => Object.keys(requirement).length === 0);
    const open = all.filter((operation) => operation.security.length === 0 || isOptional(operation));
    const none = SERVICES.flatMap((service) =>
      [...routes(shop.of(service)).values()].filter(
        ({ AuthorizationType, RouteKey }) =>
          AuthorizationType === "NONE" && RouteKey !== "$default" && RouteKey !== PREFLIGHT,
      ),
    );
    expect(none.map(({ RouteKey }) => RouteKey).sort()).toEqual(open.map(({ key }) => key).sort());
    // A change of these figures is a change of what the public may do: look at it.
    expect([all.length, open.length, open.filter(isOptional).map(({ key }) => key)]).toEqual([
      95,
      27,
      ["POST /auth/register"],
    ]);
  });
});

describe("a description that the gateway cannot follow", () => {
  const get = (more: object) => ({ operationId: "get", security: [], ...more });
  it.each([
    [
      "two paths of one shape",
      { "/p/{id}": { get: get({}) }, "/p/{slug}": { get: get({ operationId: "other" }) } },
      /one route/,
    ],
    ["one name for two operations", { "/a": { get: get({}) }, "/b": { get: get({}) } }, /called get/],
    ["no security", { "/a": { get: { operationId: "get" } } }, /lacks/],
    ["two scopes", { "/a": { get: get({ security: [{ token: ["a", "b"] }] }) } }, /one scope/],
    ["two kinds of token", { "/a": { get: get({ security: [{ token: ["a"] }, { token: ["b"] }] }) } }, /one scope/],
    ["another scheme", { "/a": { get: get({ security: [{ key: [] }] }) } }, /one token/],
  ])("is refused: %s", (_, paths, refusal) => {
    expect(() => operations({ paths } as never, "openapi/x.yaml")).toThrow(refusal);
  });
});

describe("classes of throttling", () => {
  const kinds = Object.fromEntries(SERVICES.flatMap((s) => operationsOf(s)).map((o) => [o.key, classOf(o)]));
  it.each([
    ["GET /products", "catalogue"],
    ["GET /categories/{category}", "catalogue"],
    ["GET /.well-known/jwks.json", "catalogue"],
    ["POST /auth/login", "credentials"],
    ["POST /oauth/token", "service"],
    ["POST /orders", "checkout"],
    ["POST /quotes", "checkout"],
    ["GET /users/me", "shopper"],
    ["PUT /carts/mine/items/{sku}", "shopper"],
    ["POST /unsubscribe/{token}", "shopper"],
    ["GET /users/{user_id}/checkout-context", "service"],
    ["PUT /inventory/reservations/{order_id}", "service"],
    ["POST /notifications", "service"],
    ["POST /admin/products", "staff"],
    ["PUT /inventory/{sku}", "staff"],
    ["POST /webhooks/stripe", "webhook"],
    ["GET /health/user-service/ready", "health"],
  ])("put %s among %s", (key, kind) => {
    expect(kinds[key]).toBe(kind);
  });

  it("let as many preflights through as requests of browsers that have one before them", () => {
    const behind = (["shopper", "credentials", "checkout", "staff"] as const).map(
      (kind) => throttle(kind, "prod").rate,
    );
    expect(throttle("preflight", "prod").rate).toBe(behind.reduce((sum, rate) => sum + rate));
    expect(throttle("preflight", "dev").rate).toBe(40);
  });

  it("give dev a tenth, and never less than five a second", () => {
    expect(throttle("catalogue", "dev")).toEqual({ rate: 100, burst: 200 });
    expect(throttle("health", "dev")).toEqual({ rate: 5, burst: 10 });
  });
});
