/** Reading and writing open descriptors to their end, and files in memory. Each call says what it is for (`OsError`). */
import { cString } from "./byte-strings.ts";
import { OsError } from "./errors.ts";
import { AT_FDCWD, c, check, errno, O, ptr } from "./libc.ts";

/**
 * Reads an open descriptor to its end, at most `maxBytes` (EFBIG beyond). Interrupted reads go on. `expected` bytes fit
 * without growing the buffer: files in /proc say 0.
 */
export function readAll(fd: number, operation: string, maxBytes: number, path?: string, expected = 0): Uint8Array {
  // One more than expected, so that the end is seen without growing.
  let buffer = new Uint8Array(expected > 0 ? expected + 1 : 16_384);
  let length = 0;
  for (;;) {
    if (length === buffer.length) {
      const bigger = new Uint8Array(buffer.length * 4);
      bigger.set(buffer);
      buffer = bigger;
    }
    const got = Number(c.read(fd, ptr(buffer, length), buffer.length - length));
    if (got < 0 && errno() === 4) continue;
    check(got, "read", operation, path);
    if (got === 0) return buffer.subarray(0, length);
    length += got;
    if (length > maxBytes) throw new OsError("EFBIG", "read", operation, path);
  }
}

/** Writes all bytes to a descriptor. */
export function writeAll(fd: number, bytes: Uint8Array, operation: string, path?: string): void {
  let done = 0;
  while (done < bytes.length) {
    const wrote = Number(c.write(fd, ptr(bytes, done), bytes.length - done));
    if (wrote < 0 && errno() === 4) continue;
    done += check(wrote, "write", operation, path);
  }
}

/** Reads a whole file by its path, links followed: for `/proc` and root-owned paths only. */
export function slurp(path: string, operation: string, maxBytes = 1 << 24): Uint8Array {
  const fd = check(c.openat(AT_FDCWD, cString(path), O.rdonly | O.cloexec, 0), "openat", operation, path);
  try {
    return readAll(fd, operation, maxBytes, path);
  } finally {
    c.close(fd);
  }
}

/** An anonymous file in memory with these bytes, its offset at the start, close-on-exec. */
export function memoryFile(bytes: Uint8Array, operation: string): number {
  const fd = check(c.memfd_create(cString("withssh"), 1), "memfd_create", operation);
  writeAll(fd, bytes, operation);
  check(Number(c.lseek(fd, 0, 0)), "lseek", operation);
  return fd;
}
