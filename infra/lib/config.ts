/** What a synthesis is for: read once from the context (`cdk.json`, `-c name=value`), checked, and handed to every stack. */
import { resolve } from "node:path";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Architecture } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Node } from "constructs";
import { SHOPS, type Shop } from "./shop.ts";

export const STAGES = ["dev", "prod"] as const;
export type Stage = (typeof STAGES)[number];

/** `vpc`: Aurora in a VPC of its own. `express`: Aurora without one, docs/decisions/0043 says when. */
export const DATABASES = ["vpc", "express"] as const;
export type DatabaseForm = (typeof DATABASES)[number];

/** Folder of this repository, where `openapi/` and `target/` are. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** Where the distribution's certificate and its rules must be. */
export const EDGE_REGION = "us-east-1";

/** How large the relational database may become, and what follows from it. */
export interface DatabaseSize {
  /** In ACUs; 0 lets it pause when nothing is connected. */
  readonly least: number;
  readonly most: number;
  readonly maxConnections: number;
  readonly backupDays: number;
}

export interface Config {
  readonly stage: Stage;
  readonly isProd: boolean;
  readonly region: string;
  /** Absent: whichever account the credentials are of. */
  readonly account: string | undefined;
  readonly architecture: Architecture;
  readonly database: DatabaseForm;
  readonly databaseSize: DatabaseSize;
  /** Folder with `<service>/bootstrap`. */
  readonly artifacts: string;
  /** `OWNER@ID/NAME@ID` at GitHub, or `OWNER/NAME`, as its tokens have it; its workflows deploy this stage. Absent: no stack for them. */
  readonly repository: string | undefined;
  /** What the owner of the shop decides. */
  readonly shop: Shop;
  /** Templates of prod may be written although its shop is not filled in: to look at, not to deploy. */
  readonly allowsMadeUp: boolean;
  /** Of what holds data. */
  readonly removal: RemovalPolicy;
  readonly logRetention: RetentionDays;
  /** How often `sweep` runs. */
  readonly sweepEvery: Duration;
  /** Services whose traffic moves with the next deployment at once: after an undo by hand CodeDeploy would refuse to shift it. */
  readonly atOnce: readonly string[];
  /** Which version of the origin secret the edge sends, while it is replaced (docs/decisions/0046); absent: the current one. */
  readonly originSecretVersion: string | undefined;
}

/** Aurora's default for `max_connections` by the largest capacity, in ACUs (Aurora User Guide, "Maximum connections for Aurora Serverless v2"). */
const MAX_CONNECTIONS = { 1: 189, 4: 823 } as const;

/** Whatever the largest capacity, Aurora keeps to this many while the least is below 1 ACU. The express form goes up to 16 ACUs. */
const MAX_CONNECTIONS_WHEN_PAUSING = 2_000;

/**
 * A repository as the subject of GitHub's tokens names it: with the numbers of owner and repository, which do not pass to a later owner of the name, or, of
 * an older repository, by names alone (docs/decisions/0052). Both numbers or none.
 */
const REPOSITORY_FORM = /^([\w.-]+@\d+\/[\w.-]+@\d+|[\w.-]+\/[\w.-]+)$/;

function databaseSize(stage: Stage, form: DatabaseForm): DatabaseSize {
  const size =
    stage === "prod"
      ? { least: 0.5, most: 4, maxConnections: MAX_CONNECTIONS[4], backupDays: 14 }
      : { least: 0, most: 1, maxConnections: MAX_CONNECTIONS[1], backupDays: 1 };
  return form === "express" ? { ...size, least: 0, most: 16, maxConnections: MAX_CONNECTIONS_WHEN_PAUSING } : size;
}

/** Reads the context; says what is wrong with it in one sentence that names the setting. */
export function configure(node: Node): Config {
  const text = (name: string): string | undefined => {
    const value: unknown = node.tryGetContext(name);
    if (value === undefined || value === "") {
      return undefined;
    }
    if (typeof value !== "string") {
      throw new Error(`context ${name} must be text, such as -c ${name}=...`);
    }
    return value;
  };
  const one = <T extends string>(name: string, choices: readonly T[], otherwise: T): T => {
    const value = text(name) ?? otherwise;
    const choice = choices.find((choice) => choice === value);
    if (choice === undefined) {
      throw new Error(`context ${name} is ${value}; it must be one of ${choices.join(", ")}`);
    }
    return choice;
  };
  const matching = (name: string, value: string | undefined, form: RegExp): string | undefined => {
    if (value !== undefined && !form.test(value)) {
      throw new Error(`context ${name} is ${value}, which is not of the form ${form.source}`);
    }
    return value;
  };
  const stage = one("stage", STAGES, "dev");
  const database = one("database", DATABASES, "vpc");
  const isProd = stage === "prod";
  return {
    stage,
    isProd,
    region: matching("region", text("region"), /^[a-z]{2}(-[a-z]+)+-\d$/) ?? "eu-central-1",
    account: matching("account", text("account") ?? process.env.CDK_DEFAULT_ACCOUNT, /^\d{12}$/),
    architecture:
      one("architecture", ["arm64", "x86_64"], "arm64") === "arm64" ? Architecture.ARM_64 : Architecture.X86_64,
    database,
    databaseSize: databaseSize(stage, database),
    artifacts: resolve(text("artifacts") ?? resolve(REPOSITORY, "target/lambda")),
    repository: matching("repository", text("repository"), REPOSITORY_FORM),
    shop: SHOPS[stage],
    allowsMadeUp: one("made-up-addresses", ["refused", "allowed"], "refused") === "allowed",
    // Not what a failed creation made: it is empty, and with its fixed name it would be in the way of the next try.
    removal: isProd ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    logRetention: isProd ? RetentionDays.THREE_MONTHS : RetentionDays.TWO_WEEKS,
    // The sweep wakes the databases: each minute would never let those of `dev` pause.
    sweepEvery: isProd ? Duration.minutes(1) : Duration.minutes(30),
    originSecretVersion: matching("origin-secret-version", text("origin-secret-version"), /^[0-9A-Za-z-]{32,64}$/),
    atOnce: (text("at-once") ?? "").split(",").filter((service) => service !== ""),
  };
}

/** `bodega-dev-data` */
export function named(config: Pick<Config, "stage">, ...parts: string[]): string {
  return ["bodega", config.stage, ...parts].join("-");
}
