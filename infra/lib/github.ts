/**
 * What a workflow of GitHub may do: deploy this stage, from this repository and its environment of the stage's name. Deployed once, by hand:
 * `npx cdk deploy bodega-<stage>-github -c repository=OWNER@ID/NAME@ID`.
 */
import { ArnFormat, CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import { OidcProviderNative, PolicyStatement, Role, WebIdentityPrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { because } from "./because.ts";
import { type Config, EDGE_REGION, named } from "./config.ts";
import { acknowledge, inAccount } from "./findings.ts";
import { functionName } from "./function.ts";
import { ownedOf, secretId } from "./secrets.ts";
import { SERVICES, SERVING, shapes, type Trigger } from "./services.ts";

const ISSUER = "token.actions.githubusercontent.com";
const AUDIENCE = "sts.amazonaws.com";

/** The name of `cdk bootstrap`'s roles. */
const QUALIFIER = "hnb659fds";

export interface GithubStackProps extends StackProps {
  readonly config: Config;
  /** `OWNER@ID/NAME@ID`, or `OWNER/NAME`: whichever its tokens have. */
  readonly repository: string;
}

export class GithubStack extends Stack {
  constructor(scope: Construct, id: string, props: GithubStackProps) {
    super(scope, id, props);
    const { config, repository } = props;
    // An account has one provider a URL: where another repository or stage has made it, `-c github-provider=existing` takes that.
    const provider =
      this.node.tryGetContext("github-provider") === "existing"
        ? this.formatArn({ service: "iam", region: "", resource: "oidc-provider", resourceName: ISSUER })
        : new OidcProviderNative(this, "Provider", { url: `https://${ISSUER}`, clientIds: [AUDIENCE] }).oidcProviderArn;
    const role = new Role(this, "Deploy", {
      roleName: named(config, "deploy"),
      description: `Workflows of ${repository} deploy ${config.stage}`,
      // As long as the job of stage.yml may run: four shifts of traffic, and an undoing after the last of them, take more than an hour.
      maxSessionDuration: Duration.hours(2),
      assumedBy: new WebIdentityPrincipal(provider, {
        StringEquals: {
          [`${ISSUER}:aud`]: AUDIENCE,
          // Without it any repository of GitHub could take the role. As it was given: a pattern for both forms would also take a namesake that
          // comes after this repository is gone. The environment is where a person approves.
          [`${ISSUER}:sub`]: `repo:${repository}:environment:${config.stage}`,
        },
      }),
    });
    for (const statement of this.statements(config)) {
      role.addToPolicy(statement);
    }
    this.acknowledgeAll(role, config);
    new CfnOutput(this, "RoleArn", { value: role.roleArn, description: "The variable AWS_ROLE of the environment" });
  }

  /** What `cargo xtask deploy` calls; what CloudFormation makes is made by the roles of `cdk bootstrap`. */
  private statements(config: Config): PolicyStatement[] {
    const arn = (service: string, resource: string, resourceName: string, region = config.region) =>
      this.formatArn({ service, region, resource, resourceName });
    const fn = (name: string) =>
      this.formatArn({
        service: "lambda",
        resource: "function",
        resourceName: name,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    const of = (isWanted: (trigger: Trigger) => boolean) =>
      SERVICES.flatMap((service) =>
        (Object.keys(shapes(config)[service].functions) as Trigger[])
          .filter(isWanted)
          .map((trigger) => fn(functionName(config, service, trigger))),
      );
    const serving = of((trigger) => SERVING.includes(trigger));
    const allow = (sid: string, actions: string[], resources: string[]) =>
      new PolicyStatement({ sid, actions, resources });
    const bootstrap = ["deploy", "file-publishing", "lookup"].flatMap((kind) =>
      [...new Set([config.region, EDGE_REGION])].map((region) =>
        this.formatArn({
          service: "iam",
          region: "",
          resource: "role",
          resourceName: `cdk-${QUALIFIER}-${kind}-role-${this.account}-${region}`,
        }),
      ),
    );
    const metric = allow("SayThatItDeploys", ["cloudwatch:PutMetricData"], ["*"]);
    metric.addCondition("StringEquals", { "cloudwatch:namespace": "Bodega" });
    return [
      allow("DeployByCdk", ["sts:AssumeRole"], bootstrap),
      allow(
        "LookAtStacks",
        ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
        [...new Set([config.region, EDGE_REGION])].map((region) =>
          arn("cloudformation", "stack", `${named(config)}-*/*`, region),
        ),
      ),
      allow(
        "Migrate",
        ["lambda:InvokeFunction"],
        of((trigger) => trigger === "migrate"),
      ),
      allow("GoBack", ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:ListVersionsByFunction"], serving),
      // With the number of a version behind it: the function itself cannot be deleted with this.
      allow(
        "DeleteOldVersions",
        ["lambda:DeleteFunction"],
        serving.map((one) => `${one}:*`),
      ),
      allow(
        "RememberReleases",
        ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"],
        [arn("ssm", "parameter", `bodega/${config.stage}/*`)],
      ),
      // The labels of their versions tell whether they were set; values are not read.
      allow(
        "AskWhetherSecretsAreSet",
        ["secretsmanager:DescribeSecret"],
        // Secrets Manager ends the name with six characters of its own.
        ownedOf(config.shop).map((name) =>
          this.formatArn({
            service: "secretsmanager",
            resource: "secret",
            resourceName: `${secretId(config, name)}-??????`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ),
      ),
      metric,
      allow(
        "StopAStack",
        ["cloudformation:CancelUpdateStack"],
        SERVICES.map((service) => arn("cloudformation", "stack", `${named(config, service)}/*`)),
      ),
      allow(
        "ReadTheIssuer",
        ["s3:GetObject"],
        ["jwks.json", "openid-configuration"].map((document) =>
          this.formatArn({
            service: "s3",
            region: "",
            account: "",
            resource: named(config, "images", this.account),
            resourceName: `issuer/.well-known/${document}`,
          }),
        ),
      ),
    ];
  }

  private acknowledgeAll(role: Role, config: Config): void {
    const account = inAccount(this);
    const answer = (resource: string, why: string, action: string) => {
      because(
        this,
        resource.replace("arn:aws:", "arn:{p}:").replace(account, "{a}").replace(config.region, "{r}"),
        why,
        action,
      );
      acknowledge(role, `AwsSolutions-IAM5[Resource::${resource}]`, why);
    };
    for (const region of new Set([config.region, EDGE_REGION])) {
      answer(
        `arn:aws:cloudformation:${region}:${account}:stack/${named(config)}-*/*`,
        "stacks of this stage; CloudFormation gives each an id of its own",
        "cloudformation:",
      );
    }
    for (const service of SERVICES) {
      answer(
        `arn:aws:cloudformation:${config.region}:${account}:stack/${named(config, service)}/*`,
        "the stack of this service; CloudFormation gives it an id of its own",
        "cloudformation:CancelUpdateStack",
      );
      for (const trigger of Object.keys(shapes(config)[service].functions) as Trigger[]) {
        if (SERVING.includes(trigger)) {
          answer(
            `arn:aws:lambda:${config.region}:${account}:function:${functionName(config, service, trigger)}:*`,
            "versions of this one function, whose numbers are not known yet",
            "lambda:DeleteFunction",
          );
        }
      }
    }
    answer(
      `arn:aws:ssm:${config.region}:${account}:parameter/bodega/${config.stage}/*`,
      "what the pipeline remembers of each service of this stage; nothing else is kept below this name",
      "ssm:",
    );
    answer("*", "PutMetricData has no resources; a condition names the namespace Bodega", "cloudwatch:PutMetricData");
  }
}
