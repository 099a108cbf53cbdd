import { defineConfig } from "vitest/config";
import { couldNotRun } from "./test/support/could-not-run.ts";

/** `npm run test:clients`: programs of other people, installed from Debian. Not part of `npm cit`, which stays quick. */
export default defineConfig({
  test: {
    name: "clients",
    include: ["test/clients/**/*.test.ts"],
    globalSetup: "test/support/integration-setup.ts",
    retry: 0,
    reporters: ["default", couldNotRun],
    testTimeout: 60_000,
    // The first run installs some hundred megabytes.
    hookTimeout: 900_000,
    fileParallelism: false,
    // Ansible and emacs are many processes each.
    maxConcurrency: 2,
  },
});
