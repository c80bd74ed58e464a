/**
 * The web ACL in front of the distribution. What it lets through reaches services that check everything again; what it stops costs no
 * function.
 */
import type { aws_wafv2 as wafv2 } from "aws-cdk-lib";

/**
 * AWS's managed rule groups that the shop uses, as AWS spells them. A misspelt name passes CDK, its validator and cfn-lint, and fails on
 * deployment: tests compare the template with this list, and the list with AWS's page.
 *
 * Left out on purpose: `AWSManagedRulesAnonymousIpList` refuses addresses of hosting providers, which are vendors' webhooks and the
 * shop's own functions calling each other; `AWSManagedRulesSQLiRuleSet` reads free text of shoppers as SQL, and every query here is
 * parameterized.
 */
export const MANAGED_RULE_GROUPS = [
  "AWSManagedRulesAmazonIpReputationList",
  "AWSManagedRulesCommonRuleSet",
  "AWSManagedRulesKnownBadInputsRuleSet",
] as const;

/**
 * Rules of the managed groups that only count here, and why.
 */
export const COUNTED_RULES: Record<string, readonly string[]> = {
  AWSManagedRulesCommonRuleSet: [
    // Refuses bodies above 8 KB; a product with its variants is larger. Our own rule below has the limit.
    "SizeRestrictions_BODY",
    // Refuses queries above 2,048 bytes; a hundred SKUs (GET /products/variants) and a cursor are longer. CloudFront takes 8,192 of a whole URL.
    "SizeRestrictions_QUERYSTRING",
    // The services call each other through this door and send no User-Agent; neither do some vendors' webhooks.
    "NoUserAgent_HEADER",
    // Descriptions of products may have markup in them; what shows them escapes it.
    "CrossSiteScripting_BODY",
  ],
};

/** As much of a body as the ACL can read at CloudFront, in bytes: the largest body outside `LARGE_BODIES`. */
export const BODY_LIMIT = 65_536;

/** Below these paths bodies may be larger: vendors send events in batches, staff send products. The services stop at 256 KiB. */
export const LARGE_BODIES = ["/webhooks/", "/admin/", "/notifications"] as const;

/**
 * Paths that the shop's own services and vendors call: many requests of few addresses. All but the webhooks (signed), `/oauth/token`
 * (256-bit secrets) and the issuer's two documents (the edge keeps them; no function is asked) need a token with a scope that only services
 * have. A test compares them with the API's description.
 */
export const SERVICE_PATHS = [
  "^/inventory/(quotes|reservations/|returns/)",
  "^/users/[^/]+/checkout-context$",
  // By the owner's id: `/carts/mine` is a shopper's.
  "^/carts/[0-9a-f-]{36}(/clear)?$",
  "^/\\.well-known/(jwks\\.json|openid-configuration)$",
  "^/notifications(/|$)",
  "^/oauth/token$",
  "^/webhooks/",
] as const;

/** How many requests one address may make in five minutes. */
export interface RateLimits {
  /** Of all: a shopper's page makes about ten, and an office is one address. */
  readonly requests: number;
  /** Of those that try passwords; the services also count by mailbox and account. */
  readonly signIns: number;
  /** At `/oauth/token`: an instance of ours asks four times an hour, and some hundred may share an address. */
  readonly tokens: number;
  /** At `/webhooks/`: vendors have some dozen addresses. */
  readonly webhooks: number;
}

export const RATE_LIMITS = {
  // A load test comes from one address, but asks for no tokens of services.
  dev: { requests: 1_000_000, signIns: 100_000, tokens: 3_000, webhooks: 3_000 },
  prod: { requests: 3_000, signIns: 300, tokens: 3_000, webhooks: 20_000 },
} as const satisfies Record<string, RateLimits>;

type Rule = wafv2.CfnWebACL.RuleProperty;

function visible(metricName: string): wafv2.CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false, metricName };
}

