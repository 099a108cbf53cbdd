/**
 * What a stage is: a name and its work, told with the time it took. Knows no feature.
 */
import { type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";

export type Stage = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

/** Runs stages one after the other; each is told at debug level, the one that failed too. */
export function createStages(host: Host): Stage {
  return async (name, run) => {
    const began = performance.now();
    try {
      return await run();
    } finally {
      host.emit({ type: "stage", stage: name, ms: Math.round((performance.now() - began) * 100) / 100 });
    }
  };
}

/** The value, or a `StageError` where a feature gave a problem instead. */
export function orThrow<T extends object>(value: T | { readonly problem: Problem }, stage: string): T {
  if ("problem" in value && value.problem !== undefined) throw new StageError(stage, value.problem);
  return value as T;
}
