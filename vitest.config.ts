import { defineConfig } from "vitest/config";
import { couldNotRun } from "./test/support/could-not-run.ts";

/** Tests run in the runtime that ships (`bun --bun vitest run`). A test that needs a second try is a broken test. */
export default defineConfig({
  test: {
    retry: 0,
    reporters: ["default", ["json", { outputFile: "dist/test-results.json" }], couldNotRun],
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts", "test/*.test.ts"] } },
      // The few files that are the kernel's word for word: a temporary directory, pipes, processes; no container.
      { test: { name: "kernel", include: ["test/kernel/**/*.test.ts"] } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          globalSetup: "test/support/integration-setup.ts",
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // Tests hold restarts and start-ups to times: one container boots at a time.
          fileParallelism: false,
        },
      },
    ],
  },
});
