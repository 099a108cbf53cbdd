/**
 * The system calls that the runtime does not offer, called by bun:ffi. The only file that loads the C library.
 * Every wrapper throws `OsError` with the errno name; nothing here decides anything. Loading it costs about 0.3 ms,
 * node:fs costs 1.4: this is why the launcher has no other way to the kernel.
 */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { OsError } from "./errors.ts";

const P = "ptr";
const I = "i32";
const L = FFIType.i64_fast;

/** musl's loader claims this name too, so that one name serves both (its ldso/dynlink.c, "reserved names"). */
const LIBC = "libc.so.6";

/** What a plain start of the launcher calls: each symbol costs it 2 us, needed or not. */
const core = dlopen(LIBC, {
  __errno_location: { args: [], returns: P },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: L },
  openat: { args: [I, P, I, I], returns: I },
  read: { args: [I, P, "i64"], returns: L },
  write: { args: [I, P, "i64"], returns: L },
  close: { args: [I], returns: I },
  fcntl: { args: [I, I, I], returns: I },
  readlinkat: { args: [I, P, P, "i64"], returns: L },
  faccessat: { args: [I, P, I, I], returns: I },
  pipe2: { args: [P, I], returns: I },
  execve: { args: [P, P, P], returns: I },
  posix_spawn: { args: [P, P, P, P, P, P], returns: I },
  posix_spawnattr_init: { args: [P], returns: I },
  posix_spawnattr_setflags: { args: [P, "i16"], returns: I },
  posix_spawnattr_setsigdefault: { args: [P, P], returns: I },
  posix_spawnattr_setsigmask: { args: [P, P], returns: I },
  posix_spawnattr_setpgroup: { args: [P, I], returns: I },
  posix_spawn_file_actions_init: { args: [P], returns: I },
  posix_spawn_file_actions_adddup2: { args: [P, I, I], returns: I },
  posix_spawn_file_actions_addopen: { args: [P, I, P, I, I], returns: I },
  posix_spawn_file_actions_destroy: { args: [P], returns: I },
  waitpid: { args: [I, P, I], returns: I },
  sigaction: { args: [I, P, P], returns: I },
  getpid: { args: [], returns: I },
  geteuid: { args: [], returns: I },
  getegid: { args: [], returns: I },
  sigpending: { args: [P], returns: I },
  getgroups: { args: [I, P], returns: I },
  _exit: { args: [I], returns: "void" },
}).symbols;

/** All others, loaded when the first of them is called. */
const loadRest = () =>
  dlopen(LIBC, {
    fsync: { args: [I], returns: I },
    fchmod: { args: [I, I], returns: I },
    fchown: { args: [I, I, I], returns: I },
    fchmodat: { args: [I, P, I, I], returns: I },
    mkdirat: { args: [I, P, I], returns: I },
    linkat: { args: [I, P, I, P, I], returns: I },
    renameat: { args: [I, P, I, P], returns: I },
    unlinkat: { args: [I, P, I], returns: I },
    mmap: { args: ["i64", "i64", I, I, I, "i64"], returns: L },
    memfd_create: { args: [P, I], returns: I },
    lseek: { args: [I, "i64", I], returns: L },
    poll: { args: [P, "i64", I], returns: I },
    socketpair: { args: [I, I, I, P], returns: I },
    setsockopt: { args: [I, I, I, P, I], returns: I },
    recvmsg: { args: [I, P, I], returns: L },
    kill: { args: [I, I], returns: I },
    getppid: { args: [], returns: I },
    setsid: { args: [], returns: I },
    umask: { args: [I], returns: I },
    chdir: { args: [P], returns: I },
    prctl: { args: [I, "i64", "i64", "i64", "i64"], returns: I },
    prlimit: { args: [I, I, P, P], returns: I },
    isatty: { args: [I], returns: I },
    setgroups: { args: ["i64", P], returns: I },
    setresuid: { args: ["u32", "u32", "u32"], returns: I },
    setresgid: { args: ["u32", "u32", "u32"], returns: I },
    getresuid: { args: [P, P, P], returns: I },
    getresgid: { args: [P, P, P], returns: I },
    capset: { args: [P, P], returns: I },
    tcgetpgrp: { args: [I], returns: I },
    tcsetpgrp: { args: [I, I], returns: I },
    getpgid: { args: [I], returns: I },
    sigprocmask: { args: [I, P, P], returns: I },
    fstatfs: { args: [I, P], returns: I },
    setfsuid: { args: ["u32"], returns: I },
    setfsgid: { args: ["u32"], returns: I },
    setpriority: { args: [I, I, I], returns: I },
  }).symbols;

type Calls = typeof core & ReturnType<typeof loadRest>;

