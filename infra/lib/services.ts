/** The four services, the functions each is deployed as, and how large these are. */
import { Duration } from "aws-cdk-lib";
import type { Config } from "./config.ts";

export const SERVICES = ["notification-service", "user-service", "product-service", "transaction-service"] as const;
export type ServiceName = (typeof SERVICES)[number];

export type Trigger = "http" | "sweep" | "queue" | "migrate" | "admin";

/** Which triggers stand in the service's stack, behind the alias `live`; `migrate` and `admin` stand in `bodega-<stage>-<service>-migrate`. */
export const SERVING: readonly Trigger[] = ["http", "sweep", "queue"];

/** How large a function is, and why: a size without its figure is a guess. */
export interface Size {
  readonly memory: number;
  readonly timeout: Duration;
  /** How many instances there may be at once, all versions together. */
  readonly reserved: number;
  /** What was measured, or which deadlines the timeout has to hold. */
  readonly because: string;
}

export interface ServiceShape {
  readonly name: ServiceName;
  readonly functions: Readonly<Partial<Record<Trigger, Size>>>;
  /** What an instance keeps open at most, and to what. */
  readonly connections?: { readonly to: "aurora" | "atlas"; readonly each: number };
}

/** Pools: `CONNECTIONS` in crates/platform/src/postgres.rs and product-service/src/mongo.rs; a test compares them. */
export const AURORA_CONNECTIONS = 2;
export const ATLAS_CONNECTIONS = 4;

/**
 * How many connections the tier of Atlas takes: M10 1,500, a free or Flex cluster 500 (MongoDB's documentation, "Connection Limits and
 * Cluster Tier").
 */
export const ATLAS_MAX_CONNECTIONS = { dev: 500, prod: 1_500 } as const;

// Sizes. Memory also decides the share of a processor: 1,769 MB are one, 256 MB are 0.14, 512 MB are 0.29.
// What processes take is in docs/benchmarks.md; a container adds Lambda's own parts, a few tens of MB.
const CATALOGUE = "36 MiB at the most after 6,000 reads";
const REQUEST = "2.8 s for a request (DEADLINE) and 2 s for the outbox after it (after_response::BUDGET)";

/** The shapes of the services in this stage. */
export function shapes(config: Pick<Config, "isProd">): Readonly<Record<ServiceName, ServiceShape>> {
  const instances = (dev: number, prod: number) => (config.isProd ? prod : dev);
  const migrate = (because: string): Size => ({
    memory: 256,
    // Lambda's longest: a migration of a big table takes what the table needs.
    timeout: Duration.minutes(15),
    reserved: 1,
    because,
  });
  return {
    "notification-service": {
      name: "notification-service",
      functions: {
        http: {
          memory: 256,
          timeout: Duration.seconds(10),
          reserved: instances(5, 40),
          because: `21 MiB at the most; ${REQUEST}`,
        },
        queue: {
          memory: 256,
          timeout: Duration.seconds(30),
          reserved: instances(2, 10),
          because: "21 MiB at the most; 15 s for a batch (BUDGET), and the message that it began last",
        },
        migrate: migrate("calls of 10 s to DynamoDB, 60 looks 0.5 s apart for each of three changes (schema.rs)"),
        admin: {
          memory: 256,
          timeout: Duration.minutes(1),
          reserved: 1,
          because: "moves dead letters back in batches of ten",
        },
      },
    },
    "user-service": {
      name: "user-service",
      functions: {
        http: {
          memory: 512,
          timeout: Duration.seconds(10),
          reserved: instances(10, 100),
          because: `37 MiB at the most while 64 log in; 20 ms of a whole processor for a login, 70 ms of 0.29; ${REQUEST}`,
        },
        sweep: {
          memory: 256,
          timeout: Duration.minutes(1),
          reserved: 2,
          because: "38 MiB at the most; a minute's schedule",
        },
        migrate: migrate("one transaction a migration"),
        admin: {
          memory: 256,
          timeout: Duration.seconds(30),
          reserved: 1,
          because: "38 MiB at the most; one password is hashed, 0.14 s of 0.14 of a processor",
        },
      },
      connections: { to: "aurora", each: AURORA_CONNECTIONS },
    },
    "product-service": {
      name: "product-service",
      functions: {
        http: {
          memory: 256,
          timeout: Duration.seconds(10),
          reserved: instances(20, 200),
          because: `${CATALOGUE}, and twice the 10 MiB of an image while it is cleaned; 1 to 3 ms of a whole processor a read, 7 to 19 ms of 0.14; ${REQUEST}`,
        },
        sweep: {
          memory: 256,
          timeout: Duration.minutes(1),
          reserved: 2,
          because:
            "10 s each for imports and exports, then the rest; a job is taken up by others after a minute without a word",
        },
        queue: {
          memory: 256,
          timeout: Duration.seconds(30),
          reserved: instances(2, 10),
          because: "twice the 10 MiB of an image; 15 s for a batch, and one step of an import more",
        },
        migrate: migrate("building an index reads the whole catalogue"),
      },
      connections: { to: "atlas", each: ATLAS_CONNECTIONS },
    },
    "transaction-service": {
      name: "transaction-service",
      functions: {
        http: {
          memory: 512,
          timeout: Duration.seconds(25),
          reserved: instances(20, 100),
          because:
            "31 MiB at the most; 6 ms of a whole processor for an order, and TLS to four parties; CHECKOUT_DEADLINE_SECONDS (20) and five more, inside the gateway's 30",
        },
        sweep: { memory: 256, timeout: Duration.minutes(1), reserved: 2, because: "bounded work; a minute's schedule" },
        migrate: migrate("one transaction a migration; docs/operations.md says what those of big tables take"),
      },
      connections: { to: "aurora", each: AURORA_CONNECTIONS },
    },
  };
}

/** What of Aurora's `max_connections` is not ours: 3 are the superuser's, the others RDS', an operator's, and the canary's. */
export const AURORA_RESERVE = 20;
/** What of Atlas' connections is its monitoring's and an operator's. */
export const ATLAS_RESERVE = 50;

/** How many connections all instances of all functions that use the store could open at once. */
export function connectionsTo(store: "aurora" | "atlas", config: Pick<Config, "isProd">): number {
  let sum = 0;
  for (const shape of Object.values(shapes(config))) {
    if (shape.connections?.to === store) {
      for (const size of Object.values(shape.functions)) {
        sum += size.reserved * shape.connections.each;
      }
    }
  }
  return sum;
}
