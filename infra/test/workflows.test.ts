import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
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

/** A clone with three commits, of which `newest` has `oldest` in it and `side` has only that; `newest` is checked out. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), "bodega-clone-"));
  readonly oldest: string;
  readonly side: string;
  readonly newest: string;

  constructor() {
    this.git("init", "--quiet", "--initial-branch", "main");
    this.oldest = this.commit("oldest");
    this.git("switch", "--quiet", "--create", "side");
    this.side = this.commit("side");
    this.git("switch", "--quiet", "main");
    this.newest = this.commit("newest");
  }

  git(...words: string[]): string {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
    return execFileSync("git", [...identity, ...words], { cwd: this.folder, encoding: "utf8" }).trim();
  }

  private commit(message: string): string {
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  /** Runs a step's script as GitHub does, with `program` in the place of the one that asks others. */
  run(step: Json, name: string, program: string, env: Record<string, string>): { status: number | null; said: string } {
    const files = mkdtempSync(join(tmpdir(), "bodega-step-"));
    mkdirSync(join(files, "bin"));
    writeFileSync(join(files, "bin", name), `#!/bin/sh\n${program}\n`);
    chmodSync(join(files, "bin", name), 0o755);
    writeFileSync(join(files, "step.sh"), step.run);
    writeFileSync(join(files, "output"), "");
    const { status, stdout, stderr } = spawnSync("bash", ["-e", join(files, "step.sh")], {
      cwd: this.folder,
      encoding: "utf8",
      env: {
        PATH: `${join(files, "bin")}:${process.env.PATH}`,
        RUNNER_TEMP: files,
        GITHUB_OUTPUT: join(files, "output"),
        ...Object.fromEntries(Object.keys(step.env).map((key) => [key, ""])),
        ...env,
      },
    });
    return { status, said: stdout + stderr + readFileSync(join(files, "output"), "utf8") };
  }
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

describe("a deployment", () => {
  const { deploy } = workflow("stage").jobs;
  const names = (deploy.steps as Json[]).map(({ name, uses }) => name ?? uses.split("@")[0]);
  const check = (deploy.steps as Json[]).find(({ name }) => name === "Refuse an older commit than the one that runs");
  const clone = new Clone();

  /** What the step says where the services run these commits. */
  function refuse(runs: Record<string, string>, head: string, env: Record<string, string> = {}) {
    clone.git("checkout", "--quiet", head);
    const known = Object.entries(runs).map(([service, commit]) => `*/bodega/dev/${service}/release*) echo ${commit};;`);
    const aws = `case "$*" in ${known.join(" ")} *) echo "(ParameterNotFound) when calling" >&2; exit 254;; esac`;
    return clone.run(check, "aws", aws, { STAGE: "dev", REGION: "eu-central-1", ...env });
  }

  it("is one at a time in its stage, and is not cut off by the next", () => {
    expect(deploy.concurrency).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's.
      group: "deploy-${{ inputs.stage }}",
      "cancel-in-progress": false,
      queue: "max",
    });
  });

  it("is compared with what runs while no other is under way, before it changes anything", () => {
    const at = names.indexOf(check.name);
    expect(names[at - 1]).toBe("aws-actions/configure-aws-credentials");
    expect(names.slice(at + 1)).toEqual(["Deploy, buy, and go back where that fails"]);
    expect(deploy.steps[0].with["fetch-depth"]).toBe(0);
  });

  it("looks where cargo xtask deploy writes down what runs, for each service", () => {
    const command = read("crates/xtask/src/deploy/command.rs");
    expect(command).toContain('const RELEASE: &str = "release";');
    expect(command).toContain('format!("/bodega/{}/{service}/{name}", stage.name())');
    expect(check.run).toContain('name="/bodega/$STAGE/$service/release"');
    const listed = /\$\{SERVICE:-([^}]+)\}/.exec(check.run)?.[1]?.split(" ");
    expect([...(listed ?? [])].sort()).toEqual([...SERVICES].sort());
  });

  it("goes on where nothing runs yet, or this commit, or an older one", () => {
    expect(refuse({}, clone.newest)).toMatchObject({ status: 0 });
    expect(refuse({ "user-service": clone.newest }, clone.newest)).toMatchObject({ status: 0 });
    expect(refuse({ "user-service": clone.oldest }, clone.newest)).toMatchObject({ status: 0 });
  });

  it.each(SERVICES)("of the whole shop is refused where a newer %s runs", (service) => {
    const { status, said } = refuse({ [service]: clone.newest }, clone.oldest);
    expect(status).toBe(1);
    expect(said).toContain(`::error::${service} runs ${clone.newest}, which is newer than ${clone.oldest}`);
  });

  it("of one service asks for no other", () => {
    const runs = { "user-service": clone.newest, "product-service": clone.oldest };
    expect(refuse(runs, clone.oldest, { SERVICE: "product-service" }).status).toBe(0);
    expect(refuse(runs, clone.oldest, { SERVICE: "user-service" }).status).toBe(1);
  });

  it("goes back to the one commit that a person named, and to no other", () => {
    const runs = { "user-service": clone.newest };
    const back = refuse(runs, clone.oldest, { OLDER: clone.oldest });
    expect(back.status).toBe(0);
    expect(back.said).toContain("::warning::user-service runs");
    expect(refuse(runs, clone.oldest, { OLDER: clone.side }).status).toBe(1);
    expect(refuse(runs, clone.oldest, { OLDER: "true" }).status).toBe(1);
  });

  it("replaces what was deployed by hand from another branch, and says so", () => {
    const { status, said } = refuse({ "user-service": clone.side }, clone.newest);
    expect(status).toBe(0);
    expect(said).toContain(`::warning::user-service runs ${clone.side}`);
  });

  it("is refused where what runs is not in the clone, or cannot be read", () => {
    expect(refuse({ "user-service": "1".repeat(40) }, clone.newest).status).toBe(1);
    const denied = clone.run(check, "aws", 'echo "(AccessDenied) no" >&2; exit 254', { STAGE: "dev" });
    expect(denied).toMatchObject({ status: 1, said: expect.stringContaining("AccessDenied") });
  });
});

