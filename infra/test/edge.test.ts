import { readFileSync } from "node:fs";
import vm from "node:vm";
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CACHED_PREFIXES, type EdgeProps, EdgeStack, ISSUER_PREFIX } from "../lib/edge.ts";
import { CUT_IMAGES, UNKNOWN_ROUTE } from "../lib/edge-functions.ts";
import { COUNTED_RULES, LARGE_BODIES, MANAGED_RULE_GROUPS, SERVICE_PATHS } from "../lib/firewall.ts";
import { parsePrefixes, prefixes } from "../lib/prefixes.ts";
import { classOf, operationsOf, throttle } from "../lib/routes.ts";
import { SERVICES as DEPLOYED } from "../lib/services.ts";
import { isPublic, operations } from "./openapi.ts";

const SERVICES = ["notification-service", "product-service", "transaction-service", "user-service"];

function edge(more: Partial<EdgeProps> = {}): { stack: EdgeStack; template: Template } {
  const app = new App({ context: { "@aws-cdk/core:defaultCrossStackReferences": "weak" } });
  const data = new Stack(app, "data", { env: { region: "eu-central-1" } });
  const stack = new EdgeStack(app, "edge", {
    stage: "dev",
    env: { region: "us-east-1" },
    removalPolicy: RemovalPolicy.DESTROY,
    logRetentionDays: 30,
    apis: Object.fromEntries(SERVICES.map((service) => [service, `${service}.execute-api.example`])),
    images: new Bucket(data, "Images"),
    originSecretName: "bodega/dev/ORIGIN_SECRET",
    ...more,
  });
  return { stack, template: Template.fromStack(stack) };
}

interface Behavior {
  readonly PathPattern: string;
  readonly TargetOriginId: string;
  readonly CachePolicyId: { Ref: string } | string;
  readonly OriginRequestPolicyId?: { Ref: string } | string;
  readonly ResponseHeadersPolicyId: { Ref: string };
  readonly AllowedMethods: readonly string[];
  readonly ViewerProtocolPolicy: string;
  readonly FunctionAssociations?: readonly { readonly EventType: string }[];
}

interface Origin {
  readonly Id: string;
  readonly DomainName: unknown;
  readonly OriginPath?: string;
  readonly OriginAccessControlId?: unknown;
  readonly OriginCustomHeaders?: readonly { readonly HeaderName: string; readonly HeaderValue: unknown }[];
  readonly CustomOriginConfig?: Record<string, unknown>;
}

interface Config {
  readonly CacheBehaviors: readonly Behavior[];
  readonly DefaultCacheBehavior: Behavior;
  readonly Origins: readonly Origin[];
  readonly ViewerCertificate?: Record<string, unknown>;
  readonly Aliases?: readonly string[];
  readonly CustomErrorResponses: unknown;
  readonly PriceClass: string;
  readonly WebACLId: unknown;
}

function only<T>(template: Template, type: string): T {
  const found = Object.values(template.findResources(type));
  expect(found).toHaveLength(1);
  return found[0]?.Properties as T;
}

function config(template: Template): Config {
  return only<{ DistributionConfig: Config }>(template, "AWS::CloudFront::Distribution").DistributionConfig;
}

const { template } = edge();
const distribution = config(template);

function policy<T>(id: unknown, type: string): T {
  const found = template.findResources(type)[(id as { Ref: string }).Ref];
  expect(found, JSON.stringify(id)).toBeDefined();
  return found?.Properties as T;
}

interface CachePolicy {
  readonly CachePolicyConfig: {
    readonly MinTTL: number;
    readonly DefaultTTL: number;
    readonly MaxTTL: number;
    readonly ParametersInCacheKeyAndForwardedToOrigin: {
      readonly CookiesConfig: { readonly CookieBehavior: string };
      readonly HeadersConfig: { readonly HeaderBehavior: string; readonly Headers?: readonly string[] };
      readonly QueryStringsConfig: { readonly QueryStringBehavior: string };
    };
  };
}

