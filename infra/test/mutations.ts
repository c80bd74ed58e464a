/**
 * Shows that the tests see what they are there for: changes the infrastructure's code as a slip would, one change at a time in a
 * temporary copy, and runs the tests that should fail. `npm run mutations`, or `npm run mutations -- preflight` for those with this word in
 * what they are or where; a change that no test sees fails the run, as does one that cannot be made any more.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is changed is source text.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

interface Mutation {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Files of tests; the first failure ends the run. */
  readonly tests: readonly string[];
}

const MUTATIONS: readonly Mutation[] = [
  {
    what: "routes lose their authorizer",
    file: "lib/service.ts",
    from: "authorizer: isChecked ? token : none,",
    to: "authorizer: none,",
    tests: ["routes", "service"],
  },
  {
    what: "a public route inherits scopes",
    file: "lib/service.ts",
    from: "...(isChecked ? { authorizationScopes: [...operation.scopes] } : {}),",
    to: 'authorizationScopes: isChecked ? [...operation.scopes] : ["profile"],',
    tests: ["routes", "service"],
  },
  {
    what: "a browser's preflight has no route of its own",
    file: "lib/service.ts",
    from: '    open("preflight", PREFLIGHT, "A browser asks by OPTIONS without a token whether it may send one");\n',
    to: "",
    tests: ["routes"],
  },
  {
    what: "a preflight needs a token, which no browser sends with it",
    file: "lib/service.ts",
    from: "routeKey, integration, authorizer: none });",
    to: 'routeKey, integration, authorizer: kind === "preflight" ? token : none });',
    tests: ["routes"],
  },
  {
    what: "preflights are let through like what nobody knows",
    file: "lib/routes.ts",
    from: "    preflight: 400,",
    to: "    preflight: 20,",
    tests: ["routes"],
  },
  {
    what: "the gateway calls the bare function, not the alias",
    file: "lib/service.ts",
    from: 'new HttpLambdaIntegration("Http", http, {',
    to: 'new HttpLambdaIntegration("Http", http.lambda, {',
    tests: ["routes", "service"],
  },
  {
    what: "the queue wakes the bare function, not the alias",
    file: "lib/service.ts",
    from: "target: alias,",
    to: "target: alias.lambda,",
    tests: ["service", "quotas"],
  },
  {
    what: "failed messages of a batch are taken for done",
    file: "lib/service.ts",
    from: "reportBatchItemFailures: true,",
    to: "reportBatchItemFailures: false,",
    tests: ["service", "events"],
  },
  {
    what: "an alarm does not take a deployment back",
    file: "lib/service.ts",
    from: "alarms: [...this.alarms.rollBack],",
    to: "alarms: this.alarms.rollBack.slice(1),",
    tests: ["alarms"],
  },
  {
    what: "the share of failures is above what a tenth of the traffic can make of it",
    file: "lib/alarms.ts",
    from: "      threshold: 5,\n      // Two minutes",
    to: "      threshold: 20,\n      // Two minutes",
    tests: ["alarms"],
  },
  {
    what: "the share of failures takes no deployment back",
    file: "lib/alarms.ts",
    from: '"http-server-errors", "http-error-share", "http-latency"',
    to: '"http-server-errors", "http-latency"',
    tests: ["alarms"],
  },
  {
    what: "an alarm is deleted: the missing sweep",
    file: "lib/alarms.ts",
    from: "    if (!sweep) {\n      return;",
    to: "    if (sweep || !sweep) {\n      return;",
    tests: ["alarms"],
  },
  {
    what: "an alarm looks at a series that does not exist",
    file: "lib/alarms.ts",
    from: 'of === "alias" && watched.alias ? { Resource: `${functionName}:${watched.alias}` } : {};',
    to: 'of === "alias" && watched.alias ? { Resource: functionName } : {};',
    tests: ["alarms"],
  },
  {
    what: "composite alarms are not silent while deploying",
    file: "lib/watch.ts",
    from: "        actionsSuppressor: deploying,\n        // Until the suppressor has seen the pipeline's first figure, and after its last one.\n        actionsSuppressorWaitPeriod: Duration.minutes(2),\n        actionsSuppressorExtensionPeriod: Duration.minutes(3),\n",
    to: "",
    tests: ["alarms"],
  },
  {
    what: "the watch may come before the services whose alarms it names",
    file: "lib/app.ts",
    from: "    watch.addStackDependency(services[service]);\n",
    to: "    void service;\n",
    tests: ["config"],
  },
  {
    what: "a canary that does not run is well",
    file: "lib/canary.ts",
    from: "missing: cloudwatch.TreatMissingData.BREACHING,",
    to: "missing: cloudwatch.TreatMissingData.NOT_BREACHING,",
    tests: ["alarms"],
  },
  {
    what: "a queue loses its dead letters",
    file: "lib/events.ts",
    from: "      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.receives },\n",
    to: "",
    tests: ["alarms", "events"],
  },
  {
    what: "a message comes again while it is worked on",
    file: "lib/events.ts",
    from: "export const VISIBILITY_TIMES = 6;",
    to: "export const VISIBILITY_TIMES = 1;",
    tests: ["quotas"],
  },
  {
    what: "a queue takes what travels in clear",
    file: "lib/events.ts",
    from: "      enforceSSL: true,\n      visibilityTimeout",
    to: "      enforceSSL: false,\n      visibilityTimeout",
    tests: ["permissions"],
  },
  {
    what: "what holds data goes with its stack in prod",
    file: "lib/config.ts",
    from: "removal: isProd ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,",
    to: "removal: RemovalPolicy.DESTROY,",
    tests: ["pinned"],
  },
  {
    what: "what a failed creation left is in the way of the next",
    file: "lib/config.ts",
    from: "isProd ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE",
    to: "isProd ? RemovalPolicy.RETAIN",
    tests: ["config"],
  },
  {
    what: "messages that wait go with their queue",
    file: "lib/events.ts",
    from: "receives },\n      // Its messages were accepted and must not be lost, as those among its dead letters.\n      removalPolicy: config.removal,\n",
    to: "receives },\n",
    tests: ["pinned"],
  },
  {
    what: "the table is renamed in the code, and made anew",
    file: "lib/data.ts",
    from: 'new Table(this, "Notifications", {',
    to: 'new Table(this, "NotificationTable", {',
    tests: ["pinned"],
  },
  {
    what: "bounces reach no one: the topic of SES has no subscription",
    file: "lib/app.ts",
    from: "  data.mail?.bringTo(teller, edge.url, teller.service);\n",
    to: "",
    tests: ["data"],
  },
  {
    what: "bounces reach no one: the subscription asks before anybody answers",
    file: "lib/mail.ts",
    from: "    subscription.node.addDependency(once);\n",
    to: "",
    tests: ["data"],
  },
  {
    what: "bounces reach no one: mails go out without the configuration set",
    file: "lib/settings.ts",
    from: "    ses.SES_CONFIGURATION_SET = data.mail.configurationSetName;\n",
    to: "",
    tests: ["data"],
  },
  {
    what: "bounces reach no one: SES may not use the key of its topic",
    file: "lib/mail.ts",
    from: '[new ServicePrincipal("ses.amazonaws.com")]',
    to: '[new ServicePrincipal("budgets.amazonaws.com")]',
    tests: ["data"],
  },
  {
    what: "any account's distribution may read the bucket",
    file: "lib/data.ts",
    from: '          StringEquals: { "aws:SourceAccount": this.account },\n          ArnLike: { "aws:SourceArn": distributions },\n',
    to: "",
    tests: ["permissions"],
  },
  {
    what: "the distribution may read uploads",
    file: "lib/data.ts",
    from: 'bucket.arnForObjects("products/*"), bucket.arnForObjects("issuer/*")',
    to: 'bucket.arnForObjects("*")',
    tests: ["permissions"],
  },
  {
    what: "a grant is widened to the whole bucket",
    file: "lib/access.ts",
    from: "      return `arn:${partition}:s3:::${bucket}/${prefix}/*`;",
    to: "      return `arn:${partition}:s3:::${bucket}/*`;",
    tests: ["permissions"],
  },
  {
    what: "a grant is added: product-service may empty its queue",
    file: "lib/access.ts",
    from: '["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]',
    to: '["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:PurgeQueue"]',
    tests: ["permissions"],
  },
  {
    what: "two roles are swapped: http has the queue's rights, and the queue http's",
    file: "lib/function.ts",
    from: "of accessOf(this, service, trigger, settings, around)",
    to: 'of accessOf(this, service, trigger === "http" ? "queue" : trigger === "queue" ? "http" : trigger, settings, around)',
    tests: ["permissions"],
  },
  {
    what: "GitHub's numbers are cut from the subject that the role trusts",
    file: "lib/github.ts",
    from: "`repo:${repository}:environment:${config.stage}`",
    to: '`repo:${repository.replaceAll(/@[0-9]+/g, "")}:environment:${config.stage}`',
    tests: ["github"],
  },
  {
    what: "a repository with its numbers is refused",
    file: "lib/config.ts",
    from: "^([\\w.-]+@\\d+\\/[\\w.-]+@\\d+|",
    to: "^(",
    tests: ["github"],
  },
  {
    what: "orders are cached for all",
    file: "lib/edge.ts",
    from: '= ["/products", "/categories"];',
    to: '= ["/products", "/categories", "/orders"];',
    tests: ["edge"],
  },
  {
    what: "the door does not prove itself",
    file: "lib/edge.ts",
    from: '"x-origin-secret";',
    to: '"x-origin-secrets";',
    tests: ["edge"],
  },
  {
    what: "the cart that a checkout reads counts as one shopper's request",
    file: "lib/firewall.ts",
    from: "[0-9a-f-]{36}(/clear)?$",
    to: "[0-9a-f-]{36}/clear$",
    tests: ["edge"],
  },
  {
    what: "a shopper's own cart is not counted",
    file: "lib/firewall.ts",
    from: "[0-9a-f-]{36}(/clear)?$",
    to: "[0-9a-z-]+(/clear)?$",
    tests: ["edge"],
  },
  {
    what: "a failure is given to others for ten seconds",
    file: "lib/edge.ts",
    from: "      errorResponses: NOT_KEPT.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),\n",
    to: "",
    tests: ["edge"],
  },
  {
    what: "a managed rule group is misspelt",
    file: "lib/firewall.ts",
    from: '  "AWSManagedRulesCommonRuleSet",\n',
    to: '  "AWSManagedRulesCommonRulesSet",\n',
    tests: ["edge"],
  },
  {
    what: "a frontend cannot read that it asks too often",
    file: "lib/firewall.ts",
    from: '[{ name: "retry-after", value: "300" }, ...READABLE]',
    to: '[{ name: "retry-after", value: "300" }]',
    tests: ["edge"],
  },
  {
    what: "a finding of cdk-nag is answered without a finding",
    file: "lib/trial.ts",
    from: '"Serverless-LambdaDLQ"',
    to: '"Serverless-LambdaDLX"',
    tests: ["nag"],
  },
  {
    what: "the trial of a version crashes without an answer",
    file: "canary/trial.js",
    from: "    await answer(event, status);",
    to: '    if (status === "Succeeded") await answer(event, status);',
    tests: ["trial"],
  },
  {
    what: "the trial of a version does not wait for a database that wakes",
    file: "canary/trial.js",
    from: "const WAIT_MS = 40_000;",
    to: "const WAIT_MS = 0;",
    tests: ["trial"],
  },
  {
    what: "the trial of a version asks others at once",
    file: "canary/trial.js",
    from: "      await isReady(owner, send);\n",
    to: "",
    tests: ["trial"],
  },
  {
    what: "the trial of a version may run out of time, and send no answer",
    file: "lib/trial.ts",
    from: "timeout: Duration.minutes(5),",
    to: "timeout: Duration.minutes(2),",
    tests: ["trial"],
  },
  {
    what: "the canary leaves its order behind when a step fails",
    file: "canary/purchase.js",
    from: "    await cancel(ask, token, order.id).catch(() => {});\n",
    to: "",
    tests: ["canary"],
  },
];

