/** No test is skipped in silence: after the summary, each that could not run, by name, and why. */
import type { Reporter, TestModule } from "vitest/node";

/** Tests that somebody left out by `-t` are no news to them. */
let isSelection = false;

export const couldNotRun: Reporter = {
  onInit(vitest) {
    isSelection = vitest.config.testNamePattern !== undefined;
  },
  onTestRunEnd(modules) {
    if (!isSelection) for (const line of modules.flatMap(skippedLines)) console.error(line);
  },
};

function skippedLines(module: TestModule): string[] {
  return [...module.children.allTests("skipped")].map((skipped) => {
    const result = skipped.result();
    const why = result.state === "skipped" && result.note !== undefined ? ` — saw ${result.note}` : "";
    return `could not run: ${module.relativeModuleId} > ${skipped.fullName}${why}`;
  });
}
