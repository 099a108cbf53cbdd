/**
 * A gate between an sshd's listening and its first accept: a FIFO in the place of its PID file, which it writes when it
 * listens and before it accepts (sshd.c, main), so that it waits in open(2) until somebody reads. So it can load its keys and bind
 * its addresses while what logins go by is still being made.
 */
import { cString } from "./byte-strings.ts";
import { isOsError } from "./errors.ts";
import { makeFifo } from "./fifo.ts";
import { AT_FDCWD, c, O } from "./libc.ts";

const OPERATION = "make a gate before sshd's first accept";

export interface AcceptGate {
  /** Lets the sshd that waits, and each that comes later, accept. */
  open(): void;
  /** Leaves nothing behind: once that sshd has ended, or is being ended. */
  close(): void;
}

/**
 * Makes it at `path`, in a directory that is ours alone, in place of what is there. Undefined where that is not to be had: then
 * sshd accepts when it listens.
 */
export function makeAcceptGate(path: string): AcceptGate | undefined {
  const name = cString(path);
  c.unlinkat(AT_FDCWD, name, 0);
  try {
    makeFifo(path, OPERATION);
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
  let reader = -1;
  let isShut = true;
  return {
    open: () => {
      isShut = false;
      // With a reader both are let through, who waits in open(2) and who opens before the name is gone (fifo(7)). Later ones
      // make a file of that name. It is kept, or what sshd writes there would find no reader.
      reader = c.openat(AT_FDCWD, name, O.rdonly | O.nonblock | O.nofollow | O.cloexec, 0);
      c.unlinkat(AT_FDCWD, name, 0);
    },
    close: () => {
      if (isShut) c.unlinkat(AT_FDCWD, name, 0);
      if (reader >= 0) c.close(reader);
      isShut = false;
      reader = -1;
    },
  };
}
