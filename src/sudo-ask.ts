/**
 * Asks the image's sudo something from the launcher and hears it to its end: what it said, and how it ended. Waits for
 * nothing beyond a deadline; a sudo that does not answer in time has proved nothing.
 */
import { byteString, utf8Of } from "./byte-strings.ts";
import { memoryFile, readAll } from "./descriptors.ts";
import { StageError } from "./errors.ts";
import { HELPER_ENVIRONMENT } from "./helper-environment.ts";
import { c, check, ptr, SYS } from "./libc.ts";
import { isReadable, leftUntil } from "./poll.ts";
import { type Ending, parseStatus, spawn } from "./processes.ts";

export const OPERATION = "call sudo";
export const STAGE = "takeSudoAway";
const LOOK_BEFORE = "the app does not start with rights that may be left; look at the lines before this one";
export const SLOW =
  "the app does not start with rights that may be left; is the machine very busy, or PAM slow? Start again";
const MAX_SAID_BYTES = 1 << 20;

export interface Asked {
  readonly pid: number;
  readonly stdout: number;
  readonly stderr: number;
}

export interface Said {
  readonly ending: Ending;
  /** Byte strings. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts this sudo call with our very ids and groups, in a session of its own; `stdin`: what it reads, UTF-8. */
export function askSudo(argv: readonly string[], stdin = ""): Asked {
  const said = stdin === "" ? undefined : memoryFile(utf8Of(stdin), OPERATION);
  const stdout = memoryFile(new Uint8Array(), OPERATION);
  const stderr = memoryFile(new Uint8Array(), OPERATION);
  const pid = spawn(OPERATION, {
    argv,
    environment: HELPER_ENVIRONMENT,
    descriptors: [said ?? { path: "/dev/null", write: false }, stdout, stderr],
    detach: "session",
  });
  if (said !== undefined) c.close(said);
  return { pid, stdout, stderr };
}

/** What it said, once it has ended. Throws `StageError` at the deadline (of performance.now()). */
export function hearSudo({ pid, stdout, stderr }: Asked, deadline: number): Said {
  const ending = waitUntil(pid, deadline);
  if (ending === undefined) throw notProved("sudo did not say in time what is left", undefined, SLOW);
  return { ending, stdout: takeSaid(stdout), stderr: takeSaid(stderr) };
}

function takeSaid(fd: number): string {
  check(Number(c.lseek(fd, 0, 0)), "lseek", OPERATION);
  const text = byteString(readAll(fd, OPERATION, MAX_SAID_BYTES));
  c.close(fd);
  return text;
}

/** The child's end; undefined at the deadline. A pidfd is readable when the process has ended (pidfd_open(2)). */
export function waitUntil(pid: number, deadline: number): Ending | undefined {
  const pidfd = check(Number(c.syscall(SYS.pidfdOpen, pid, 0, 0, 0, 0)), "pidfd_open", OPERATION);
  const ended = isReadable(pidfd, leftUntil(deadline));
  c.close(pidfd);
  if (!ended) return undefined;
  const status = new Int32Array(1);
  if (c.wait4(pid, ptr(status), 0) !== pid) throw notProved("sudo's end cannot be known", undefined, SLOW);
  return parseStatus(status[0] ?? 0);
}

/** Rights may be left: no app may run. */
export function notProved(what: string, saw?: string, hint = LOOK_BEFORE): StageError {
  return new StageError(STAGE, { what, ...(saw === undefined ? {} : { saw }), hint });
}
