/**
 * The start that most images make: as root, without a sudo, a command, and no setting of ours but the keys. There is
 * nothing to read that the launcher must wait for, so it loads no settings table: the supervisor, then the app.
 */
import { isAscii } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import { becomeCommand, restoreInherited } from "./exec.ts";
import { c } from "./libc.ts";
import { readGroups } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { hasSudo } from "./sudo-paths.ts";
import type { StartedSupervisor } from "./supervisor-start.ts";

const KEYS = "AUTHORIZED_KEYS=";
/** Names that may ask something of the launcher, or be wrong (settings.ts); no secret setting begins otherwise. */
const OURS = ["WITHSSH_", "AUTHORIZED_KEYS_", "RELEASE_COMMAND="];

/** True where this environment (byte strings) holds no setting that is not its default to the launcher, and no warning. */
export function saysNothing(environment: readonly string[]): boolean {
  for (const entry of environment) {
    for (const name of OURS) if (entry.startsWith(name)) return false;
    if (entry.startsWith(KEYS) && !isAscii(entry)) return false;
  }
  return true;
}

/** What the supervisor works by in a plain start; undefined where this is none. */
export function renderPlainRequest(environment: readonly string[]): Request | undefined {
  if (!saysNothing(environment) || hasSudo()) return undefined;
  const ids = { appPid: c.getpid(), appUid: c.geteuid(), appGid: c.getegid(), appGroups: readGroups() };
  return { mode: "root", ...ids, hasCommand: true, wantsReply: false, environment, imageSettings: [] };
}

/** False where there is no supervisor after all: another start can tell why. */
export function isSettled(supervisor: StartedSupervisor | undefined): boolean {
  try {
    supervisor?.settle();
    return true;
  } catch (error) {
    if (error instanceof StageError) return false;
    throw error;
  }
}

/** Becomes the app. Throws `CommandError` where there is no such command. */
export function becomePlainly(
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
): never {
  restoreInherited(descriptors, undefined);
  return becomeCommand(command, environment);
}
