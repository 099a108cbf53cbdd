/**
 * The start that most images make: as root, without a sudo, a command, and no setting of ours but the keys. There is
 * nothing to read that the launcher must wait for, so it loads no settings table: the supervisor, then the app.
 */
import { isAscii } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import { becomeCommand, restoreInherited } from "./exec.ts";
import { c } from "./libc.ts";
import { readGroups } from "./process-facts.ts";
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

/** Hands the supervisor what it works by. False where it has ended: another start can tell why. */
export function handOverPlainly(supervisor: StartedSupervisor, environment: readonly string[]): boolean {
  const ids = { appPid: c.getpid(), appUid: c.geteuid(), appGid: c.getegid(), appGroups: readGroups() };
  try {
    supervisor.send({ mode: "root", ...ids, hasCommand: true, wantsReply: false, environment, imageSettings: [] });
    return true;
  } catch (error) {
    if (error instanceof StageError) return false;
    throw error;
  }
}

/** Becomes the app beside this supervisor. Throws `CommandError` where there is no such command. */
export function becomePlainly(
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
  supervisor: StartedSupervisor,
): never {
  supervisor.settle();
  restoreInherited(descriptors, undefined);
  return becomeCommand(command, environment);
}
