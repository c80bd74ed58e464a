import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // CDK checks each template against CloudFormation's schemas whenever it synthesizes: two seconds a stack. `cdk synth` does it once.
    env: { CDK_VALIDATION: "false" },
    // The library takes seconds to load, and a shop to synthesize: files share both.
    isolate: false,
    maxWorkers: 2,
    // One App is synthesized in each file; on two cores that takes a while.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