interface RequestPolicy {
  readonly OriginRequestPolicyConfig: {
    readonly CookiesConfig: { readonly CookieBehavior: string };
    readonly HeadersConfig: { readonly HeaderBehavior: string; readonly Headers?: readonly string[] };
    readonly QueryStringsConfig: { readonly QueryStringBehavior: string };
  };
}

/** The behavior that CloudFront picks for a path: the first whose pattern fits. */
function behaviorOf(path: string): Behavior {
  return (
    distribution.CacheBehaviors.find(({ PathPattern }) =>
      new RegExp(`^${PathPattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`).test(path),
    ) ?? distribution.DefaultCacheBehavior
  );
}

function concrete(path: string): string {
  return path.replace(/\{[^}]+\}/g, "0198f00d-0000-7000-8000-00000000000a");
}

describe("the paths", () => {
  it("are read from the manifest, each once", () => {
    const all = prefixes();
    expect(new Set(all.map(({ path }) => path)).size).toBe(all.length);
    expect([...new Set(all.map(({ service }) => service))].sort()).toEqual(SERVICES);
    expect(all.every(({ path }) => path.startsWith("/") && !path.endsWith("/"))).toBe(true);
  });

  it("take the entries of the router's section and nothing else", () => {
    const manifest = `[a]\n"/x" = "no"\n[workspace.metadata.lambda.watch.router]\n"/p" = "a-service"\n"/p/" = "a-service"\n"/p/{*rest}" = "a-service"\n# END\n[b]\n"/y" = "no"\n`;
    expect(parsePrefixes(manifest)).toEqual([{ path: "/p", service: "a-service" }]);
    expect(() => parsePrefixes("[a]")).toThrow("cargo xtask openapi");
  });

  it("bring every operation that the APIs describe to its own service, the issuer's files apart", () => {
    for (const { path, method, service } of operations()) {
      const wanted = path.startsWith("/.well-known/") ? "issuer" : service;
      expect(behaviorOf(concrete(path)).TargetOriginId, `${method} ${path}`).toBe(wanted);
      expect(behaviorOf(concrete(path)).AllowedMethods, `${method} ${path}`).toContain(method);
    }
  });

  it("let no prefix of one service take a path of another", () => {
    for (const { path, service } of prefixes().filter(({ path }) => path !== "/.well-known")) {
      for (const below of [path, `${path}/`, `${path}/a/b`]) {
        expect(behaviorOf(below).TargetOriginId, below).toBe(service);
      }
    }
  });

  it("answer what no service answers at the edge, as the services do", () => {
    expect(behaviorOf("/").TargetOriginId).toBe("images");
    expect(distribution.DefaultCacheBehavior.FunctionAssociations).toMatchObject([{ EventType: "viewer-request" }]);
    const answer = vm.runInNewContext(`${UNKNOWN_ROUTE}; handler({ context: { requestId: "r1" } })`) as {
      statusCode: number;
      headers: Record<string, { value: string }>;
      body: string;
    };
    expect(answer.statusCode).toBe(404);
    expect(answer.headers["content-type"]?.value).toBe("application/problem+json");
    expect(JSON.parse(answer.body)).toMatchObject({ type: "unknown_route", status: 404, request_id: "r1" });
  });

  it("are fewer than CloudFront takes", () => {
    // 75 behaviors a distribution (25 until 2025: accounts with the old quota ask for more).
    expect(distribution.CacheBehaviors.length + 1).toBeLessThanOrEqual(75);
    expect(distribution.Origins.length).toBeLessThanOrEqual(25);
  });
});

