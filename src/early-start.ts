/**
 * Starts the supervisor before the settings are read: its runtime comes up while the launcher still parses. Only where it is
 * certain to be wanted, and never before rights: what an unprivileged user may do is decided first (sudo-call.ts).
 */
import { StageError } from "./errors.ts";
import { c } from "./libc.ts";
import { type StartedSupervisor, startSupervisor } from "./supervisor-start.ts";

/** With one of these there may be no supervisor, or the launcher stays its parent. */
const DECIDE_LATER = ["WITHSSH_ENABLED=", "WITHSSH_INIT=", "RELEASE_COMMAND="];

/** True where these words and this environment (byte strings) ask for an app with SSH beside it, whatever else they say. */
export function isSshCertain(words: readonly string[], environment: readonly string[]): boolean {
  if (words[0] === undefined || words[0].startsWith("-")) return false;
  for (const entry of environment) for (const name of DECIDE_LATER) if (entry.startsWith(name)) return false;
  return true;
}

/** The supervisor, waiting for its request; undefined where it is not to be started yet, or could not be. */
export function startEarly(words: readonly string[], environment: readonly string[]): StartedSupervisor | undefined {
  if (c.geteuid() !== 0 || !isSshCertain(words, environment)) return undefined;
  try {
    return startSupervisor({ stay: false });
  } catch (error) {
    // The launcher tries again when it knows how to tell.
    if (error instanceof StageError) return undefined;
    throw error;
  }
}
