import { App } from "aws-cdk-lib";
import { configure, named } from "../lib/config.ts";
import { GitHubStack } from "../lib/github.ts";

const app = new App();
const config = configure(app.node);
const provider: unknown = app.node.tryGetContext("provider");
new GitHubStack(app, named(config, "github"), {
  env: { region: config.region, account: config.account },
  description: `Bodega, ${config.stage}: who deploys from GitHub`,
  stage: config.stage,
  repository: String(app.node.tryGetContext("repository") ?? ""),
  ...(typeof provider === "string" ? { provider } : {}),
});
app.synth();
