import { App } from "aws-cdk-lib";
import { build } from "../lib/app.ts";
import { sayWhatIsMadeUp } from "../lib/made-up.ts";
import { addNag } from "../lib/nag.ts";

const app = new App();
const { config, data } = build(app);
sayWhatIsMadeUp(data, config);
addNag(app);
app.synth();
