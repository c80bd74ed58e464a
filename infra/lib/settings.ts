/** Each function's environment, and which secrets it may read: no more than its trigger needs. */
import type { Config } from "./config.ts";
import type { DataStack } from "./data.ts";
import type { DatabaseName } from "./database.ts";
import { type EventsStack, GIVE_UP_AFTER } from "./events.ts";
import { type SecretName, secretId } from "./secrets.ts";
import type { ServiceName, Trigger } from "./services.ts";

/** Everything outside of a service's own stack that its functions refer to. */
export interface Surroundings {
  readonly config: Config;
  readonly data: DataStack;
  readonly events: EventsStack;
  /** The public address of the shop, without a slash at its end. */
  readonly url: string;
}

export interface Settings {
  /** Secrets are named here, never written: `secretsmanager:bodega/dev/MONGODB_URI`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretName[];
}

/**
 * What a secret is to a function that never looks at it. Every function of a service checks that all settings are there, and reads all
 * secrets at once with the first: one that it need not know it is not given.
 */
const NOT_FOR_THIS_FUNCTION = "not-for-this-function-0123456789abcdef";

/** One `aud` a stage, so that a token of `dev` opens nothing in `prod`. */
export function audience(config: Pick<Config, "stage">): string {
  return `bodega-${config.stage}`;
}

export const DATABASE_OF: Readonly<Partial<Record<ServiceName, DatabaseName>>> = {
  "user-service": "bodega_user",
  "transaction-service": "bodega_transaction",
};

export function settingsOf(service: ServiceName, trigger: Trigger, around: Surroundings): Settings {
  const { config, url } = around;
  const secrets = new Set<SecretName>();
  const secret = (name: SecretName): string => {
    secrets.add(name);
    return `secretsmanager:${secretId(config, name)}`;
  };
  const serves = trigger === "http" || trigger === "sweep" || trigger === "queue";
  const secretIf = (isNeeded: boolean, name: SecretName) => (isNeeded ? secret(name) : NOT_FOR_THIS_FUNCTION);
  const own = { around, trigger, serves, secret, secretIf };
  const environment: Record<string, string> = {
    TRIGGER: trigger,
    LOG_LEVEL: "info",
    ISSUER: url,
    AUDIENCE: audience(config),
    // Each set of dimensions is a series that is paid for by the month: by route only where it is looked at.
    METRICS: config.isProd ? "emf-by-route" : "emf",
    // What did not come through the edge, where the firewall stands, is refused.
    ...(trigger === "http" ? { ORIGIN_SECRET: secret("ORIGIN_SECRET"), ORIGIN_REQUIRED: "true" } : {}),
    ...OWN[service](own),
  };
  return { environment, secrets: [...secrets] };
}

interface Own {
  readonly around: Surroundings;
  readonly trigger: Trigger;
  /** Whether it works for shoppers, and not for operators. */
  readonly serves: boolean;
  secret(name: SecretName): string;
  secretIf(isNeeded: boolean, name: SecretName): string;
}

const OWN: Readonly<Record<ServiceName, (own: Own) => Record<string, string>>> = {
  "product-service": product,
  "user-service": user,
  "transaction-service": transaction,
  "notification-service": notification,
};

function jwks(url: string): string {
  return `${url}/.well-known/jwks.json`;
}

function product({ around, trigger, secret }: Own): Record<string, string> {
  const { config, data, url } = around;
  const { staffEmail } = config.shop;
  const tellsStaff = staffEmail !== undefined && (trigger === "http" || trigger === "sweep");
  return {
    JWKS_URL: jwks(url),
    CURRENCIES: config.shop.currencies,
    MONGODB_URI: secret("MONGODB_URI"),
    IMAGE_BUCKET: data.images.bucketName,
    IMAGE_BASE_URL: `${url}/images`,
    ...(tellsStaff
      ? {
          STAFF_EMAIL: staffEmail,
          API_BASE_URL: url,
          PRODUCT_SERVICE_CLIENT_SECRET: secret("PRODUCT_SERVICE_CLIENT_SECRET"),
        }
      : {}),
  };
}

/** Both services with PostgreSQL log in by IAM; `migrate` also makes the role and the database that they log in to. */
function postgres(setting: string, service: ServiceName, { around, trigger }: Own): Record<string, string> {
  const database = DATABASE_OF[service];
  if (database === undefined) {
    throw new Error(`${service} has no database in PostgreSQL`);
  }
  return {
    DATABASE_AUTH: "iam",
    [setting]: around.data.database.url(database),
    ...(trigger === "migrate" ? { DATABASE_ADMIN_URL: around.data.database.adminUrl() } : {}),
  };
}

function user(own: Own): Record<string, string> {
  const { around, serves, secretIf } = own;
  return {
    ...around.config.shop.user,
    API_BASE_URL: around.url,
    ...postgres("USER_DATABASE_URL", "user-service", own),
    SIGNING_KEYS: secretIf(serves, "SIGNING_KEYS"),
    FINGERPRINT_KEY: secretIf(serves, "FINGERPRINT_KEY"),
    STRIPE_SECRET_KEY: secretIf(serves, "STRIPE_SECRET_KEY"),
  };
}

function transaction(own: Own): Record<string, string> {
  const { around, serves, secretIf } = own;
  return {
    ...around.config.shop.transaction,
    JWKS_URL: jwks(around.url),
    API_BASE_URL: around.url,
    ...postgres("TRANSACTION_DATABASE_URL", "transaction-service", own),
    TRANSACTION_SERVICE_CLIENT_SECRET: secretIf(serves, "TRANSACTION_SERVICE_CLIENT_SECRET"),
    STRIPE_SECRET_KEY: secretIf(serves, "STRIPE_SECRET_KEY"),
    // `sweep` reads the list of events at Stripe, which is not signed.
    STRIPE_WEBHOOK_SECRET: secretIf(own.trigger === "http", "STRIPE_WEBHOOK_SECRET"),
    FINGERPRINT_KEY: secretIf(serves, "FINGERPRINT_KEY"),
  };
}

function notification({ around, trigger, serves, secret, secretIf }: Own): Record<string, string> {
  const { config, data, events, url } = around;
  const vendors: Record<string, string> = {};
  for (const name of ["SENDGRID_API_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SECRET"] as const) {
    if (data.secrets.has(name)) {
      vendors[name] = secretIf(serves, name);
    }
  }
  if (data.secrets.has("SENDGRID_WEBHOOK_KEY") && trigger === "http") {
    vendors.SENDGRID_WEBHOOK_KEY = secret("SENDGRID_WEBHOOK_KEY");
  }
  if (data.secrets.has("TWILIO_WEBHOOK_KEY") && trigger === "http") {
    vendors.TWILIO_WEBHOOK_KEY = secret("TWILIO_WEBHOOK_KEY");
  }
  const ses: Record<string, string> = {};
  if (data.mail !== undefined && serves) {
    ses.SES_CONFIGURATION_SET = data.mail.configurationSetName;
  }
  // Whose messages are taken at the webhook.
  if (data.mail !== undefined && trigger === "http") {
    ses.SES_TOPIC_ARN = data.mail.topic.topicArn;
  }
  const queues: Record<string, string> = {};
  if (trigger === "queue" || trigger === "admin") {
    queues.NOTIFICATION_DEAD_LETTER_QUEUE_URL = events.notifications.deadLetters.queueUrl;
    queues.QUEUE_GIVE_UP_AFTER = `${GIVE_UP_AFTER}`;
  }
  if (trigger === "admin") {
    queues.NOTIFICATION_QUEUE_URL = events.notifications.queue.queueUrl;
  }
  return {
    ...config.shop.notification,
    JWKS_URL: jwks(url),
    PUBLIC_URL: url,
    NOTIFICATION_TABLE: data.table.tableName,
    // `migrate` compares the table with what the code needs, and changes nothing.
    TABLE_OWNER: "cdk",
    FINGERPRINT_KEY: secretIf(serves, "FINGERPRINT_KEY"),
    ...vendors,
    ...ses,
    ...queues,
  };
}