function managed(name: string, priority: number): Rule {
  return {
    name,
    priority,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: "AWS",
        name,
        ruleActionOverrides: COUNTED_RULES[name]?.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visible(name),
  };
}

function startsWith(path: string): wafv2.CfnWebACL.StatementProperty {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} },
      positionalConstraint: "STARTS_WITH",
      searchString: path,
      textTransformations: [{ priority: 0, type: "NONE" }],
    },
  };
}

function pathMatches(regexString: string): wafv2.CfnWebACL.StatementProperty {
  return {
    regexMatchStatement: {
      fieldToMatch: { uriPath: {} },
      regexString,
      textTransformations: [{ priority: 0, type: "NONE" }],
    },
  };
}

/** For public requests that are not counted with the rest: one address takes a share of it, and never all that the route lets through. */
function share(name: string, priority: number, limit: number, path: string): Rule {
  return {
    name,
    priority,
    action: TOO_MANY,
    statement: {
      rateBasedStatement: {
        aggregateKeyType: "IP",
        evaluationWindowSec: 300,
        limit,
        scopeDownStatement: pathMatches(path),
      },
    },
    visibilityConfig: visible(name),
  };
}

function not(statement: wafv2.CfnWebACL.StatementProperty): wafv2.CfnWebACL.StatementProperty {
  return { notStatement: { statement } };
}

/**
 * Let a browser show these answers to a frontend of another origin: without them its script sees a network error, and neither the status nor
 * `Retry-After`. WAF's headers are constants, so the caller's origin cannot be named in them. `*` is safe: callers send bearer tokens and no
 * credentials of the browser (with those a browser refuses `*`), and the answers have neither a body nor personal data. WAF takes any
 * name but `content-type`, and each once (https://docs.aws.amazon.com/waf/latest/APIReference/API_CustomResponse.html).
 */
const READABLE = [
  { name: "access-control-allow-origin", value: "*" },
  { name: "access-control-expose-headers", value: "Retry-After" },
];

/** How a client that asks too often is answered. */
const TOO_MANY = {
  block: {
    customResponse: { responseCode: 429, responseHeaders: [{ name: "retry-after", value: "300" }, ...READABLE] },
  },
};

/** The rules, in the order in which they are asked. */
export function rules(most: RateLimits = RATE_LIMITS.prod): Rule[] {
  const limits: Rule[] = [
    {
      name: "rate",
      priority: 0,
      action: TOO_MANY,
      statement: {
        rateBasedStatement: {
          aggregateKeyType: "IP",
          evaluationWindowSec: 300,
          limit: most.requests,
          scopeDownStatement: not({ orStatement: { statements: SERVICE_PATHS.map(pathMatches) } }),
        },
      },
      visibilityConfig: visible("rate"),
    },
    {
      name: "sign-in-rate",
      priority: 1,
      action: TOO_MANY,
      statement: {
        rateBasedStatement: {
          aggregateKeyType: "IP",
          evaluationWindowSec: 300,
          limit: most.signIns,
          scopeDownStatement: startsWith("/auth/"),
        },
      },
      visibilityConfig: visible("sign-in-rate"),
    },
    share("token-rate", 2, most.tokens, "^/oauth/token$"),
    share("webhook-rate", 3, most.webhooks, "^/webhooks/"),
    {
      name: "body-limit",
      priority: 4,
      action: { block: { customResponse: { responseCode: 413, responseHeaders: READABLE } } },
      statement: {
        andStatement: {
          statements: [
            {
              sizeConstraintStatement: {
                // What is larger than the ACL reads counts as matching.
                fieldToMatch: { body: { oversizeHandling: "MATCH" } },
                comparisonOperator: "GT",
                size: BODY_LIMIT,
                textTransformations: [{ priority: 0, type: "NONE" }],
              },
            },
            ...LARGE_BODIES.map((path) => not(startsWith(path))),
          ],
        },
      },
      visibilityConfig: visible("body-limit"),
    },
  ];
  return [...limits, ...MANAGED_RULE_GROUPS.map((name, index) => managed(name, limits.length + index))];
}
