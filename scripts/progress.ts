/** One short line for each step, with the time it took. Goes to stderr, so that stdout stays free for results. */
import { ProcessOutput } from "zx";

/**
 * Runs `step`; tells its name, its time, and the short text that it returns, if any.
 * @throws what the step throws; for a program that failed, an Error with what it said
 */
export async function progress<T>(name: string, step: () => Promise<T>): Promise<T> {
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
    if (!(error instanceof ProcessOutput)) throw error;
    throw new Error(`${name} failed — saw:\n${error.stderr || error.stdout || `exit ${error.exitCode}`}`);
  }
}
