/** One short line for each step, with the time it took. Goes to stderr, so that stdout stays free for results. */
import { ProcessOutput } from "zx";

/** The end of what a program said, where a step fails: a build says hundreds of lines, and the cause is in the last. */
const LAST_LINES = 20;

/**
 * Runs `step`; tells its name, its time, and the short text that it returns, if any.
 * @param hint what to do when it fails, where the failure itself does not say so
 * @throws what the step throws, with the hint; for a program that failed, an Error with the end of what it said
 */
export async function progress<T>(name: string, step: () => Promise<T>, hint?: string): Promise<T> {
  const startMs = performance.now();
  const tell = (note: string) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${name}${note}\n`);
  };
  try {
    const result = await step();
    tell(typeof result === "string" ? `: ${result}` : "");
    return result;
  } catch (error) {
    tell(": failed");
    const todo = hint === undefined ? "" : `\nhint: ${hint}`;
    if (!(error instanceof ProcessOutput)) {
      if (error instanceof Error && !error.message.includes("hint:")) error.message += todo;
      throw error;
    }
    const said = error.stderr.trim() || error.stdout.trim() || `exit ${error.exitCode}`;
    const end = said.split("\n").slice(-LAST_LINES).join("\n");
    throw new Error(`${name} failed — saw:\n${end}${todo}`);
  }
}
