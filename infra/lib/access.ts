/** What each function may do: exact actions on exact resources. docs/operations.md says why it needs them; iam.md lists the outcome. */
import { ArnFormat, Stack } from "aws-cdk-lib";
import { Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { because } from "./because.ts";
import { named } from "./config.ts";
import { acknowledge, inAccount } from "./findings.ts";
import { secretId } from "./secrets.ts";
import type { ServiceName, Trigger } from "./services.ts";
import { DATABASE_OF, type Settings, type Surroundings } from "./settings.ts";
import { mailAddress, mailDomain } from "./shop.ts";

function allow(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources });
}

/** Beside writing its own log, and standing in a network. */
export function accessOf(
  scope: Construct,
  service: ServiceName,
  trigger: Trigger,
  settings: Settings,
  around: Surroundings,
): PolicyStatement[] {
  return [
    ...readSecrets(scope, settings, around),
    ...logIn(service, trigger, around),
    ...(service === "product-service" ? ofProduct(scope, trigger, around) : []),
    ...(service === "notification-service" ? ofNotification(scope, trigger, around) : []),
  ];
}

/** Secrets come through Parameter Store (docs/decisions/0006), which asks for both rights. */
function readSecrets(scope: Construct, settings: Settings, { config, data }: Surroundings): PolicyStatement[] {
  if (settings.secrets.length === 0) {
    return [];
  }
  const parameters = settings.secrets.map((name) =>
    Stack.of(scope).formatArn({
      service: "ssm",
      resource: "parameter",
      resourceName: `aws/reference/secretsmanager/${secretId(config, name)}`,
    }),
  );
  const decrypt = allow("DecryptSecrets", ["kms:Decrypt"], [data.key.keyArn]);
  decrypt.addCondition("StringEquals", { "kms:ViaService": `secretsmanager.${config.region}.amazonaws.com` });
  return [
    allow("FindSecrets", ["ssm:GetParameters"], parameters),
    allow(
      "ReadSecrets",
      ["secretsmanager:GetSecretValue"],
      settings.secrets.map((name) => data.secrets.get(name).secretArn),
    ),
    decrypt,
  ];
}

function logIn(service: ServiceName, trigger: Trigger, { data }: Surroundings): PolicyStatement[] {
  const database = DATABASE_OF[service];
  if (database === undefined) {
    return [];
  }
  const roles = [data.database.loginArn(database)];
  if (trigger === "migrate") {
    roles.push(data.database.masterLoginArn());
  }
  return [allow("LogInToAurora", ["rds-db:connect"], roles)];
}

function ofProduct(scope: Construct, trigger: Trigger, { config, data, events }: Surroundings): PolicyStatement[] {
  if (trigger === "migrate" || trigger === "admin") {
    return [];
  }
  const { account, partition } = Stack.of(scope);
  // By name, which reads better in a review than a reference to another stack.
  const bucket = named(config, "images", account);
  const files = (...prefixes: string[]) =>
    prefixes.map((prefix) => {
      const why = "keys of objects have ids of products and files in them, which are made while the shop runs";
      because(scope, `arn:{p}:s3:::${named(config, "images", "{a}")}/${prefix}/*`, why);
      const found = `arn:aws:s3:::${named(config, "images", inAccount(scope))}/${prefix}/*`;
      acknowledge(scope, `AwsSolutions-IAM5[Resource::${found}]`, why);
      return `arn:${partition}:s3:::${bucket}/${prefix}/*`;
    });
  return [
    // Forms are signed with the function's keys, so they allow what it may do.
    allow("Upload", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], files("uploads")),
    allow("Publish", ["s3:PutObject", "s3:DeleteObject"], files("products")),
    allow("Jobs", ["s3:PutObject", "s3:GetObject"], files("imports", "exports")),
    // Without it S3 answers 403 in place of 404 for what is not there.
    allow("TellWhatIsNotThere", ["s3:ListBucket"], [data.images.bucketArn]),
    ...(trigger === "queue" ? [consume(events.images.queue.queueArn)] : []),
  ];
}

function consume(queue: string): PolicyStatement {
  return allow("Consume", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [queue]);
}

function ofNotification(scope: Construct, trigger: Trigger, around: Surroundings): PolicyStatement[] {
  const { data, events } = around;
  const { queue, deadLetters } = events.notifications;
  const table = data.table.tableArn;
  switch (trigger) {
    case "migrate":
      // The table is the data stack's: `migrate` looks whether it is as it must be.
      return [allow("LookAtTheTable", ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"], [table])];
    case "admin":
      return [
        allow("TakeDeadLetters", ["sqs:ReceiveMessage", "sqs:DeleteMessage"], [deadLetters.queueArn]),
        allow("BringThemBack", ["sqs:SendMessage"], [queue.queueArn]),
      ];
    case "queue":
      return [
        ...remember(table),
        ...mail(scope, around),
        consume(queue.queueArn),
        allow("GiveUp", ["sqs:SendMessage"], [deadLetters.queueArn]),
      ];
    default:
      return [...remember(table), ...mail(scope, around)];
  }
}

function remember(table: string): PolicyStatement[] {
  const actions = [
    "DescribeTable",
    "GetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "ConditionCheckItem",
    "BatchGetItem",
  ];
  return [
    allow(
      "Remember",
      actions.map((action) => `dynamodb:${action}`),
      [table],
    ),
    allow("List", ["dynamodb:Query"], [`${table}/index/listed`]),
  ];
}

/** SES is asked for the identity that mails are from, the address or its whole domain, and for the configuration set. */
function mail(scope: Construct, { config, data }: Surroundings): PolicyStatement[] {
  if (data.mail === undefined) {
    return [];
  }
  const arn = (resource: string, resourceName: string) =>
    Stack.of(scope).formatArn({ service: "ses", resource, resourceName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME });
  const resources = [
    arn("identity", mailAddress(config.shop)),
    arn("identity", mailDomain(config.shop)),
    arn("configuration-set", data.mail.configurationSetName),
  ];
  return [allow("SendMail", ["ses:SendEmail"], resources)];
}
