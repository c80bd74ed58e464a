import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { SHOPS, type Shop } from "../lib/shop.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** All sources below a folder, joined. */
function sources(folder: string, kind: RegExp): string {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && kind.test(entry.name) && !/node_modules|\/target\//.test(`${entry.parentPath}/`),
    )
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

/** What GitHub makes of a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- _]/gu, "")
    .replaceAll(" ", "-");

/** Those that one heading has: a link to a heading that is there twice leads to the first. */
const anchors = (page: string) => {
  const all = [...page.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) => anchor(heading ?? ""));
  return new Set(all.filter((one) => all.indexOf(one) === all.lastIndexOf(one)));
};

describe("docs/checks.md", () => {
  const page = read("docs/checks.md");

  it("answers thirty questions", () => {
    expect([...page.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number))).toEqual(
      Array.from({ length: 30 }, (_, nth) => nth + 1),
    );
  });

  it("names tests of the stacks that there are", () => {
    const tests = sources("infra/test", /\.test\.ts$/);
    const named = [...page.matchAll(/"([^"]+)"/g)].map(([, name]) => (name ?? "").split(/ ?\.\.\.|:/)[0] ?? "");
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((name) => !tests.includes(name))).toEqual([]);
  });

  it("names tests of the services that there are", () => {
    const folders = ["crates", "user-service", "product-service", "transaction-service", "notification-service"];
    const code = folders.map((folder) => sources(folder, /\.rs$/)).join("\n");
    // A name that ends in ... stands for several that begin so.
    const named = [...page.matchAll(/`([a-z0-9]+(?:_[a-z0-9]+){3,})(_\.\.\.)?`/g)];
    expect(named.length).toBeGreaterThan(15);
    const lost = named.filter(([, name, rest]) => !code.includes(`fn ${name}${rest === undefined ? "(" : "_"}`));
    expect(lost.map(([name]) => name)).toEqual([]);
  });
});

describe("docs/operations.md", () => {
  it("gives cdk no context that the stacks do not read", () => {
    const known = read("infra/lib/config.ts");
    const given = new Set([...read("docs/operations.md").matchAll(/ -c ([A-Za-z-]+)=/g)].map(([, name]) => name ?? ""));
    expect(given.size).toBeGreaterThan(0);
    expect([...given].filter((name) => !known.includes(`"${name}"`))).toEqual([]);
  });
});

describe("commands of docs/operations.md that are pasted as a whole", () => {
  const blocks = [...read("docs/operations.md").matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block ?? "");
  const changes = /put-secret-value|update-secret-version-stage|update-alias|put-parameter|s3 cp|cdk deploy/;

  // A shell goes on behind a command that failed: what it was to give is then empty, or is what was before.
  it("end at the first that fails, where one needs what another gave", () => {
    const needing = blocks.filter((block) => /=\$\(aws /.test(block) && changes.test(block));
    expect(needing.length).toBeGreaterThanOrEqual(3);
    expect(needing.filter((block) => !/^\(\s*set -eu\b/.test(block)).map((block) => block.slice(0, 60))).toEqual([]);
  });

  it("look what CloudFront sends before functions take nothing else", () => {
    const lines = blocks.find((block) => block.includes("origin-secret-version="))?.split("\n") ?? [];
    const at = (what: string) => lines.findIndex((line) => line.includes(what));
    expect(at("get-distribution-config")).toBeGreaterThan(at("cdk deploy"));
    expect(at('[ "$SENT" = "$NEW" ]')).toBeGreaterThan(at("get-distribution-config"));
    expect(at("update-secret-version-stage")).toBeGreaterThan(at('[ "$SENT" = "$NEW" ]'));
    expect(at("npm ci")).toBeGreaterThan(-1);
    expect(at("chmod 755")).toBeGreaterThan(-1);
  });
});

describe("docs/deploying.md", () => {
  it("names what each stage's canary buys, which a shop has to have on sale", () => {
    const page = read("docs/deploying.md");
    const skus = Object.values(SHOPS).flatMap((shop: Shop) => shop.canary?.sku ?? []);
    expect(skus.length).toBeGreaterThan(0);
    expect(skus.filter((sku) => !page.includes(`\`${sku}\``))).toEqual([]);
  });
});

describe("pages that lead through the source", () => {
  const pages = ["docs/architecture.md", "docs/add-a-route.md", "docs/glossary.md", "CONTRIBUTING.md"];

  it.each(pages)("name files that there are: %s", (file) => {
    const named = [...read(file).matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path]) => path ?? "");
    // A path that begins in a folder of the repository; others are short for one that was named before.
    const ours = named.filter((path) => existsSync(join(ROOT, path.split("/")[0] ?? "")));
    expect(ours.length).toBeGreaterThan(2);
    expect(ours.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe("links between documents", () => {
  it.each([
    "docs/operations.md",
    "docs/deploying.md",
    "docs/checks.md",
    "docs/cost.md",
    "SECURITY.md",
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/add-a-route.md",
    "docs/glossary.md",
    "docs/decisions/0054-services-call-over-http.md",
    "docs/decisions/0055-atlas-without-fixed-addresses.md",
    "docs/decisions/0056-cost-and-capacity.md",
  ])("lead somewhere: %s", (file) => {
    const page = read(file);
    const lost = [...page.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]
      .map(([, link]) => link ?? "")
      .filter((link) => {
        const [path, heading] = link.split("#");
        const target = path === "" || path === undefined ? join(ROOT, file) : resolve(ROOT, dirname(file), path);
        return !existsSync(target) || (heading !== undefined && !anchors(readFileSync(target, "utf8")).has(heading));
      });
    expect(lost).toEqual([]);
  });
});
