/**
 * fork(2) of the whole runtime, for a process with one thread: the child is a copy that has started already, where an exec
 * would start another runtime. What the child must change before it goes on is in forked-runtime.ts.
 */
import { ARCHITECTURE } from "./architecture.ts";
import { cString } from "./byte-strings.ts";
import { AT_FDCWD, c, ptr, SYS } from "./libc.ts";

const MADV_DOFORK = 11;
/** Every address that a process of x86-64 can map without asking for more, but the lowest. */
const FIRST_ADDRESS = 65_536;
const ADDRESS_BYTES = 2 ** 47 - 2 * FIRST_ADDRESS;
const STATX_NLINK = 4;
/** Where statx(2) puts the number of links, counted in words. */
const NLINK_WORD = 4;
/** A directory of /proc has two links, and one for each directory in it. */
const LINKS_OF_ONE_THREAD = 3;

/**
 * As fork(2): 0 in the child, the child's pid in the parent. Undefined, and no child, where there is a second thread or no
 * room; and on arm64, where it has not been tried.
 */
export function forkRuntime(): number | undefined {
  if (ARCHITECTURE !== "x64" || !isSingleThreaded()) return undefined;
  // The engine keeps its code from children, who are to exec (madvise(2), MADV_DONTFORK). That the call ends with an error
  // at the kernel's own pages says nothing: on x86-64 they lie above all others (its vdso_addr).
  c.syscall(SYS.madvise, FIRST_ADDRESS, ADDRESS_BYTES, MADV_DOFORK, 0, 0);
  const pid = c.fork();
  return pid < 0 ? undefined : pid;
}

/** More than async-signal-safe calls may follow a fork only where no other thread can have held a lock (fork(2)). */
export function isSingleThreaded(): boolean {
  const facts = new Uint32Array(64);
  const path = cString("/proc/self/task");
  const failed = Number(c.syscall(SYS.statx, AT_FDCWD, ptr(path), 0, STATX_NLINK, ptr(facts)));
  return failed === 0 && facts[NLINK_WORD] === LINKS_OF_ONE_THREAD;
}