const INFRA = resolve(import.meta.dirname, "..");
const REPOSITORY = resolve(INFRA, "..");
const LINKED = new Set(["node_modules"]);
const LEFT_OUT = new Set(["cdk.out", "coverage"]);

/** The repository as links, with a copy of infra/ in it: what is changed here changes nothing there. */
function copy(): string {
  const root = mkdtempSync(join(tmpdir(), "bodega-mutations-"));
  for (const name of readdirSync(REPOSITORY)) {
    if (name !== "infra" && name !== ".git" && name !== "target") {
      symlinkSync(join(REPOSITORY, name), join(root, name));
    }
  }
  const infra = join(root, "infra");
  mkdirSync(infra);
  for (const name of readdirSync(INFRA)) {
    if (LINKED.has(name)) {
      symlinkSync(join(INFRA, name), join(infra, name));
    } else if (!LEFT_OUT.has(name)) {
      cpSync(join(INFRA, name), join(infra, name), { recursive: true });
    }
  }
  return root;
}

interface Report {
  readonly testResults: readonly {
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** The first test that fails, or why none ran; undefined where all pass. */
function firstFailure(root: string, tests: readonly string[]): string | undefined {
  const output = join(root, "report.json");
  rmSync(output, { force: true });
  const run = spawnSync(
    process.execPath,
    [
      join(INFRA, "node_modules/vitest/vitest.mjs"),
      "run",
      "--bail=1",
      "--reporter=json",
      `--outputFile=${output}`,
      ...tests.map((test) => `test/${test}.test.ts`),
    ],
    { cwd: join(root, "infra"), encoding: "utf8", env: { ...process.env, UPDATE: "" } },
  );
  if (run.status === 0) {
    return undefined;
  }
  const { testResults } = JSON.parse(readFileSync(output, "utf8")) as Report;
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === "failed");
  // Where a template cannot even be made, the first two lines say why.
  const early = testResults
    .map(({ message }) => message?.trim().split("\n").slice(0, 2).join(" "))
    .find((line) => line);
  return failed?.fullName ?? early ?? "the tests did not run";
}

function apply(root: string, { file, from, to, what }: Mutation): () => void {
  const path = join(root, "infra", file);
  const before = readFileSync(path, "utf8");
  const found = before.split(from).length - 1;
  if (found !== 1) {
    throw new Error(
      `${what}: ${file} has what is to be changed ${found} times, and not once: mend the list in test/mutations.ts`,
    );
  }
  writeFileSync(
    path,
    before.replace(from, () => to),
  );
  return () => {
    writeFileSync(path, before);
  };
}

function main(): number {
  const root = copy();
  try {
    // All of them can be made, before the first one takes its time.
    for (const mutation of MUTATIONS) {
      apply(root, mutation)();
    }
    const [word = ""] = process.argv.slice(2);
    const chosen = MUTATIONS.filter(({ what, file }) => `${what} ${file}`.includes(word));
    if (chosen.length === 0) {
      console.error(`no change has ${JSON.stringify(word)} in it`);
      return 1;
    }
    const used = [...new Set(chosen.flatMap(({ tests }) => tests))];
    const broken = firstFailure(root, used);
    if (broken !== undefined) {
      console.error(`without any change a test fails already: ${broken}`);
      return 1;
    }
    console.log(`unchanged: all tests of ${used.join(", ")} pass\n`);
    console.log("| change | where | caught by |\n| --- | --- | --- |");
    let unseen = 0;
    for (const mutation of chosen) {
      const undo = apply(root, mutation);
      const failure = firstFailure(root, mutation.tests);
      undo();
      if (failure === undefined) {
        unseen += 1;
      }
      console.log(`| ${mutation.what} | ${mutation.file} | ${failure ?? "**nothing**"} |`);
    }
    console.log(`\n${chosen.length} changes, ${chosen.length - unseen} caught, ${unseen} not`);
    return unseen === 0 ? 0 : 1;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

process.exitCode = main();