/** A name that is not there yet is looked for in the prototype, which brings all the others. */
const others = new Proxy(
  {},
  {
    get: (_, name) => {
      Object.setPrototypeOf(c, null);
      Object.assign(c, loadRest());
      return c[name as keyof Calls];
    },
  },
);
const c: Calls = Object.assign(Object.create(others), core);

export { c, ptr };

/** Numbers of system calls without a wrapper in every C library that we meet, by architecture (asm/unistd.h). */
export const SYS =
  process.arch === "arm64"
    ? {
        statx: 291,
        getdents64: 61,
        setgroups: 159,
        dup3: 24,
        ioctl: 29,
        getsockopt: 209,
        mknodat: 33,
        pidfdSendSignal: 424,
        pidfdOpen: 434,
      }
    : {
        statx: 332,
        getdents64: 217,
        setgroups: 116,
        dup3: 292,
        ioctl: 16,
        getsockopt: 55,
        mknodat: 259,
        pidfdSendSignal: 424,
        pidfdOpen: 434,
      };

/** open(2) flags. O_DIRECTORY and O_NOFOLLOW are the two that differ on arm64 (asm/fcntl.h). */
const arm = process.arch === "arm64";
export const O = {
  rdonly: 0,
  wronly: 1,
  rdwr: 2,
  creat: 0o100,
  excl: 0o200,
  noctty: 0o400,
  nonblock: 0o4000,
  directory: arm ? 0o40000 : 0o200000,
  nofollow: arm ? 0o100000 : 0o400000,
  cloexec: 0o2000000,
  path: 0o10000000,
} as const;

export const AT_FDCWD = -100;

const ERRNO: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  8: "ENOEXEC",
  9: "EBADF",
  10: "ECHILD",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  40: "ELOOP",
  80: "ELIBBAD",
  95: "EOPNOTSUPP",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  116: "ESTALE",
  122: "EDQUOT",
};

/** The name of an errno number, `E<number>` for the rare ones. */
export function errnoName(errno: number): string {
  return ERRNO[errno] ?? `E${errno}`;
}

/** The errno of the call that just failed in this thread. */
export function errno(): number {
  const at = c.__errno_location();
  return at === null ? 0 : read.i32(at, 0);
}

/** Gives `result` back, or throws what errno says when it is negative. */
export function check(result: number, syscall: string, operation: string, path?: string): number {
  if (result < 0) throw new OsError(errnoName(errno()), syscall, operation, path);
  return result;
}

const encoder = new TextEncoder();
/** Arguments of one call, at most. */
const SHORT_BYTES = 16_384;

/** A C string from text, as UTF-8. Text with a NUL would be cut by C: it is a bug or an attack, and throws. */
export function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new OsError("EINVAL", "cString", "pass text to the kernel");
  return encoder.encode(`${text}\0`);
}

/** A C string from a byte string (one character a byte, U+0000 to U+00FF). */
export function cBytes(bytes: string): Uint8Array {
  return bytesFrom(`${bytes}\0`);
}

/** True when every character of a byte string is its own UTF-8: then it needs no decoding. */
export function isAscii(bytes: string): boolean {
  return encoder.encode(bytes).length === bytes.length;
}

/** The bytes of a byte string. */
export function bytesFrom(bytes: string): Uint8Array {
  const encoded = encoder.encode(bytes);
  return encoded.length === bytes.length ? encoded : fromLatin1(bytes);
}

/**
 * A byte string (one character a byte) from bytes: loses nothing, whatever the encoding was. Not by spreading, which walks an
 * iterator: 350 us for a kilobyte against 20.
 */
export function byteString(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES) return toLatin1(bytes);
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

// The runtime makes its Buffer when a function that names it is first entered, for 0.2 ms: hence functions of their own.
const fromLatin1 = (bytes: string): Uint8Array => Buffer.from(bytes, "latin1");
const toLatin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** Text from a byte string, read as UTF-8; what is no UTF-8 becomes U+FFFD. For settings and messages only. */
export function textOf(bytes: string): string {
  return isAscii(bytes) ? bytes : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesFrom(bytes));
}

/** A byte string from text, as UTF-8: the other way round. */
export function bytesOf(text: string): string {
  return isAscii(text) ? text : byteString(encoder.encode(text));
}

/** A NULL-terminated table of C strings. `keep` holds the strings alive: hold on to it until the call is over. */
export interface CTable {
  readonly table: BigUint64Array;
  readonly keep: readonly Uint8Array[];
}

/** A table for argv or envp from C strings. */
export function cTable(strings: readonly Uint8Array[]): CTable {
  const table = new BigUint64Array(strings.length + 1);
  strings.forEach((string, i) => {
    table[i] = BigInt(ptr(string));
  });
  return { table, keep: strings };
}

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
