/**
 * Starts the supervisor before the settings are read: it comes up while the launcher still parses. Only where it is certain to
 * be wanted, and never before rights: what an unprivileged user may do is decided first (sudo-call.ts).
 */
import { isOsError, StageError } from "./errors.ts";
import { c } from "./libc.ts";
import { isPlainStart, leaveSupervisor, renderPlainRequest } from "./plain-start.ts";
import type { OpenDescriptor } from "./process-facts.ts";
import { STEERING } from "./steering.ts";
import { type Forked, forkSupervisor } from "./supervisor-fork.ts";
import { type StartedSupervisor, startSupervisor } from "./supervisor-start.ts";

/** With one of these there may be no supervisor, or the launcher stays its parent. */
const DECIDE_LATER = ["WITHSSH_ENABLED=", "WITHSSH_INIT=", "RELEASE_COMMAND="];

/** What a fetch goes by more than by these. */
const FETCHING = "AUTHORIZED_KEYS_URL";
/** What images of Node set by themselves says nothing to our runtime. */
const NO_STEERING = ["NODE_ENV=", "NODE_VERSION="];

/** What there is of a supervisor, in the launcher; or that this is the supervisor now. */
export type EarlyStart =
  | Extract<Forked, { role: "supervisor" }>
  | {
      readonly role: "launcher";
      /** Undefined: it is not to be started yet, or could not be. */
      readonly supervisor: StartedSupervisor | undefined;
      /** It has its request: there is nothing to parse. */
      readonly isPlain: boolean;
    };

const NOT_YET: EarlyStart = { role: "launcher", supervisor: undefined, isPlain: false };

/** True where these words and this environment (byte strings) ask for an app with SSH beside it, whatever else they say. */
export function isSshCertain(words: readonly string[], environment: readonly string[]): boolean {
  return words[0] !== undefined && !words[0].startsWith("-") && !hasOneOf(DECIDE_LATER, environment);
}

/**
 * True where this environment (byte strings) may steer a runtime that has started in it. A fork has, where a supervisor that is
 * executed starts in an empty one: then it must be.
 */
export function isSteering(environment: readonly string[]): boolean {
  for (const entry of environment) {
    if (entry.startsWith(FETCHING) || (beginsWith(STEERING, entry) && !beginsWith(NO_STEERING, entry))) return true;
  }
  return false;
}

/**
 * Starts it, for this command in this environment (byte strings), with these descriptors open. Where it forks, two
 * processes come back; in a plain start the supervisor alone, and the launcher is the app.
 */
export function startEarly(
  words: readonly string[],
  environment: readonly string[],
  open: readonly OpenDescriptor[],
): EarlyStart {
  if (c.geteuid() !== 0 || !isSshCertain(words, environment)) return NOT_YET;
  const isPlain = isPlainStart(environment);
  const mayFork = !isSteering(environment);
  const left = isPlain && mayFork ? leaveSupervisor(words, environment, open) : undefined;
  if (left !== undefined) return { role: "supervisor", fork: left };
  const request = isPlain ? renderPlainRequest(environment, c.getpid()) : undefined;
  try {
    const forked = mayFork ? forkSupervisor(request) : undefined;
    if (forked?.role === "supervisor") return forked;
    const supervisor = forked?.supervisor ?? startSupervisor({ stay: false });
    if (request !== undefined && forked === undefined) supervisor.send(request);
    return { role: "launcher", supervisor, isPlain };
  } catch (error) {
    // The launcher tries again when it knows how to tell.
    if (error instanceof StageError || isOsError(error)) return NOT_YET;
    throw error;
  }
}

function hasOneOf(names: readonly string[], environment: readonly string[]): boolean {
  for (const entry of environment) if (beginsWith(names, entry)) return true;
  return false;
}

function beginsWith(names: readonly string[], entry: string): boolean {
  for (const name of names) if (entry.startsWith(name)) return true;
  return false;
}
