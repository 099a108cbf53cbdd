/**
 * Waking by SIGIO (fcntl(2), O_ASYNC): a descriptor that the runtime does not read costs an idle supervisor neither thread nor
 * timer. Whoever asks for it listens first: a signal that nobody listens to would end us (signal(7)).
 */
import { c, check, O } from "./libc.ts";

const F_SETFL = 4;
const F_SETOWN = 8;
const O_ASYNC = 0o20000;

/**
 * Sends us SIGIO for each thing to read there, and lets no call on it wait. Not for one descriptor that both reads and writes a
 * pipe: its own reads would signal it. Throws `OsError`.
 */
export function signalOnInput(fd: number, operation: string, path?: string): void {
  check(c.fcntl(fd, F_SETOWN, c.getpid()), "fcntl", operation, path);
  check(c.fcntl(fd, F_SETFL, O.nonblock | O_ASYNC), "fcntl", operation, path);
}
