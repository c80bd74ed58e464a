/**
 * The shop's one public door: CloudFront with a web ACL, in front of the four APIs and of the published images. It stands in us-east-1,
 * where CloudFront takes certificates and web ACLs from. docs/decisions/0046-edge.md says why it caches what it caches.
 */
import {
  Annotations,
  ArnFormat,
  aws_certificatemanager as acm,
  CfnOutput,
  aws_cloudfront as cloudfront,
  Duration,
  aws_iam as iam,
  aws_logs as logs,
  aws_cloudfront_origins as origins,
  aws_pricingplanmanager as pricing,
  RemovalPolicy,
  aws_route53 as route53,
  aws_route53_targets as route53Targets,
  SecretValue,
  Stack,
  type StackProps,
  aws_s3 as s3,
  aws_wafv2 as wafv2,
} from "aws-cdk-lib";
import type { Construct } from "constructs";
import { CUT_IMAGES, UNKNOWN_ROUTE } from "./edge-functions.ts";
import { RATE_LIMITS, rules } from "./firewall.ts";
import { acknowledge } from "./nag.ts";
import { prefixes } from "./prefixes.ts";

/** What CloudFront adds to each request to an API: the proof that it came through the edge. */
export const ORIGIN_SECRET_HEADER = "x-origin-secret";

/** Prefixes whose answers may be shared by all who ask. Everything below them is public; a test compares with the API's description. */
export const CACHED_PREFIXES: readonly string[] = ["/products", "/categories"];

/** The prefix under which the issuer's keys and its description are: static objects that the pipeline publishes. */
export const ISSUER_PREFIX = "/.well-known";

/**
 * Answers that CloudFront would keep for ten seconds although they say `no-store`, and give to others: it heeds that of 404, 410, 414 and 501, and
 * keeps 400, 403, 405, 412 and 415 only where they have a `max-age` (its guide, "Control how long CloudFront caches errors").
 */
const NOT_KEPT = [500, 502, 503, 504] as const;

const PLAN_TIERS = ["FREE", "PRO", "BUSINESS", "PREMIUM"] as const;
export type PlanTier = (typeof PLAN_TIERS)[number];

/** A name of our own for the door; without it the shop is found under CloudFront's name. */
export interface Domain {
  readonly name: string;
  /** The hosted zone of Route 53 that answers for the name. */
  readonly zoneId: string;
  readonly zoneName: string;
}

export interface EdgeProps extends StackProps {
  readonly stage: string;
  /** Whether what is left behind may be deleted with the stack. */
  readonly removalPolicy: RemovalPolicy;
  readonly logRetentionDays: number;
  /** The host of each service's API. */
  readonly apis: Readonly<Record<string, string>>;
  /** The bucket that holds `products/` and `issuer/`. */
  readonly images: s3.IBucket;
  /** The name of the origin secret, which is replicated to us-east-1. */
  readonly originSecretName: string;
  /** A version of the origin secret to send; the current one unless a replacement is under way. */
  readonly originSecretVersion?: string;
  readonly domain?: Domain;
  /** CloudFront's flat-rate plan; pay-as-you-go without it. */
  readonly pricingPlan?: string;
}

export class EdgeStack extends Stack {
  readonly distribution: cloudfront.Distribution;
  /** Where the shop is found, without a slash at its end. */
  readonly url: string;

