import { App } from "aws-cdk-lib";
import { build } from "../lib/app.ts";
import { addNag } from "../lib/nag.ts";

const app = new App();
build(app);
addNag(app);
app.synth();