describe("the gate of the API", () => {
  const { test } = workflow("checks").jobs;
  const steps = test.steps as Json[];
  const find = steps.find(({ id }) => id === "known");
  const clone = new Clone();
  const zeros = "0".repeat(40);

  // What `gh` prints with a filter is written here by hand, so that no `jq` is needed: another filter has no answer.
  const newestFirst = 'sort_by(.created_at) | reverse | .[] | "\\(.id) \\(.sha)"';
  const isSuccess = 'any(.[]; .state == "success")';

  type Deployed = Record<string, readonly (readonly [commit: string, ...states: string[]])[]>;

  /** What the step finds where these were deployed, the newest first. */
  function known(deployed: Deployed, env: object = {}) {
    const answers: Deployed = { prod: [], dev: [], ...deployed };
    const cases = Object.entries(answers).flatMap(([stage, all]) => [
      [`deployments?environment=${stage}&per_page=100`, newestFirst, all.map(([sha], nth) => `${stage}${nth} ${sha}`)],
      ...all.map(([, ...states], nth) => [
        `deployments/${stage}${nth}/statuses?per_page=100`,
        isSuccess,
        [states.includes("success")],
      ]),
    ]) as [string, string, unknown[]][];
    const lines = cases.map(
      ([path, filter, said]) => `'repos/acme/bodega/${path} ${filter}') echo '${said.join("\n")}' ;;`,
    );
    const gh = `[ "$1 $3" = "api --jq" ] || exit 1\ncase "$2 $4" in\n${lines.join("\n")}\n*) exit 1 ;;\nesac`;
    return clone.run(find, "gh", gh, { GITHUB_REPOSITORY: "acme/bodega", ...env });
  }
  const base = ({ status, said }: { status: number | null; said: string }) => [status, /^base=(.*)$/m.exec(said)?.[1]];

  it("is given what the step found, by a job that may ask and do nothing more", () => {
    const gate = steps.find(({ run }) => run === ".ci/run");
    expect(gate.env).toEqual({ OPENAPI_BASE: expect.stringContaining("steps.known.outputs.base") });
    expect(steps.indexOf(find)).toBeLessThan(steps.indexOf(gate));
    expect(steps[0].with["fetch-depth"]).toBe(0);
    expect(test.permissions).toEqual({ contents: "read", deployments: "read" });
    for (const name of [...SERVICES, "shop"]) {
      // A called workflow can have no more than its caller gives it.
      expect(workflow(name).jobs.checks.permissions, name).toEqual(test.permissions);
    }
  });

  it("compares with what was delivered last, and not with a push that was not", () => {
    // The push before failed in this very gate.
    const env = { BEFORE: clone.side };
    expect(base(known({ prod: [[clone.oldest, "success", "in_progress"]] }, env))).toEqual([0, clone.oldest]);
    const failed: [string, ...string[]][] = [
      [clone.newest, "waiting"],
      [clone.side, "inactive", "failure", "in_progress"],
      [clone.oldest, "inactive", "success"],
    ];
    expect(base(known({ prod: failed }, env))).toEqual([0, clone.oldest]);
  });

  it("compares with what prod has, or dev where prod never had anything", () => {
    const dev: [string, string][] = [[clone.side, "success"]];
    expect(base(known({ prod: [[clone.oldest, "success"]], dev }))).toEqual([0, clone.oldest]);
    expect(base(known({ prod: [[clone.oldest, "failure"]], dev }))).toEqual([0, clone.side]);
  });

  it("passes over what is newer than this commit, and what is gone", () => {
    clone.git("checkout", "--quiet", clone.oldest);
    const prod: [string, string][] = [
      [clone.newest, "success"],
      ["1".repeat(40), "success"],
      [clone.oldest, "success"],
    ];
    const passed = known({ prod });
    clone.git("checkout", "--quiet", clone.newest);
    expect(base(passed)).toEqual([0, clone.oldest]);
    expect(passed.said).toContain("::warning::1111111");
  });

  it("compares a proposal with what it is made to", () => {
    const env = { PROPOSED_TO: clone.side };
    expect(base(known({ prod: [[clone.oldest, "success"]] }, env))).toEqual([0, clone.side]);
  });

  it("takes the newest tag where nothing was delivered, and the push before, with a warning, where there is none", () => {
    const before = known({}, { BEFORE: clone.oldest });
    expect(base(before)).toEqual([0, clone.oldest]);
    expect(before.said).toContain("::warning::Nothing was delivered yet");
    expect(base(known({}, { BEFORE: zeros }))).toEqual([0, zeros]);
    clone.git("tag", "v1", clone.oldest);
    const tagged = known({}, { BEFORE: clone.side });
    clone.git("tag", "--delete", "v1");
    expect(base(tagged)).toEqual([0, "v1"]);
    expect(tagged.said).not.toContain("::warning::");
  });

  it("does not run where GitHub cannot be asked", () => {
    expect(clone.run(find, "gh", "exit 1", { BEFORE: clone.oldest }).status).toBe(1);
  });
});
