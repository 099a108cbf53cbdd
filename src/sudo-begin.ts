/**
 * Begins the launcher's one sudo call: before anything else is loaded, so that sudo and the root side come up while the settings
 * are parsed. What comes of it is in sudo-call.ts.
 */
import type { Problem } from "./errors.ts";
import { HELPER_ENVIRONMENT } from "./helper-environment.ts";
import { c, ptr } from "./libc.ts";
import { findOwnPath } from "./own-executable.ts";
import { spawn } from "./processes.ts";
import { SUDO_ROLE } from "./roles.ts";
import { expectChildSignal } from "./signals.ts";
import { type Asked, askSudo, OPERATION } from "./sudo-ask.ts";
import { findSudo } from "./sudo-binary.ts";
import { openPipe } from "./supervisor-start.ts";

const NOTHING = { path: "/dev/null", write: true } as const;
const F_GETFD = 1;
const SIGCHLD = 17;
const SIG_IGN = 1n;

/** A call that waits for its request on a pipe, so that sudo and the runtime behind it come up while the settings are parsed. */
export interface BegunCall {
  readonly sudo: string;
  readonly executable: string;
  readonly pid: number;
  /** Our ends. */
  readonly callEnd: number;
  readonly replyEnd: number;
  readonly listing: Asked;
  /** All that it has opened. */
  readonly opened: readonly number[];
  /** Puts back how SIGCHLD came, and that none was pending. */
  readonly restore: () => void;
}

/** Sudo gives this user nothing that we could use; `isNews`: it was there, so people expect to hear why. */
export interface SudoUnavailable {
  readonly kind: "unavailable";
  readonly problem: Problem;
  readonly isNews: boolean;
}

/** The call, or why there can be none. */
export type BegunSudo = BegunCall | SudoUnavailable;

/**
 * Begins the call, which every start makes where there is a sudo. Without a request the root side claims the start and ends: so
 * whoever gives up before it just ends too. Throws `OsError`.
 */
export function beginCall(): BegunSudo {
  const found = findSudo();
  if (!("path" in found)) return { kind: "unavailable", problem: found.problem, isNews: !found.isAbsent };
  const sudo = found.path;
  const discardOurs = expectChildSignal();
  const inherited = stopIgnoringChildren();
  const restore = () => {
    c.sigaction(SIGCHLD, ptr(inherited), null);
    discardOurs();
  };
  const executable = findOwnPath();
  const [stdin, callEnd] = openPipe();
  const [replyEnd, writeEnd] = openPipe();
  const stderr = c.fcntl(2, F_GETFD, 0) === 0 ? 2 : NOTHING;
  const pid = spawn(OPERATION, {
    argv: [sudo, "-n", executable, SUDO_ROLE],
    environment: HELPER_ENVIRONMENT,
    descriptors: [stdin, writeEnd, stderr],
    // With a controlling terminal and use_pty the log would die with sudo.
    detach: "session",
  });
  c.close(writeEnd);
  c.close(stdin);
  // With our very ids and groups: a --group-add is in no database, and root cannot see what it gives.
  const listing = askSudo([sudo, "-n", "-l"]);
  const opened = [callEnd, replyEnd, listing.stdout, listing.stderr];
  return { sudo, executable, pid, callEnd, replyEnd, listing, opened, restore };
}

/** Where SIGCHLD came ignored nobody could tell how sudo ended (wait(2), ECHILD). Gives what it was, to be put back. */
function stopIgnoringChildren(): Uint8Array {
  const before = new Uint8Array(256);
  c.sigaction(SIGCHLD, null, ptr(before));
  const isIgnored = new DataView(before.buffer).getBigUint64(0, true) === SIG_IGN;
  if (isIgnored) c.sigaction(SIGCHLD, ptr(new Uint8Array(256)), null);
  return before;
}
