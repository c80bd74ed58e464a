import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/temporary.ts"],
    // CDK checks each template against CloudFormation's schemas whenever it synthesizes: two seconds a stack. `cdk synth` does it once.
    env: { CDK_VALIDATION: "false" },
    // The library takes seconds to load, and a shop to synthesize: files share both.
    isolate: false,
    maxWorkers: 2,
    // Nothing here waits for anything: a limit only has to end what hangs, also where compilers have the processors.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