  constructor(scope: Construct, id: string, props: EdgeProps) {
    super(scope, id, props);
    const firewall = this.firewall(props);
    const name = `bodega-${props.stage}`;

    const catalogue = new cloudfront.CachePolicy(this, "CatalogueCache", {
      cachePolicyName: `${name}-catalogue`,
      comment: "as long as the answer's Cache-Control says; by query and by the origin of the page that asks",
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      maxTtl: Duration.minutes(5),
      queryStringBehavior: cloudfront.CacheQueryStringBehavior.all(),
      cookieBehavior: cloudfront.CacheCookieBehavior.none(),
      // The gateway answers each page's origin by name in Access-Control-Allow-Origin.
      headerBehavior: cloudfront.CacheHeaderBehavior.allowList("Origin"),
      enableAcceptEncodingGzip: true,
      enableAcceptEncodingBrotli: true,
    });
    // Only a cache policy can add CloudFront's own headers where an origin request policy passes all of the viewer's but Host, and only one that may
    // cache takes headers. The key has the token and the connection in it, and the services say no-store.
    const api = new cloudfront.CachePolicy(this, "ApiCache", {
      cachePolicyName: `${name}-api`,
      comment: "nothing is shared: keyed by token and connection, at most a second, and the services say no-store",
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      maxTtl: Duration.seconds(1),
      queryStringBehavior: cloudfront.CacheQueryStringBehavior.all(),
      cookieBehavior: cloudfront.CacheCookieBehavior.none(),
      headerBehavior: cloudfront.CacheHeaderBehavior.allowList("Authorization", "CloudFront-Viewer-Address", "Origin"),
    });
    const files = new cloudfront.CachePolicy(this, "FileCache", {
      cachePolicyName: `${name}-files`,
      comment: "published files: as long as their Cache-Control says, whatever is asked for behind a question mark",
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.minutes(5),
      maxTtl: Duration.days(365),
      queryStringBehavior: cloudfront.CacheQueryStringBehavior.none(),
      cookieBehavior: cloudfront.CacheCookieBehavior.none(),
      headerBehavior: cloudfront.CacheHeaderBehavior.none(),
      enableAcceptEncodingGzip: true,
      enableAcceptEncodingBrotli: true,
    });

    const publicRequests = new cloudfront.OriginRequestPolicy(this, "PublicRequests", {
      originRequestPolicyName: `${name}-public`,
      comment: "what a public read needs; neither Authorization nor cookies",
      headerBehavior: cloudfront.OriginRequestHeaderBehavior.allowList(
        "CloudFront-Viewer-Address",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Method",
        "Content-Type",
        "X-Request-Id",
        "Traceparent",
      ),
      queryStringBehavior: cloudfront.OriginRequestQueryStringBehavior.all(),
      cookieBehavior: cloudfront.OriginRequestCookieBehavior.none(),
    });
    const apiRequests = new cloudfront.OriginRequestPolicy(this, "ApiRequests", {
      originRequestPolicyName: `${name}-api`,
      comment:
        "all that the caller sent but Host, which API Gateway takes for its own, and cookies, which the shop has none of",
      headerBehavior: cloudfront.OriginRequestHeaderBehavior.denyList("Host"),
      queryStringBehavior: cloudfront.OriginRequestQueryStringBehavior.all(),
      cookieBehavior: cloudfront.OriginRequestCookieBehavior.none(),
    });
    const headers = this.securityHeaders(name);

    const secret = SecretValue.secretsManager(props.originSecretName, {
      ...(props.originSecretVersion ? { versionId: props.originSecretVersion } : {}),
    });
    // CloudFormation resolves it while it deploys: the template has the reference only.
    const customHeaders = { [ORIGIN_SECRET_HEADER]: secret.unsafeUnwrap() };
    const services = new Map<string, cloudfront.IOrigin>();
    for (const [service, host] of Object.entries(props.apis)) {
      services.set(
        service,
        new origins.HttpOrigin(host, {
          originId: service,
          customHeaders,
          protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
          originSslProtocols: [cloudfront.OriginSslPolicy.TLS_V1_2],
          connectionAttempts: 2,
          connectionTimeout: Duration.seconds(5),
          // The gateway gives up after 30 s, and its answer says so in JSON.
          readTimeout: Duration.seconds(35),
          keepaliveTimeout: Duration.seconds(60),
        }),
      );
    }

    const access = new cloudfront.S3OriginAccessControl(this, "ImageAccess", {
      originAccessControlName: `${name}-images`,
      signing: cloudfront.Signing.SIGV4_ALWAYS,
    });
    const published = s3.Bucket.fromBucketAttributes(this, "Published", {
      bucketName: props.images.bucketName,
      bucketRegionalDomainName: props.images.bucketRegionalDomainName,
    });
    const images = origins.S3BucketOrigin.withOriginAccessControl(published, {
      originId: "images",
      originAccessControl: access,
    });
    const issuer = origins.S3BucketOrigin.withOriginAccessControl(published, {
      originId: "issuer",
      originPath: "/issuer",
      originAccessControl: access,
    });
    // The bucket's policy, which lets this distribution read the two prefixes, is in the stack of the bucket.
    Annotations.of(this).acknowledgeWarning("@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac");

    const cutImages = new cloudfront.Function(this, "CutImages", {
      functionName: `${name}-cut-images`,
      code: cloudfront.FunctionCode.fromInline(CUT_IMAGES),
      runtime: cloudfront.FunctionRuntime.JS_2_0,
    });
    const unknownRoute = new cloudfront.Function(this, "UnknownRoute", {
      functionName: `${name}-unknown-route`,
      code: cloudfront.FunctionCode.fromInline(UNKNOWN_ROUTE),
      runtime: cloudfront.FunctionRuntime.JS_2_0,
    });

    const file: Omit<cloudfront.BehaviorOptions, "origin"> = {
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      allowedMethods: cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
      cachePolicy: files,
      originRequestPolicy: cloudfront.OriginRequestPolicy.CORS_S3_ORIGIN,
      responseHeadersPolicy: headers,
      compress: true,
    };
    const behaviors: Record<string, cloudfront.BehaviorOptions> = {
      "/images/products/*": {
        ...file,
        origin: images,
        functionAssociations: [{ function: cutImages, eventType: cloudfront.FunctionEventType.VIEWER_REQUEST }],
      },
      [`${ISSUER_PREFIX}/*`]: { ...file, origin: issuer },
    };
    for (const { path, service } of prefixes()) {
      const origin = services.get(service);
      if (!origin) {
        throw new Error(`${path} belongs to ${service}, which the edge has no API of`);
      }
      if (path === ISSUER_PREFIX) {
        continue;
      }
      const cached = CACHED_PREFIXES.includes(path);
      behaviors[`${path}*`] = {
        origin,
        // A redirect would come after the token had crossed the network in clear.
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
        cachePolicy: cached ? catalogue : api,
        originRequestPolicy: cached ? publicRequests : apiRequests,
        responseHeadersPolicy: headers,
        compress: cached,
      };
    }

    const certificate = this.certificate(props.domain);
    this.distribution = new cloudfront.Distribution(this, "Distribution", {
      comment: `Bodega, ${props.stage}`,
      certificate,
      domainNames: props.domain ? [props.domain.name] : undefined,
      // CloudFront's own certificate comes with CloudFront's own minimum.
      ...(certificate ? { minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 } : {}),
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
      // Europe and North America: where the shop sells.
      priceClass: cloudfront.PriceClass.PRICE_CLASS_100,
      webAclId: firewall.attrArn,
      errorResponses: NOT_KEPT.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),
      additionalBehaviors: behaviors,
      defaultBehavior: {
        ...file,
        origin: images,
        cachePolicy: cloudfront.CachePolicy.CACHING_DISABLED,
        originRequestPolicy: undefined,
        functionAssociations: [{ function: unknownRoute, eventType: cloudfront.FunctionEventType.VIEWER_REQUEST }],
      },
    });
    this.url = `https://${props.domain?.name ?? this.distribution.distributionDomainName}`;
    acknowledge(
      this.distribution,
      "AwsSolutions-CFR1",
      "The shop sells wherever it ships to; who may buy is decided at checkout.",
    );
    acknowledge(
      this.distribution,
      "AwsSolutions-CFR3",
      "Access logs are delivered by CloudWatch vended logs (below), which leaves the viewer's address out; the property cannot.",
    );
    if (!props.domain) {
      acknowledge(
        this.distribution,
        "AwsSolutions-CFR4",
        "Without a domain of our own CloudFront's certificate is used, whose minimum CloudFront sets; with one it is TLS 1.2.",
      );
    }

