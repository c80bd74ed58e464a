/** Templates of the whole shop, synthesized once for each set of contexts in a test file, with made-up programs in place of built ones. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import type { CloudFormationStackArtifact } from "aws-cdk-lib/cx-api";
import { type Bodega, build } from "../lib/app.ts";
import { SERVICES } from "../lib/services.ts";

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any form; assertions look for what they expect.
export type Json = any;

export interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DependsOn?: string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly UpdatePolicy?: Json;
  readonly Metadata?: Json;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { Value: Json; Description?: string }>>;
}

export interface Synthesized {
  readonly app: App;
  readonly shop: Bodega;
  /** By the names of the stacks. */
  readonly templates: Readonly<Record<string, Template>>;
  /** A template without the stage in its name: `of("data")`, `of("product-service")`. */
  of(name: string): Template;
  readonly artifacts: readonly CloudFormationStackArtifact[];
}

/** The context of `cdk.json`: tests see the same feature flags as `cdk synth`. */
export function context(): Record<string, unknown> {
  const file = new URL("../cdk.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { context: Record<string, unknown> }).context;
}

let made: string | undefined;

/** A folder with `<service>/bootstrap`, as `cargo lambda build` leaves it. */
export function programs(): string {
  if (made === undefined) {
    made = mkdtempSync(join(tmpdir(), "bodega-programs-"));
    for (const service of SERVICES) {
      mkdirSync(join(made, service));
      writeFileSync(join(made, service, "bootstrap"), `#!/bin/sh\n# ${service}\n`);
      chmodSync(join(made, service, "bootstrap"), 0o755);
    }
  }
  return made;
}

/** All that can differ from what most tests look at, in one: each other context is a shop more to synthesize. */
export const ELSEWHERE = { architecture: "x86_64", region: "us-east-1", account: "123456789012" } as const;

const cache = new Map<string, Synthesized>();

/** Synthesizes all stacks in a temporary folder; the same contexts give the same object. */
export function synthesize(overrides: Record<string, string> = {}): Synthesized {
  const key = JSON.stringify(overrides);
  const cached = cache.get(key);
  if (cached !== undefined) {
    return cached;
  }
  const app = new App({
    context: { ...context(), artifacts: programs(), ...overrides },
    outdir: mkdtempSync(join(tmpdir(), "bodega-cdk-")),
  });
  const shop = build(app);
  const artifacts = app.synth().stacks;
  const templates = Object.fromEntries(artifacts.map((stack) => [stack.stackName, stack.template as Template]));
  const synthesized: Synthesized = {
    app,
    shop,
    templates,
    artifacts,
    of(name) {
      const template = templates[`bodega-${shop.config.stage}-${name}`];
      if (template === undefined) {
        throw new Error(`there is no stack ${name}; there are ${Object.keys(templates).join(", ")}`);
      }
      return template;
    },
  };
  cache.set(key, synthesized);
  return synthesized;
}

/** All resources of a type, with their logical ids. */
export function resources(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The only resource of a type. */
export function only(template: Template, type: string): [string, Resource] {
  const found = resources(template, type);
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(`${found.length} resources of ${type}, and not one`);
  }
  return found[0];
}
