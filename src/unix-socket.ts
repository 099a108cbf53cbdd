/**
 * Unix stream sockets by plain system calls (unix(7)): a listener that never blocks, and a client with a deadline that asks
 * the kernel who listens. Knows nothing of what is said over them.
 */

import { ARCHITECTURE } from "./architecture.ts";
import { cString } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";
import { c, check, errno, ptr } from "./libc.ts";
import { isReadable, leftUntil } from "./poll.ts";
import { signalOnInput } from "./signal-io.ts";

/** asm/unistd.h: calls for which the C library's wrappers would have to be looked up at every start of the launcher. */
const CALLS =
  ARCHITECTURE === "arm64"
    ? { socket: 198, bind: 200, listen: 201, connect: 203, getsockopt: 209, accept4: 242 }
    : { socket: 41, bind: 49, listen: 50, connect: 42, getsockopt: 55, accept4: 288 };
const AF_UNIX = 1;
const STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const BACKLOG = 64;
const UMASK_FOR_ALL = 0o111;
const PATH_BYTES = 108;
const RETRY_MS = 10;
const CHUNK_BYTES = 65_536;

/** Who is at the other end: for a client the one that listens, as it was when it began to (SO_PEERCRED). */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
}

/**
 * Listens on a path that is not there yet, for everybody who may pass its directory; SIGIO tells of each client (fcntl(2),
 * O_ASYNC). Throws `OsError`.
 */
export function listenOn(path: string, operation: string): number {
  const fd = open(operation);
  // bind(2) makes the name with what the mask leaves: never for a moment with another mode.
  const mask = c.umask(UMASK_FOR_ALL);
  try {
    const address = addressOf(path, operation);
    check(Number(c.syscall(CALLS.bind, fd, ptr(address), address.length, 0, 0)), "bind", operation, path);
    signalOnInput(fd, operation, path);
    check(Number(c.syscall(CALLS.listen, fd, BACKLOG, 0, 0, 0)), "listen", operation, path);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  } finally {
    c.umask(mask);
  }
}

/** The next client that waits, without blocking; undefined when there is none. */
export function acceptFrom(listener: number): number | undefined {
  const fd = Number(c.syscall(CALLS.accept4, listener, 0, 0, NONBLOCK_CLOEXEC, 0));
  return fd < 0 ? undefined : fd;
}

/** Connects, waiting for room until the deadline. Throws `OsError`; ETIMEDOUT: there was none. */
export function connectTo(path: string, operation: string, deadline: number): number {
  const fd = open(operation);
  try {
    const address = addressOf(path, operation);
    while (Number(c.syscall(CALLS.connect, fd, ptr(address), address.length, 0, 0)) < 0) {
      const code = errnoName(errno());
      if (code === "EINTR") continue;
      if (code !== "EAGAIN") throw new OsError(code, "connect", operation, path);
      if (performance.now() > deadline) throw new OsError("ETIMEDOUT", "connect", operation, path);
      Bun.sleepSync(RETRY_MS);
    }
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

export function peerOf(fd: number, operation: string): Peer {
  const answer = new Int32Array(3);
  const size = new Int32Array([answer.byteLength]);
  const got = c.syscall(CALLS.getsockopt, fd, SOL_SOCKET, SO_PEERCRED, ptr(answer), ptr(size));
  check(Number(got), "getsockopt", operation);
  return { pid: answer[0] ?? 0, uid: (answer[1] ?? -1) >>> 0 };
}

/** All that is said until the other end closes. Throws `OsError`: ETIMEDOUT at the deadline, EFBIG beyond `maxBytes`. */
export function readToEnd(fd: number, operation: string, deadline: number, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    if (!isReadable(fd, leftUntil(deadline))) throw new OsError("ETIMEDOUT", "read", operation);
    const chunk = new Uint8Array(CHUNK_BYTES);
    const got = Number(c.read(fd, ptr(chunk), chunk.length));
    if (got < 0 && ["EINTR", "EAGAIN"].includes(errnoName(errno()))) continue;
    check(got, "read", operation);
    if (got === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, got));
    length += got;
    if (length > maxBytes) throw new OsError("EFBIG", "read", operation);
  }
}

function open(operation: string): number {
  return check(Number(c.syscall(CALLS.socket, AF_UNIX, STREAM_NONBLOCK_CLOEXEC, 0, 0, 0)), "socket", operation);
}

/** sockaddr_un: the family, then the path with its NUL. */
function addressOf(path: string, operation: string): Uint8Array {
  const name = cString(path);
  if (name.length > PATH_BYTES) throw new OsError("ENAMETOOLONG", "sockaddr", operation, path);
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}
