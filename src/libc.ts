/**
 * The system calls that the runtime does not offer, called by bun:ffi. The only file that loads the C library.
 * Every wrapper throws `OsError` with the errno name; nothing here decides anything. Loading it costs about 0.3 ms,
 * node:fs costs 1.4: this is why the launcher has no other way to the kernel.
 */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";

const P = "ptr";
const I = "i32";
const L = FFIType.i64_fast;

/** musl's loader claims this name too, so that one name serves both (its ldso/dynlink.c, "reserved names"). */
const LIBC = "libc.so.6";

/** What a plain start of the launcher calls: each symbol costs it time, needed or not. */
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
  mmap: { args: ["i64", "i64", I, I, I, "i64"], returns: L },
  getppid: { args: [], returns: I },
  fork: { args: [], returns: I },
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
    memfd_create: { args: [P, I], returns: I },
    lseek: { args: [I, "i64", I], returns: L },
    poll: { args: [P, "i64", I], returns: I },
    socketpair: { args: [I, I, I, P], returns: I },
    setsockopt: { args: [I, I, I, P, I], returns: I },
    recvmsg: { args: [I, P, I], returns: L },
    kill: { args: [I, I], returns: I },
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
        madvise: 233,
        getdents64: 61,
        setgroups: 159,
        dup3: 24,
        ioctl: 29,
        getsockopt: 209,
        mknodat: 33,
        setsid: 157,
        eventfd2: 19,
        epollCreate1: 20,
        epollCtl: 21,
        pidfdSendSignal: 424,
        pidfdOpen: 434,
      }
    : {
        statx: 332,
        madvise: 28,
        getdents64: 217,
        setgroups: 116,
        dup3: 292,
        ioctl: 16,
        getsockopt: 55,
        mknodat: 259,
        setsid: 112,
        eventfd2: 290,
        epollCreate1: 291,
        epollCtl: 233,
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
