/**
 * A refused `--supervise` is told in the container's log. Our root side has only its caller's stderr, so it drops one byte
 * into a fifo that root alone can reach, and the running supervisor counts and tells. No word of the caller's gets into the
 * log, and a flood of calls is a line every ten seconds.
 */

import { cString } from "./byte-strings.ts";
import { asCaller, type Caller } from "./caller.ts";
import { makeFifo, OWNER_ONLY, S_IFIFO } from "./fifo.ts";
import type { Host } from "./host.ts";
import { AT_FDCWD, c, check, O, ptr, SYS } from "./libc.ts";
import { defaultFormat, sayNow } from "./log-line.ts";
import { PRIVATE_NAME, STATE_DIRECTORY } from "./paths.ts";
import { signalOnInput } from "./signal-io.ts";
import type { StateDirectory } from "./state-directory.ts";

const NAME = "refused-calls";
const PATH = `${STATE_DIRECTORY}/${PRIVATE_NAME}/${NAME}`;
const OPERATION = "hear of refused calls";
const O_NOCTTY = 0o400;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const READ_BYTES = 4096;
const QUIET_MS = 10_000;

/**
 * For the supervisor, as root: tells from now on, at once and then every ten seconds at most. Wakes by SIGIO (fcntl(2)), so
 * that it costs the idle one neither thread nor timer. Throws `OsError`.
 */
export function hearRefusals(host: Host, { private: dir }: StateDirectory, quietMs = QUIET_MS): void {
  if (dir.stat(OPERATION, NAME) !== undefined) dir.remove(OPERATION, NAME);
  const path = `${dir.path}/${NAME}`;
  makeFifo(path, OPERATION);
  const open = (flags: number) =>
    check(c.openat(AT_FDCWD, cString(path), flags | O.nonblock | O.nofollow | O.cloexec, 0), "openat", OPERATION, path);
  const fd = open(O.rdonly);
  // With a writer it never comes to an end. Not by one descriptor for both: each read of a pipe signals its writers, and
  // the signal would make us read again, for ever.
  open(O.wronly);
  const buffer = new Uint8Array(READ_BYTES);
  let count = 0;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    quiet = undefined;
    if (count === 0) return;
    host.emit({ type: "call refused", count });
    count = 0;
    quiet = setTimeout(tell, quietMs);
  };
  const drain = () => {
    for (let got = take(); got > 0; got = take()) count += got;
    if (quiet === undefined) tell();
  };
  const take = () => Number(c.read(fd, ptr(buffer), READ_BYTES));
  process.on("SIGIO", drain);
  signalOnInput(fd, OPERATION);
}

/** For a refused call, as root: false when no supervisor hears of it. Waits for nothing, not even for room. */
export function reportRefusal(): boolean {
  // Under a limit of open files that is nearly reached, standard input makes room.
  c.close(0);
  const fd = c.openat(AT_FDCWD, cString(PATH), O.wronly | O.nonblock | O.nofollow | O.cloexec, 0);
  if (fd < 0) return false;
  const facts = new Uint8Array(256);
  const empty = cString("");
  c.syscall(SYS.statx, fd, ptr(empty), AT_EMPTY_PATH, STATX_BASIC_STATS, ptr(facts));
  const view = new DataView(facts.buffer);
  const isOurs = view.getUint32(20, true) === 0 && view.getUint16(28, true) === (S_IFIFO | OWNER_ONLY);
  if (isOurs) c.write(fd, ptr(cString("r")), 1);
  c.close(fd);
  return isOurs;
}

/**
 * Where no supervisor of root's runs (SSH switched off, rootless pinned): into PID 1's stderr, opened with the caller's
 * rights (ptrace(2), "access mode checking"), so never into what he could not write. His app may have sent it elsewhere.
 */
export function writeRefusal(caller: Caller): void {
  const flags = O.wronly | O.nonblock | O.cloexec | O_NOCTTY;
  const fd = asCaller(caller, () => c.openat(AT_FDCWD, cString("/proc/1/fd/2"), flags, 0));
  if (fd < 0) return;
  sayNow({ type: "call refused", count: 1 }, defaultFormat(fd), fd);
  c.close(fd);
}
