import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { REPOSITORY } from "../lib/config.ts";
import { SERVICES } from "../lib/services.ts";
import { type Json, only, synthesize } from "./support.ts";

const read = (path: string): string => readFileSync(resolve(REPOSITORY, path), "utf8");
const FOLDER = ".github/workflows";
const workflow = (name: string): Json => parse(read(`${FOLDER}/${name}.yml`));
const WORKFLOWS = readdirSync(resolve(REPOSITORY, FOLDER)).map((file) => file.replace(/\.yml$/, ""));
const FILES = execFileSync("git", ["ls-files"], { cwd: REPOSITORY, encoding: "utf8" }).trim().split("\n");

/** As GitHub reads a filter of paths: the last pattern that matches decides. */
function matches(patterns: readonly string[], path: string): boolean {
  let isIn = false;
  for (const pattern of patterns) {
    const isOut = pattern.startsWith("!");
    const text = pattern
      .slice(isOut ? 1 : 0)
      .split(/(\*\*|\*)/)
      .map((part) => ({ "**": ".*", "*": "[^/]*" })[part] ?? part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join("");
    if (new RegExp(`^${text}$`).test(path)) {
      isIn = !isOut;
    }
  }
  return isIn;
}

/** The folders of this repository that a package is built from, its own first. */
function builtFrom(folder: string, found: string[] = []): string[] {
  if (!found.includes(folder)) {
    found.push(folder);
    const manifest = read(`${folder}/Cargo.toml`);
    const dependencies = /^\[dependencies\]\n([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(manifest)?.[1] ?? "";
    for (const [, name] of dependencies.matchAll(/^([\w-]+)(?:\.workspace| = )/gm)) {
      const path = new RegExp(`^${name} = \\{ path = "([^"]+)"`, "m").exec(read("Cargo.toml"))?.[1];
      if (path !== undefined) {
        builtFrom(path, found);
      }
    }
  }
  return found;
}

describe("a proposal", () => {
  it("is checked whichever file it changes", () => {
    const filters = WORKFLOWS.flatMap((name) => {
      const { on, jobs } = workflow(name);
      return jobs?.checks && on.pull_request ? [on.pull_request.paths as string[]] : [];
    });
    expect(filters.length).toBe(SERVICES.length + 1);
    expect(FILES.length).toBeGreaterThan(500);
    expect(FILES.filter((file) => !filters.some((patterns) => matches(patterns, file)))).toEqual([]);
  });

  it("of one service does not wake the shop's workflow as well", () => {
    const { paths } = workflow("shop").on.pull_request;
    expect(matches(paths, "user-service/src/lib.rs") || matches(paths, "migrations/user/0001_x.up.sql")).toBe(false);
    expect(matches(paths, "infra/lib/edge.ts") && matches(paths, ".ci/run") && matches(paths, "docs/checks.md")).toBe(
      true,
    );
  });
});

describe("what is on main", () => {
  it.each(SERVICES)("delivers %s when anything changes that it is built from", (service) => {
    const migrations = /migrate!\("\.\.\/([^"]+)"\)/.exec(read(`${service}/src/lib.rs`))?.[1];
    const folders = [...builtFrom(service), ...(migrations === undefined ? [] : [migrations])];
    expect(folders).toContain("crates/common");
    const needed = FILES.filter((file) => folders.some((folder) => file.startsWith(`${folder}/`)));
    needed.push("Cargo.toml", "Cargo.lock", `openapi/${service}.yaml`, `${FOLDER}/${service}.yml`);
    needed.push(`${FOLDER}/checks.yml`, `${FOLDER}/deliver.yml`, `${FOLDER}/stage.yml`);
    const { push, pull_request } = workflow(service).on;
    expect(push.branches).toEqual(["main"]);
    expect(needed.filter((file) => !matches(push.paths, file))).toEqual([]);
    expect(pull_request.paths).toEqual(push.paths);
  });

  it("delivers the whole shop when its stacks change", () => {
    const { push } = workflow("shop").on;
    const stacks = FILES.filter((file) => file.startsWith("infra/") || file.startsWith("crates/xtask/"));
    expect(stacks.filter((file) => !matches(push.paths, file))).toEqual([]);
  });

  it("is checked before it is delivered, and delivered to prod after dev", () => {
    for (const name of [...SERVICES, "shop"]) {
      expect(workflow(name).jobs.deliver.needs, name).toBe("checks");
    }
    const { jobs } = workflow("deliver");
    expect([jobs.dev.needs, jobs.prod.needs]).toEqual(["build", "dev"]);
  });
});

describe("the credentials of a deployment", () => {
  const { jobs } = workflow("stage");
  const steps = jobs.deploy.steps as Json[];

  it("are good for as long as its job may run, so that a late failure can be taken back", () => {
    const seconds = jobs.deploy["timeout-minutes"] * 60;
    const asked = steps.find(({ uses }) => uses?.startsWith("aws-actions/configure-aws-credentials@"));
    expect(asked.with["role-duration-seconds"]).toBe(seconds);
    const [, role] = only(synthesize({ repository: "acme/bodega" }).of("github"), "AWS::IAM::Role");
    expect(role.Properties.MaxSessionDuration).toBe(seconds);
  });

  it("are in no job that compiles", () => {
    for (const { run } of steps) {
      expect(run ?? "").not.toMatch(/\bcargo\b|\bnpm (ci|install|run)\b/);
    }
    for (const name of WORKFLOWS) {
      for (const [id, job] of Object.entries<Json>(workflow(name).jobs)) {
        if (job.permissions?.["id-token"] === "write" && job.uses === undefined) {
          expect([name, id]).toEqual(["stage", "deploy"]);
        }
      }
    }
  });
});