describe("images", () => {
  const cut = (uri: string): string =>
    (vm.runInNewContext(`${CUT_IMAGES}; handler({ request: { uri: ${JSON.stringify(uri)} } })`) as { uri: string }).uri;

  it("are read from products/ of the bucket below /images, and from nowhere else of it", () => {
    expect(cut("/images/products/p/i.jpg")).toBe("/products/p/i.jpg");
    expect(cut("/images/products/images/i.jpg")).toBe("/products/images/i.jpg");
    expect(behaviorOf("/images/products/p/i.jpg").TargetOriginId).toBe("images");
    for (const hidden of ["/images/uploads/p/i.jpg", "/images/exports/e/1", "/images/issuer/x", "/uploads/p/i.jpg"]) {
      const behavior = behaviorOf(hidden);
      const answeredAtTheEdge = behavior === distribution.DefaultCacheBehavior;
      expect(answeredAtTheEdge || SERVICES.includes(behavior.TargetOriginId), hidden).toBe(true);
    }
  });

  it("are asked for with the distribution's signature", () => {
    const buckets = distribution.Origins.filter(({ Id }) => ["images", "issuer"].includes(Id));
    expect(buckets).toHaveLength(2);
    for (const origin of buckets) {
      expect(origin.OriginAccessControlId, origin.Id).toBeDefined();
      expect(origin.OriginCustomHeaders, origin.Id).toBeUndefined();
    }
    expect(
      only<{ OriginAccessControlConfig: Record<string, string> }>(template, "AWS::CloudFront::OriginAccessControl")
        .OriginAccessControlConfig,
    ).toMatchObject({ OriginAccessControlOriginType: "s3", SigningBehavior: "always", SigningProtocol: "sigv4" });
  });

  it("and the issuer's files lie below issuer/", () => {
    expect(distribution.Origins.find(({ Id }) => Id === "issuer")?.OriginPath).toBe("/issuer");
  });
});

describe("caching", () => {
  const cachedBehaviors = distribution.CacheBehaviors.filter(({ PathPattern }) =>
    CACHED_PREFIXES.includes(PathPattern.replace(/\*$/, "")),
  );
  const apiBehaviors = distribution.CacheBehaviors.filter(
    ({ TargetOriginId, PathPattern }) =>
      SERVICES.includes(TargetOriginId) && !CACHED_PREFIXES.includes(PathPattern.replace(/\*$/, "")),
  );

  it("is for prefixes below which everything is public", () => {
    expect(cachedBehaviors).toHaveLength(CACHED_PREFIXES.length);
    const below = operations().filter(({ path }) =>
      CACHED_PREFIXES.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)),
    );
    expect(below.length).toBeGreaterThan(3);
    for (const operation of below) {
      expect(isPublic(operation) && operation.method === "GET", `${operation.method} ${operation.path}`).toBe(true);
    }
  });

  it("lasts as long as the service says, by the whole query and the page's origin", () => {
    for (const behavior of cachedBehaviors) {
      const { CachePolicyConfig: cache } = policy<CachePolicy>(behavior.CachePolicyId, "AWS::CloudFront::CachePolicy");
      expect([cache.MinTTL, cache.DefaultTTL]).toEqual([0, 0]);
      expect(cache.MaxTTL).toBeGreaterThanOrEqual(60);
      expect(cache.ParametersInCacheKeyAndForwardedToOrigin).toMatchObject({
        CookiesConfig: { CookieBehavior: "none" },
        HeadersConfig: { HeaderBehavior: "whitelist", Headers: ["Origin"] },
        QueryStringsConfig: { QueryStringBehavior: "all" },
      });
    }
  });

  it("shares nothing that a token or a cookie went into: neither reaches the service there", () => {
    for (const behavior of cachedBehaviors) {
      const { OriginRequestPolicyConfig: requests } = policy<RequestPolicy>(
        behavior.OriginRequestPolicyId,
        "AWS::CloudFront::OriginRequestPolicy",
      );
      expect(requests.CookiesConfig.CookieBehavior).toBe("none");
      expect(requests.HeadersConfig.HeaderBehavior).toBe("whitelist");
      expect(requests.HeadersConfig.Headers).toContain("CloudFront-Viewer-Address");
      expect(requests.HeadersConfig.Headers?.map((name) => name.toLowerCase())).not.toContain("authorization");
    }
  });

  it("of everything else is by token and connection, for a second at most, and only where the service asks for it", () => {
    expect(apiBehaviors.length).toBeGreaterThan(20);
    for (const behavior of apiBehaviors) {
      const { CachePolicyConfig: cache } = policy<CachePolicy>(behavior.CachePolicyId, "AWS::CloudFront::CachePolicy");
      expect([cache.MinTTL, cache.DefaultTTL, cache.MaxTTL], behavior.PathPattern).toEqual([0, 0, 1]);
      expect(cache.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig.Headers).toEqual(
        expect.arrayContaining(["Authorization", "CloudFront-Viewer-Address"]),
      );
      const { OriginRequestPolicyConfig: requests } = policy<RequestPolicy>(
        behavior.OriginRequestPolicyId,
        "AWS::CloudFront::OriginRequestPolicy",
      );
      expect(requests.HeadersConfig).toEqual({ HeaderBehavior: "allExcept", Headers: ["Host"] });
      expect(requests.QueryStringsConfig.QueryStringBehavior).toBe("all");
      expect(requests.CookiesConfig.CookieBehavior).toBe("none");
    }
  });

  // Without a time of their own CloudFront keeps these for ten seconds, and heeds no `no-store` of theirs.
  it("is of no failure of ours", () => {
    expect(distribution.CustomErrorResponses).toEqual(
      [500, 502, 503, 504].map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 })),
    );
  });

  it("keeps to the header quota of each policy", () => {
    for (const { OriginRequestPolicyConfig } of Object.values(
      template.findResources("AWS::CloudFront::OriginRequestPolicy"),
    ).map(({ Properties }) => Properties as RequestPolicy)) {
      expect(OriginRequestPolicyConfig.HeadersConfig.Headers?.length ?? 0).toBeLessThanOrEqual(10);
    }
  });
});

