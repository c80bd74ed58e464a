import { Annotations, App } from "aws-cdk-lib";
import { build } from "../lib/app.ts";
import { addNag } from "../lib/nag.ts";
import { isFilledIn } from "../lib/shop.ts";

const app = new App();
const { config, data } = build(app);
if (!isFilledIn(config.shop)) {
  const what = `lib/shop.ts still has made-up addresses for ${config.stage}: no shop and no operator is there`;
  Annotations.of(data).addWarningV2("bodega:made-up-addresses", what);
}
addNag(app);
app.synth();