    this.accessLogs(props);
    this.names(props.domain);
    this.plan(props.pricingPlan, firewall);

    new CfnOutput(this, "ApiUrl", { value: this.url, description: "Where the shop is found" });
    new CfnOutput(this, "DistributionId", {
      value: this.distribution.distributionId,
      description: "For invalidations",
    });
  }

  private firewall(props: EdgeProps): wafv2.CfnWebACL {
    const acl = new wafv2.CfnWebACL(this, "Firewall", {
      name: `bodega-${props.stage}`,
      scope: "CLOUDFRONT",
      defaultAction: { allow: {} },
      rules: rules(props.stage === "dev" ? RATE_LIMITS.dev : RATE_LIMITS.prod),
      associationConfig: { requestBody: { CLOUDFRONT: { defaultSizeInspectionLimit: "KB_64" } } },
      visibilityConfig: {
        cloudWatchMetricsEnabled: true,
        sampledRequestsEnabled: false,
        metricName: `bodega-${props.stage}`,
      },
    });
    // The name has to begin like this. Blocked requests only: those are what a false alarm is looked for in.
    const log = new logs.LogGroup(this, "FirewallLog", {
      logGroupName: `aws-waf-logs-bodega-${props.stage}`,
      retention: logs.RetentionDays.TWO_WEEKS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new wafv2.CfnLoggingConfiguration(this, "FirewallLogging", {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [
        this.formatArn({
          service: "logs",
          resource: "log-group",
          resourceName: log.logGroupName,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
      loggingFilter: {
        DefaultBehavior: "DROP",
        Filters: [
          { Behavior: "KEEP", Requirement: "MEETS_ANY", Conditions: [{ ActionCondition: { Action: "BLOCK" } }] },
        ],
      },
      redactedFields: [
        { singleHeader: { Name: "authorization" } },
        { singleHeader: { Name: "cookie" } },
        { queryString: {} },
        // The page to unsubscribe has its token in the path.
        { uriPath: {} },
      ],
    });
    return acl;
  }

  private securityHeaders(name: string): cloudfront.ResponseHeadersPolicy {
    return new cloudfront.ResponseHeadersPolicy(this, "SecurityHeaders", {
      responseHeadersPolicyName: `${name}-security`,
      comment: "an API and pictures: nothing of them is a page to frame, to sniff or to run",
      securityHeadersBehavior: {
        strictTransportSecurity: { accessControlMaxAge: Duration.days(730), includeSubdomains: false, override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: cloudfront.HeadersReferrerPolicy.NO_REFERRER, override: true },
        // The page to unsubscribe has a policy of its own.
        contentSecurityPolicy: { contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'", override: false },
      },
    });
  }

  private certificate(domain: Domain | undefined): acm.ICertificate | undefined {
    if (!domain) {
      return undefined;
    }
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, "CertificateZone", {
      hostedZoneId: domain.zoneId,
      zoneName: domain.zoneName,
    });
    return new acm.Certificate(this, "Certificate", {
      domainName: domain.name,
      validation: acm.CertificateValidation.fromDns(zone),
    });
  }

  private names(domain: Domain | undefined): void {
    if (!domain) {
      return;
    }
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, "Zone", {
      hostedZoneId: domain.zoneId,
      zoneName: domain.zoneName,
    });
    const target = route53.RecordTarget.fromAlias(new route53Targets.CloudFrontTarget(this.distribution));
    new route53.ARecord(this, "Ipv4", { zone, recordName: `${domain.name}.`, target });
    new route53.AaaaRecord(this, "Ipv6", { zone, recordName: `${domain.name}.`, target });
  }

  private plan(tier: string | undefined, firewall: wafv2.CfnWebACL): void {
    if (tier === undefined) {
      return;
    }
    if (!PLAN_TIERS.some((known) => known === tier)) {
      throw new Error(`context pricingPlan is ${tier}; CloudFront's plans are ${PLAN_TIERS.join(", ")}`);
    }
    new pricing.CfnSubscription(this, "PricingPlan", {
      planFamily: "CloudFront",
      planTier: tier,
      resourceArns: [this.distribution.distributionArn, firewall.attrArn],
    });
  }

  /** What was asked for and what became of it, without the viewer's address, which is personal data that the log does not need. */
  private accessLogs(props: EdgeProps): void {
    const bucket = new s3.Bucket(this, "AccessLogs", {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        { expiration: Duration.days(props.logRetentionDays), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy: props.removalPolicy,
    });
    acknowledge(
      bucket,
      "AwsSolutions-S1",
      "This bucket holds access logs; a log of who read them would need a bucket as well.",
    );
    const source = new logs.CfnDeliverySource(this, "AccessLogSource", {
      name: `bodega-${props.stage}-edge`,
      logType: "ACCESS_LOGS",
      resourceArn: this.distribution.distributionArn,
    });
    const destination = new logs.CfnDeliveryDestination(this, "AccessLogDestination", {
      name: `bodega-${props.stage}-edge`,
      destinationResourceArn: bucket.bucketArn,
      outputFormat: "json",
    });
    const delivery = new logs.CfnDelivery(this, "AccessLogDelivery", {
      deliverySourceName: source.name,
      deliveryDestinationArn: destination.attrArn,
      recordFields: [
        "timestamp(ms)",
        "x-edge-location",
        "sc-bytes",
        "cs-method",
        // Not the path: that of the page to unsubscribe is a recipient's token.
        "cache-behavior-path-pattern",
        "sc-status",
        "x-edge-result-type",
        "x-edge-request-id",
        "time-taken",
        "ssl-protocol",
        "x-edge-detailed-result-type",
        "origin-fbl",
      ],
      s3SuffixPath: "edge/{yyyy}/{MM}/{dd}",
    });
    delivery.addResourceDependency(source);
    bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: "LogDelivery",
        principals: [new iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions: ["s3:PutObject"],
        resources: [bucket.arnForObjects("*")],
        conditions: {
          StringEquals: { "aws:SourceAccount": this.account, "s3:x-amz-acl": "bucket-owner-full-control" },
          ArnLike: {
            "aws:SourceArn": this.formatArn({
              service: "logs",
              resource: "delivery-source",
              resourceName: `bodega-${props.stage}-edge`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
  }
}
