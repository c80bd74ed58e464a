/** What is kept in Secrets Manager, one secret a setting, named `bodega/<stage>/<SETTING>`. */
import { SecretValue } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { type ISecret, Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { type Config, EDGE_REGION } from "./config.ts";
import { acknowledge } from "./findings.ts";
import type { Shop } from "./shop.ts";

/** What the secret is until its owner has set it: services refuse to work with it. */
export const UNSET = "to-be-set";

/** Made by Secrets Manager when the stack is: only our own parts need to know them. */
const MADE = ["ORIGIN_SECRET", "FINGERPRINT_KEY"] as const;

/** Set by an operator: given out by vendors, by MongoDB, or by `cargo xtask admin`. */
const GIVEN = [
  "MONGODB_URI",
  "SIGNING_KEYS",
  "STRIPE_SECRET_KEY",
  "STRIPE_WEBHOOK_SECRET",
  "TRANSACTION_SERVICE_CLIENT_SECRET",
] as const;

/** Only where the shop uses what they are for. */
const OPTIONAL = [
  "PRODUCT_SERVICE_CLIENT_SECRET",
  "SENDGRID_API_KEY",
  "SENDGRID_WEBHOOK_KEY",
  "TWILIO_AUTH_TOKEN",
  "TWILIO_API_KEY_SECRET",
  "TWILIO_WEBHOOK_KEY",
] as const;

export type SecretName = (typeof MADE)[number] | (typeof GIVEN)[number] | (typeof OPTIONAL)[number];

/** The secrets that this shop has. */
export function secretsOf(shop: Shop): SecretName[] {
  const has = (list: string | undefined, provider: string) => (list ?? "").split(",").includes(provider);
  const { MAIL_PROVIDERS, SMS_PROVIDERS, TWILIO_API_KEY_SID } = shop.notification;
  const names: SecretName[] = [...MADE, ...GIVEN];
  if (shop.staffEmail !== undefined) {
    names.push("PRODUCT_SERVICE_CLIENT_SECRET");
  }
  if (has(MAIL_PROVIDERS, "sendgrid")) {
    names.push("SENDGRID_API_KEY", "SENDGRID_WEBHOOK_KEY");
  }
  if (has(SMS_PROVIDERS, "twilio")) {
    // The token also signs webhooks, so it is needed beside a key.
    names.push("TWILIO_AUTH_TOKEN");
    if (TWILIO_API_KEY_SID !== undefined) {
      names.push("TWILIO_API_KEY_SECRET");
    }
    if (shop.twilioSharesKey) {
      names.push("TWILIO_WEBHOOK_KEY");
    }
  }
  return names;
}

/** Those of them that have no value until their owner sets one: `cargo xtask deploy` stops where one is missing. */
export function ownedOf(shop: Shop): SecretName[] {
  return secretsOf(shop).filter((name) => !MADE.some((made) => made === name));
}

/** `bodega/dev/MONGODB_URI` */
export function secretId(config: Pick<Config, "stage">, name: SecretName): string {
  return `bodega/${config.stage}/${name}`;
}

export class Secrets extends Construct {
  private readonly kept = new Map<SecretName, ISecret>();

  constructor(
    scope: Construct,
    id: string,
    private readonly config: Config,
    key: IKey,
  ) {
    super(scope, id);
    for (const name of secretsOf(config.shop)) {
      const isMade = MADE.some((made) => made === name);
      const secret = new Secret(this, name, {
        secretName: secretId(config, name),
        encryptionKey: key,
        removalPolicy: config.removal,
        ...(isMade
          ? { generateSecretString: { passwordLength: 43, excludePunctuation: true } }
          : { secretStringValue: SecretValue.unsafePlainText(UNSET) }),
        // CloudFormation resolves a secret in the region of the stack that names it, and the distribution's is another.
        ...(name === "ORIGIN_SECRET" && config.region !== EDGE_REGION
          ? { replicaRegions: [{ region: EDGE_REGION }] }
          : {}),
      });
      acknowledge(
        secret,
        "AwsSolutions-SMG4",
        isMade
          ? "Two holders must change together: docs/operations.md says in which order it is replaced by hand"
          : "Its issuer gives it out to an operator; there is no call by which it could be replaced by itself",
      );
      this.kept.set(name, secret);
    }
  }

  /** Whether this shop has it. */
  has(name: SecretName): boolean {
    return this.kept.has(name);
  }

  get(name: SecretName): ISecret {
    const secret = this.kept.get(name);
    if (secret === undefined) {
      throw new Error(`the shop of ${this.config.stage} has no secret ${name}; lib/secrets.ts says when there is one`);
    }
    return secret;
  }
}