describe("the door", () => {
  it("proves itself to each API by the origin secret, of which the template has the reference only", () => {
    const apis = distribution.Origins.filter(({ Id }) => SERVICES.includes(Id));
    expect(apis).toHaveLength(SERVICES.length);
    for (const { OriginCustomHeaders, CustomOriginConfig } of apis) {
      expect(OriginCustomHeaders).toEqual([
        {
          HeaderName: "x-origin-secret",
          HeaderValue: "{{resolve:secretsmanager:bodega/dev/ORIGIN_SECRET:SecretString:::}}",
        },
      ]);
      expect(CustomOriginConfig).toMatchObject({ OriginProtocolPolicy: "https-only", OriginSSLProtocols: ["TLSv1.2"] });
    }
  });

  it("sends a chosen version of the secret while it is replaced", () => {
    const other = config(edge({ originSecretVersion: "0f0f0f0f-0000-4000-8000-000000000000" }).template);
    expect(JSON.stringify(other.Origins)).toContain(
      "ORIGIN_SECRET:SecretString:::0f0f0f0f-0000-4000-8000-000000000000}}",
    );
  });

  it("takes no request in clear: the API refuses it, files redirect", () => {
    for (const { PathPattern, TargetOriginId, ViewerProtocolPolicy } of distribution.CacheBehaviors) {
      const wanted = SERVICES.includes(TargetOriginId) ? "https-only" : "redirect-to-https";
      expect(ViewerProtocolPolicy, PathPattern).toBe(wanted);
    }
    expect(distribution.DefaultCacheBehavior.ViewerProtocolPolicy).toBe("redirect-to-https");
  });

  it("sends security headers with every answer", () => {
    const headers = only<{ ResponseHeadersPolicyConfig: { SecurityHeadersConfig: Record<string, unknown> } }>(
      template,
      "AWS::CloudFront::ResponseHeadersPolicy",
    ).ResponseHeadersPolicyConfig.SecurityHeadersConfig;
    expect(headers).toEqual({
      ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'", Override: false },
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: "DENY", Override: true },
      ReferrerPolicy: { Override: true, ReferrerPolicy: "no-referrer" },
      StrictTransportSecurity: { AccessControlMaxAgeSec: 63_072_000, IncludeSubdomains: false, Override: true },
    });
    const [id] = Object.keys(template.findResources("AWS::CloudFront::ResponseHeadersPolicy"));
    for (const behavior of distribution.CacheBehaviors) {
      expect(behavior.ResponseHeadersPolicyId, behavior.PathPattern).toEqual({ Ref: id });
    }
  });

  it("logs without addresses of viewers and without paths, which may have a recipient's token in them", () => {
    const { RecordFields: fields } = only<{ RecordFields: string[] }>(template, "AWS::Logs::Delivery");
    expect(fields).toContain("sc-status");
    for (const personal of ["c-ip", "x-forwarded-for", "cs(Cookie)", "cs-uri-query", "cs-uri-stem", "cs(Referer)"]) {
      expect(fields).not.toContain(personal);
    }
    const { LifecycleConfiguration: lifecycle } = only<{
      LifecycleConfiguration: { Rules: { ExpirationInDays?: number }[] };
    }>(template, "AWS::S3::Bucket");
    expect(lifecycle.Rules[0]?.ExpirationInDays).toBe(30);
  });

  it("has CloudFront's name without a domain, and the domain's with a certificate and TLS 1.2 with one", () => {
    expect(distribution.ViewerCertificate).toBeUndefined();
    expect(distribution.Aliases).toBeUndefined();
    const named = edge({ domain: { name: "shop.example.com", zoneId: "Z1", zoneName: "example.com" } });
    expect(named.stack.url).toBe("https://shop.example.com");
    expect(config(named.template)).toMatchObject({
      Aliases: ["shop.example.com"],
      ViewerCertificate: { MinimumProtocolVersion: "TLSv1.2_2021", SslSupportMethod: "sni-only" },
    });
    named.template.resourceCountIs("AWS::CertificateManager::Certificate", 1);
    expect(
      Object.values(named.template.findResources("AWS::Route53::RecordSet"))
        .map((one) => one.Properties.Type)
        .sort(),
    ).toEqual(["A", "AAAA"]);
  });

  it("is paid by use unless a plan of CloudFront's is named", () => {
    template.resourceCountIs("AWS::PricingPlanManager::Subscription", 0);
    edge({ pricingPlan: "PRO" }).template.hasResourceProperties("AWS::PricingPlanManager::Subscription", {
      PlanFamily: "CloudFront",
      PlanTier: "PRO",
    });
    expect(() => edge({ pricingPlan: "pro" })).toThrow("FREE, PRO, BUSINESS, PREMIUM");
  });

  it("refuses to leave out a service", () => {
    expect(() => edge({ apis: { "user-service": "u.example" } })).toThrow("the edge has no API of");
  });
});

