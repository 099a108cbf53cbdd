/** FIFOs (fifo(7)) in directories that are ours alone. */
import { cString } from "./byte-strings.ts";
import { AT_FDCWD, c, check, ptr, SYS } from "./libc.ts";

export const S_IFIFO = 0o010000;
/** Its owner alone may read and write it. */
export const OWNER_ONLY = 0o600;

/**
 * Makes one at this absolute path, never in the place of what is there. Throws `OsError`. By number: a C library before glibc
 * 2.33 has no mknodat(2) of its own.
 */
export function makeFifo(path: string, operation: string): void {
  const name = cString(path);
  check(Number(c.syscall(SYS.mknodat, AT_FDCWD, ptr(name), S_IFIFO | OWNER_ONLY, 0, 0)), "mknodat", operation, path);
}
