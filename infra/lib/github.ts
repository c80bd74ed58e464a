/**
 * Who deploys a stage from GitHub: a role that one environment of one repository may take for an hour, without any stored key. Deployed by
 * hand, once a stage, by an app of its own (`bin/github.ts`): what may deploy the shop is not deployed by it.
 */
import { ArnFormat, CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import { FederatedPrincipal, OidcProviderNative, PolicyStatement, Role } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { EDGE_REGION, type Stage } from "./config.ts";

const ISSUER = "token.actions.githubusercontent.com";
/** Of `cdk bootstrap`: these roles create, change and delete the stacks; ours may only take them. */
const QUALIFIER = "hnb659fds";
const CDK_ROLES = ["deploy", "file-publishing", "lookup"] as const;

export interface GitHubProps extends StackProps {
  readonly stage: Stage;
  /** `owner/name` */
  readonly repository: string;
  /** The ARN of a provider that the account has already; an account has one for each issuer. */
  readonly provider?: string;
}

export class GitHubStack extends Stack {
  constructor(scope: Construct, id: string, props: GitHubProps) {
    super(scope, id, props);
    const { stage, repository } = props;
    if (!/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/.test(repository)) {
      throw new Error(`repository must be owner/name: ${JSON.stringify(repository)}`);
    }
    const provider =
      props.provider ??
      new OidcProviderNative(this, "Provider", { url: `https://${ISSUER}`, clientIds: ["sts.amazonaws.com"] })
        .oidcProviderArn;
    const role = new Role(this, "Deploy", {
      roleName: `bodega-${stage}-github`,
      description: `Deploys ${stage} from ${repository}`,
      maxSessionDuration: Duration.hours(2),
      // The subject as a whole: `aud` alone would let every repository of GitHub in.
      assumedBy: new FederatedPrincipal(
        provider,
        {
          StringEquals: {
            [`${ISSUER}:aud`]: "sts.amazonaws.com",
            [`${ISSUER}:sub`]: `repo:${repository}:environment:${stage}`,
          },
        },
        "sts:AssumeRoleWithWebIdentity",
      ),
    });
    const allow = (actions: string[], resources: string[], conditions?: Record<string, unknown>): void => {
      role.addToPolicy(
        new PolicyStatement({ actions, resources, ...(conditions === undefined ? {} : { conditions }) }),
      );
    };
    const regions = [...new Set([this.region, EDGE_REGION])];
    const functions = (name: string): string =>
      this.formatArn({
        service: "lambda",
        resource: "function",
        resourceName: name,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    allow(
      ["sts:AssumeRole"],
      regions.flatMap((region) =>
        CDK_ROLES.map((name) =>
          this.formatArn({
            service: "iam",
            region: "",
            resource: "role",
            resourceName: `cdk-${QUALIFIER}-${name}-role-${this.account}-${region}`,
          }),
        ),
      ),
    );
    allow(["lambda:InvokeFunction"], [functions(`bodega-${stage}-*-migrate`)]);
    allow(["lambda:GetAlias", "lambda:UpdateAlias", "lambda:ListVersionsByFunction"], [functions(`bodega-${stage}-*`)]);
    // Versions, and no function: its ARN has no qualifier.
    allow(["lambda:DeleteFunction"], [functions(`bodega-${stage}-*:*`)]);
    allow(
      ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"],
      [this.formatArn({ service: "ssm", resource: "parameter", resourceName: `bodega/${stage}/*` })],
    );
    allow(
      ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
      regions.map((region) =>
        this.formatArn({ service: "cloudformation", region, resource: "stack", resourceName: `bodega-${stage}-*/*` }),
      ),
    );
    allow(
      ["cloudwatch:SetAlarmState"],
      [
        this.formatArn({
          service: "cloudwatch",
          resource: "alarm",
          resourceName: `bodega-${stage}-watch-deploying`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
    );
    // It knows no resources.
    allow(["cloudwatch:PutMetricData"], ["*"], { StringEquals: { "cloudwatch:namespace": "Bodega" } });
    new CfnOutput(this, "RoleArn", { value: role.roleArn, description: "AWS_ROLE of the environment at GitHub" });
  }
}