describe("the firewall", () => {
  interface Rule {
    readonly Name: string;
    readonly Priority: number;
    readonly Action?: {
      readonly Block?: {
        readonly CustomResponse?: {
          readonly ResponseCode: number;
          readonly ResponseHeaders?: readonly { readonly Name: string; readonly Value: string }[];
        };
      };
    };
    readonly OverrideAction?: { readonly None?: unknown };
    readonly Statement: {
      readonly ManagedRuleGroupStatement?: {
        readonly VendorName: string;
        readonly Name: string;
        readonly RuleActionOverrides?: readonly { readonly Name: string; readonly ActionToUse: unknown }[];
      };
      readonly RateBasedStatement?: {
        readonly Limit: number;
        readonly ScopeDownStatement?: { readonly RegexMatchStatement?: { readonly RegexString: string } };
      };
      readonly AndStatement?: { readonly Statements: readonly unknown[] };
    };
  }
  interface Parameter {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly schema?: { readonly maxLength?: number; readonly maxItems?: number };
  }
  const acl = only<{ Scope: string; Rules: readonly Rule[]; DefaultAction: unknown; AssociationConfig: unknown }>(
    template,
    "AWS::WAFv2::WebACL",
  );

  it("is the distribution's, made where CloudFront takes it from", () => {
    const [id] = Object.keys(template.findResources("AWS::WAFv2::WebACL"));
    expect(distribution.WebACLId).toEqual({ "Fn::GetAtt": [id, "Arn"] });
    expect(acl.Scope).toBe("CLOUDFRONT");
    expect(edge().stack.region).toBe("us-east-1");
  });

  it("uses managed groups by names that AWS has", () => {
    // https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html, read in November 2026.
    const known = [
      "AWSManagedRulesACFPRuleSet",
      "AWSManagedRulesATPRuleSet",
      "AWSManagedRulesAdminProtectionRuleSet",
      "AWSManagedRulesAmazonIpReputationList",
      "AWSManagedRulesAnonymousIpList",
      "AWSManagedRulesAntiDDoSRuleSet",
      "AWSManagedRulesBotControlRuleSet",
      "AWSManagedRulesCommonRuleSet",
      "AWSManagedRulesKnownBadInputsRuleSet",
      "AWSManagedRulesLinuxRuleSet",
      "AWSManagedRulesPHPRuleSet",
      "AWSManagedRulesSQLiRuleSet",
      "AWSManagedRulesUnixRuleSet",
      "AWSManagedRulesWindowsRuleSet",
      "AWSManagedRulesWordPressRuleSet",
    ];
    const groups = acl.Rules.flatMap(({ Statement }) => Statement.ManagedRuleGroupStatement ?? []);
    expect(groups.map(({ Name }) => Name)).toEqual([...MANAGED_RULE_GROUPS]);
    expect(groups.map(({ VendorName }) => VendorName)).toEqual(MANAGED_RULE_GROUPS.map(() => "AWS"));
    expect(MANAGED_RULE_GROUPS.filter((name) => !known.includes(name))).toEqual([]);
    for (const { Name, RuleActionOverrides } of groups) {
      expect(
        RuleActionOverrides?.map((rule) => rule.Name),
        Name,
      ).toEqual(COUNTED_RULES[Name]);
    }
    expect(Object.keys(COUNTED_RULES).filter((name) => !MANAGED_RULE_GROUPS.some((used) => used === name))).toEqual([]);
  });

  it("blocks: no group only counts, and our rules come first", () => {
    expect(acl.Rules.map(({ Name }) => Name)).toEqual([
      "rate",
      "sign-in-rate",
      "token-rate",
      "webhook-rate",
      "body-limit",
      ...MANAGED_RULE_GROUPS,
    ]);
    expect(new Set(acl.Rules.map(({ Priority }) => Priority)).size).toBe(acl.Rules.length);
    for (const rule of acl.Rules) {
      const blocks = rule.Action?.Block !== undefined || rule.OverrideAction?.None !== undefined;
      expect(blocks, rule.Name).toBe(true);
    }
  });

  it("lets a browser show a frontend what our own rules answer", () => {
    const answers = acl.Rules.flatMap(({ Name, Action }) =>
      Action === undefined ? [] : [{ name: Name, answer: Action.Block?.CustomResponse }],
    );
    expect(answers.map(({ name, answer }) => `${name} ${answer?.ResponseCode}`)).toEqual([
      "rate 429",
      "sign-in-rate 429",
      "token-rate 429",
      "webhook-rate 429",
      "body-limit 413",
    ]);
    for (const { name, answer } of answers) {
      const headers = Object.fromEntries(answer?.ResponseHeaders?.map(({ Name, Value }) => [Name, Value]) ?? []);
      expect(headers["access-control-allow-origin"], name).toBe("*");
      expect(headers["access-control-expose-headers"], name).toBe("Retry-After");
      expect(headers["retry-after"], name).toBe(answer?.ResponseCode === 429 ? "300" : undefined);
      // Says that a browser may send credentials, which it does not together with `*`.
      expect(headers["access-control-allow-credentials"], name).toBeUndefined();
    }
    // A second `access-control-allow-origin`, of CloudFront's own, would have the browser refuse both.
    const added = only<{ ResponseHeadersPolicyConfig: Record<string, unknown> }>(
      template,
      "AWS::CloudFront::ResponseHeadersPolicy",
    ).ResponseHeadersPolicyConfig;
    expect(added.CorsConfig ?? added.CustomHeadersConfig).toBeUndefined();
  });

  it("adds headers that WAF takes", () => {
    // https://docs.aws.amazon.com/waf/latest/APIReference/API_CustomResponse.html and API_CustomHTTPHeader.html, read in November 2026.
    for (const { Name, Action } of acl.Rules) {
      const headers = Action?.Block?.CustomResponse?.ResponseHeaders ?? [];
      const names = headers.map((header) => header.Name.toLowerCase());
      expect(new Set(names).size, Name).toBe(names.length);
      expect(names, Name).not.toContain("content-type");
      expect(names.filter((name) => !/^[a-z0-9._$-]{1,64}$/.test(name))).toEqual([]);
      expect(headers.filter(({ Value }) => Value.length < 1 || Value.length > 255)).toEqual([]);
    }
  });

  it("stops large bodies, as large as it can read them", () => {
    expect(acl.AssociationConfig).toEqual({ RequestBody: { CLOUDFRONT: { DefaultSizeInspectionLimit: "KB_64" } } });
    expect(JSON.stringify(acl.Rules.find(({ Name }) => Name === "body-limit"))).toContain('"OversizeHandling":"MATCH"');
    const large = operations().filter(({ path }) => LARGE_BODIES.some((prefix) => path.startsWith(prefix)));
    // Where more passes, a signature or a token of staff or of a service is asked for.
    for (const operation of large) {
      expect(operation.path.startsWith("/webhooks/") || !isPublic(operation), operation.path).toBe(true);
    }
  });

  it("lets the longest query pass that the API describes", () => {
    // What the rule of AWS refuses: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    const refused = 2_048;
    const queries = operations().flatMap(({ parameters }) => parameters?.filter(({ in: place }) => place === "query"));
    // A hundred SKUs of forty characters, with commas.
    const skus = 100 * 40 + 99;
    expect(queries.map((query) => query?.name)).toContain("skus");
    const longest = Math.max(skus, ...queries.map((query) => query?.schema?.maxLength ?? 0));
    expect(longest).toBeGreaterThan(refused);
    expect(COUNTED_RULES.AWSManagedRulesCommonRuleSet).toContain("SizeRestrictions_QUERYSTRING");
    expect(longest).toBeLessThan(8_192);
  });

  it("counts shoppers by address, and the shop's own services not at all", () => {
    const own = ["inventory:reserve", "checkout:read", "carts:clear", "notifications:send"];
    const patterns = SERVICE_PATHS.map((pattern) => new RegExp(pattern));
    const exempt = (path: string) => patterns.some((pattern) => pattern.test(concrete(path)));
    for (const { method, path, security } of operations()) {
      const scopes = security.flatMap(({ token }) => token ?? []);
      const called =
        scopes.some((scope) => own.includes(scope)) ||
        path.startsWith("/webhooks/") ||
        path === "/oauth/token" ||
        // Each instance of ours reads the keys, and API Gateway both.
        path.startsWith("/.well-known/");
      if (exempt(path)) {
        expect(called, `${method} ${path} is exempt from the rate rule`).toBe(true);
      }
      if (called) {
        expect(exempt(path), `${method} ${path} counts`).toBe(true);
      }
    }
    const counted = [
      "/carts/mine",
      "/carts/mine/items/TEE",
      "/carts/mine/clear",
      "/auth/login",
      "/orders",
      "/products",
    ];
    expect(counted.filter(exempt)).toEqual([]);
  });

  // What the services' own code asks of each other: the paths that it writes are none that a shopper's rule counts.
  it("does not count what the services ask of each other", () => {
    const id = "0198f00d-0000-7000-8000-00000000000a";
    const written = ["transaction-service/src/service_clients.rs", "transaction-service/src/messages.rs"].flatMap(
      (file) => {
        const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").split("#[cfg(test)]")[0] ?? "";
        return [...text.matchAll(/"(\/(?:inventory|users|carts|notifications)[^"]*)"/g)].map(([, path]) =>
          (path ?? "").replaceAll(/\{[^}]*\}/g, id),
        );
      },
    );
    expect(written).toEqual(
      expect.arrayContaining([`/carts/${id}`, `/users/${id}/checkout-context`, "/notifications"]),
    );
    const patterns = SERVICE_PATHS.map((pattern) => new RegExp(pattern));
    expect(written.filter((path) => !patterns.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  it("limits addresses in prod, and lets a load test pass in dev", () => {
    const limits = (stage: string) =>
      only<{ Rules: readonly Rule[] }>(edge({ stage }).template, "AWS::WAFv2::WebACL").Rules.flatMap(
        ({ Statement }) => Statement.RateBasedStatement?.Limit ?? [],
      );
    expect(limits("prod")).toEqual([3_000, 300, 3_000, 20_000]);
    expect(limits("dev")).toEqual([1_000_000, 100_000, 3_000, 3_000]);
  });

  // What one address may ask for must not be all that the route lets through: the shop's own functions ask there as well.
  it.each(["dev", "prod"] as const)(
    "leaves others in %s their share of what is public and not counted with the rest",
    (stage) => {
      const { Rules } = only<{ Rules: readonly Rule[] }>(edge({ stage }).template, "AWS::WAFv2::WebACL");
      const limits = Rules.flatMap(({ Name, Statement: { RateBasedStatement: rate } }) => {
        const scope = rate?.ScopeDownStatement?.RegexMatchStatement?.RegexString;
        return rate === undefined || scope === undefined ? [] : [{ Name, limit: rate.Limit, scope: new RegExp(scope) }];
      });
      const open = DEPLOYED.flatMap(operationsOf).filter(
        ({ access, path }) =>
          access === "public" &&
          // Files of the bucket, which the edge keeps: they take no share of any function.
          !path.startsWith(`${ISSUER_PREFIX}/`) &&
          SERVICE_PATHS.some((pattern) => new RegExp(pattern).test(concrete(path))),
      );
      expect(open.map(({ path }) => path)).toEqual(expect.arrayContaining(["/oauth/token", "/webhooks/stripe"]));
      for (const operation of open) {
        const own = limits.find(({ scope }) => scope.test(concrete(operation.path)));
        expect(own, operation.path).toBeDefined();
        expect((own?.limit ?? 0) / 300, operation.path).toBeLessThan(throttle(classOf(operation), stage).rate);
      }
    },
  );

  // SizeRestrictions_QUERYSTRING of the common rule set stops at 2,048 bytes.
  it("lets through the longest query that an operation allows", () => {
    const longest = ({ name, description, schema }: Parameter): number => {
      const listed = Number(/Up to (\d+) \w+, separated by commas/.exec(description ?? "")?.[1] ?? 0);
      // A SKU has 40 characters, and a comma behind it.
      return name.length + 2 + (listed > 0 ? listed * 41 : (schema?.maxLength ?? 0) + (schema?.maxItems ?? 0) * 41);
    };
    const queries = SERVICES.flatMap((service) => {
      const text = readFileSync(new URL(`../../openapi/${service}.yaml`, import.meta.url), "utf8");
      const { paths } = parse(text) as { paths: Record<string, Record<string, { parameters?: Parameter[] }>> };
      return Object.values(paths)
        .flatMap((item) => Object.values(item))
        .map(({ parameters }) => (parameters ?? []).filter((one) => one.in === "query"));
    });
    const most = Math.max(...queries.map((query) => query.reduce((sum, one) => sum + longest(one), 0)));
    expect(most).toBeGreaterThan(2_048);
    expect(COUNTED_RULES.AWSManagedRulesCommonRuleSet).toContain("SizeRestrictions_QUERYSTRING");
  });

  it("logs what it blocks, without tokens", () => {
    const logging = only<{
      LoggingFilter: { DefaultBehavior: string };
      RedactedFields: unknown;
      LogDestinationConfigs: unknown[];
    }>(template, "AWS::WAFv2::LoggingConfiguration");
    expect(logging.LoggingFilter.DefaultBehavior).toBe("DROP");
    expect(logging.RedactedFields).toEqual([
      { SingleHeader: { Name: "authorization" } },
      { SingleHeader: { Name: "cookie" } },
      { QueryString: {} },
      // The page to unsubscribe has its token in the path.
      { UriPath: {} },
    ]);
    const log = only<{ LogGroupName: string; RetentionInDays: number }>(template, "AWS::Logs::LogGroup");
    expect(log.LogGroupName).toMatch(/^aws-waf-logs-/);
    expect(log.RetentionInDays).toBe(14);
  });
});
