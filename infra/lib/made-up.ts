/** The shop of this repository is made up: its alarms reach no operator, and its frontends are nowhere. */
import { Annotations } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Config } from "./config.ts";
import { isFilledIn } from "./shop.ts";

/** A prod with made-up addresses is not written, unless only its templates are looked at (`-c made-up-addresses=allowed`). */
export function sayWhatIsMadeUp(scope: Construct, config: Config): void {
  if (isFilledIn(config.shop)) {
    return;
  }
  const what = `lib/shop.ts still has made-up addresses for ${config.stage}: no shop and no operator is there`;
  if (config.isProd && !config.allowsMadeUp) {
    Annotations.of(scope).addError(what);
  } else {
    Annotations.of(scope).addWarningV2("bodega:made-up-addresses", what);
  }
}
