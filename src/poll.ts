/**
 * ppoll(2) of one descriptor: whether it can be read or written, now or within a time. Only asks: it never reads, writes or
 * closes. Loaded by the launcher, so it knows nothing but the C library.
 */
import { c, errno, ptr } from "./libc.ts";

const POLLIN = 1;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;
const EINTR = 4;

const one = new Uint8Array(8);
const view = new DataView(one.buffer);
/** struct timespec: seconds, nanoseconds. */
const timeout = new BigInt64Array(2);

/** True once it can be read or its other end is gone; a pidfd: once its process has ended. 0 ms: as it is now. */
export function isReadable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLIN, POLLIN | POLLHUP | POLLERR, timeoutMs);
}

/** True once it takes bytes. 0 ms: as it is now. */
export function isWritable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLOUT, POLLOUT, timeoutMs);
}

/** The time that is left until a deadline of performance.now(): no step of the wall's clock ends a wait, or makes it endless. */
export function leftUntil(deadline: number): number {
  return Math.max(0, deadline - performance.now());
}

/** Blocks this thread for so many microseconds, and some tens more (prctl(2), PR_SET_TIMERSLACK), or until a signal. */
export function pauseMicroseconds(count: number): void {
  timeout[0] = 0n;
  timeout[1] = BigInt(count) * 1000n;
  c.ppoll(null, 0, ptr(timeout));
}

function poll(fd: number, wanted: number, counts: number, timeoutMs: number): boolean {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    view.setInt32(0, fd, true);
    view.setInt16(4, wanted, true);
    const leftMs = Math.max(0, Math.ceil(deadline - performance.now()));
    timeout[0] = BigInt(Math.floor(leftMs / 1000));
    timeout[1] = BigInt(leftMs % 1000) * 1_000_000n;
    const ready = c.ppoll(ptr(one), 1, ptr(timeout));
    if (ready >= 0) return ready > 0 && (view.getInt16(6, true) & counts) !== 0;
    if (errno() !== EINTR) return false;
  }
}
