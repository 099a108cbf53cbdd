/**
 * The start that most images make: as root, without a sudo, a command, and no setting of ours but the keys. There is
 * nothing to read that the launcher must wait for, so it loads no settings table: the supervisor, then the app.
 */
import { isAscii } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import { becomeCommand, renderCandidates, restoreInherited, withholdInherited } from "./exec.ts";
import { handOver } from "./hand-over.ts";
import { c, SYS } from "./libc.ts";
import type { Mode } from "./privilege.ts";
import { inheritedOf, type OpenDescriptor, readGroups } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { AGAIN_ROLE } from "./roles.ts";
import { hasSudo } from "./sudo-paths.ts";
import { type Fork, openAppPidfd } from "./supervisor-fork.ts";
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

/** True where there is nothing to read: for a command, as root. */
export const isPlainStart = (environment: readonly string[]): boolean => saysNothing(environment) && !hasSudo();

/** What the supervisor works by in a plain start, whose app is or will be this process. */
export function renderPlainRequest(environment: readonly string[], appPid: number, mode: Mode = "root"): Request {
  const ids = { appPid, appUid: c.geteuid(), appGid: c.getegid(), appGroups: readGroups() };
  return { mode, ...ids, hasCommand: true, wantsReply: false, environment, imageSettings: [] };
}

/**
 * Becomes the app at once; gives, in the supervisor alone, what that goes on with in our memory (hand-over.ts). Undefined, and
 * still the launcher, where that is not to be had, or where neither we nor our parent are PID 1: a parent that is no init
 * would have a child that it has not made.
 */
export function leaveSupervisor(
  command: readonly string[],
  environment: readonly string[],
  open: readonly OpenDescriptor[],
): Fork | undefined {
  const appPid = c.getpid();
  const isFirst = appPid === 1;
  const appPidfd = isFirst || c.getppid() === 1 ? openAppPidfd() : undefined;
  if (appPidfd === undefined) return undefined;
  const inherited = inheritedOf(open);
  restoreInherited(inherited, undefined);
  const paths = renderCandidates(command[0] ?? "", environment);
  const otherwise = ["withssh", AGAIN_ROLE, ...command];
  if (!handOver({ paths, argv: command, environment, otherwise }, !isFirst)) {
    c.close(appPidfd);
    // Who goes on is the launcher, and starts a supervisor that holds nothing of the app's.
    withholdInherited(inherited);
    return undefined;
  }
  c.syscall(SYS.setsid, 0, 0, 0, 0, 0);
  return { request: renderPlainRequest(environment, appPid), pipes: undefined, appPidfd, open, isShared: false };
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
