import { defineConfig } from "vitest/config";
import { recordMessages } from "./test/messages/recording.ts";
import { couldNotRun } from "./test/support/could-not-run.ts";

/** What these tests make of messages is noted, for docs/messages.md. */
const plugins = [recordMessages()];
const setupFiles = ["test/messages/recorder.ts"];

/** Tests that boot real containers, and where they are. */
const inContainers = (name: "integration" | "alone") => ({
  name,
  include: [`test/${name}/**/*.test.ts`],
  globalSetup: "test/support/integration-setup.ts",
  testTimeout: 60_000,
  hookTimeout: 120_000,
});

/** Tests run in the runtime that ships (`bun --bun vitest run`). A test that needs a second try is a broken test. */
export default defineConfig({
  test: {
    retry: 0,
    reporters: ["default", ["json", { outputFile: "dist/test-results.json" }], couldNotRun],
    projects: [
      { plugins, test: { name: "unit", include: ["test/unit/**/*.test.ts", "test/*.test.ts"], setupFiles } },
      // The few files that are the kernel's word for word: a temporary directory, pipes, processes; no container.
      { plugins, test: { name: "kernel", include: ["test/kernel/**/*.test.ts"], setupFiles } },
      // After those two: what they have made is held against the code (test/messages/records.ts).
      { test: { name: "messages", include: ["test/messages/**/*.test.ts"], sequence: { groupOrder: 1 } } },
      { test: { ...inContainers("integration"), maxWorkers: 2, sequence: { groupOrder: 2 } } },
      // These hold restarts and start-ups to times, use what a machine has once, or take all of it.
      { test: { ...inContainers("alone"), fileParallelism: false, sequence: { groupOrder: 3 } } },
    ],
  },
});
