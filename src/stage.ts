/**
 * What a stage is: a name and its work, told with the time it took. A system call that fails in a stage fails that stage
 * in words and never ends us: SSH is down, the app runs. Knows no feature.
 */
import { isOsError, type OsError, type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";

export type Stage = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

/** Runs stages one after the other; each is told at debug level, the one that failed too. They throw `StageError`. */
export function createStages(host: Host): Stage {
  return async (name, run) => {
    const began = performance.now();
    try {
      return await run();
    } catch (error) {
      throw isOsError(error) ? new StageError(name, describeOsError(error), { cause: error }) : error;
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

const READ_ONLY = "under a read-only root it needs a tmpfs: docker run --tmpfs /run";
const FULL = "make room: the disk, its inodes or the quota are used up";
const FILES = "allow more open files: docker run --ulimit nofile=1024:1048576";
const HINTS: Readonly<Record<string, string>> = { EMFILE: FILES, EROFS: READ_ONLY, ENOSPC: FULL, EDQUOT: FULL };

/** A failed system call in words, with what to do where its errno says that. */
export function describeOsError({ code, syscall, operation, path }: OsError): Problem {
  const hint = HINTS[code];
  const saw = `${path ?? syscall}: ${code}`;
  return { what: `could not ${operation}`, saw, ...(hint === undefined ? {} : { hint }) };
}
