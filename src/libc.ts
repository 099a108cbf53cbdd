/**
 * The system calls that the runtime does not offer, called by bun:ffi. The only file that loads the C library.
 * Every wrapper throws `OsError` with the errno name; nothing here decides anything. node:fs costs the launcher
 * 1.4 ms: this is why it has no other way to the kernel.
 */

import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { ARCHITECTURE } from "./architecture.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";

const P = "ptr";
const I = "i32";
const N = "i64";

/** musl's loader claims this name too, so that one name serves both (its ldso/dynlink.c, "reserved names"). */
const LIBC = "libc.so.6";

/** All that a plain start of the launcher loads: each symbol costs it time, needed or not. */
const core = dlopen(LIBC, {
  __errno_location: { args: [], returns: P },
  syscall: { args: [N, N, N, N, N, N, N], returns: FFIType.i64_fast },
  fork: { args: [], returns: I },
}).symbols;

/** What the C library does in another way than the kernel, or for all threads; loaded when the first of them is called. */
const loadRest = () =>
  dlopen(LIBC, {
    posix_spawn: { args: [P, P, P, P, P, P], returns: I },
    posix_spawnattr_init: { args: [P], returns: I },
    posix_spawnattr_setflags: { args: [P, "i16"], returns: I },
    posix_spawnattr_setsigdefault: { args: [P, P], returns: I },
    posix_spawnattr_setsigmask: { args: [P, P], returns: I },
    posix_spawnattr_setpgroup: { args: [P, I], returns: I },
    posix_spawn_file_actions_init: { args: [P], returns: I },
    posix_spawn_file_actions_adddup2: { args: [P, I, I], returns: I },
    posix_spawn_file_actions_destroy: { args: [P], returns: I },
    isatty: { args: [I], returns: I },
    setgroups: { args: [N, P], returns: I },
    setresuid: { args: ["u32", "u32", "u32"], returns: I },
    setresgid: { args: ["u32", "u32", "u32"], returns: I },
    tcgetpgrp: { args: [I], returns: I },
    tcsetpgrp: { args: [I, I], returns: I },
  }).symbols;

/** Memory that the kernel reads or writes. */
type Memory = NodeJS.TypedArray | Pointer | null;
type Argument = number | Memory;

const isArm = ARCHITECTURE === "arm64";
const addressOf = (argument: Argument): number =>
  typeof argument === "number" ? argument : argument === null ? 0 : ptr(argument);

/** A call by its number on x86-64 and on arm64 (asm/unistd.h): for the kernel's own calls no symbol has to be looked up. */
function byNumber(x64: number, arm64: number) {
  const number = isArm ? arm64 : x64;
  return (
    a: Argument = 0,
    b: Argument = 0,
    d: Argument = 0,
    e: Argument = 0,
    f: Argument = 0,
    g: Argument = 0,
  ): number =>
    Number(core.syscall(number, addressOf(a), addressOf(b), addressOf(d), addressOf(e), addressOf(f), addressOf(g)));
}

/** The kernel's sets of signals, in bytes (sigprocmask(2), "C library/kernel differences"). */
const SIGSET_BYTES = 8;
const rtSigaction = byNumber(13, 134);
const rtSigprocmask = byNumber(14, 135);
const rtSigpending = byNumber(127, 136);

/** Arguments as in their pages of section 2 of the manual; `faccessat` without flags. */
interface KernelCalls {
  /** Any other, by its number in `SYS`. */
  syscall(number: number, a: number, b: number, d: number, e: number, f: number): number;
  openat(dir: number, path: Memory, flags: number, mode: number): number;
  read(fd: number, to: Memory, bytes: number): number;
  write(fd: number, from: Memory, bytes: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  readlinkat(dir: number, path: Memory, to: Memory, bytes: number): number;
  faccessat(dir: number, path: Memory, mode: number): number;
  pipe2(to: Memory, flags: number): number;
  execve(path: Memory, argv: Memory, environment: Memory): number;
  wait4(pid: number, status: Memory, options: number): number;
  getpid(): number;
  getppid(): number;
  geteuid(): number;
  getegid(): number;
  getgroups(count: number, to: Memory): number;
  exit_group(code: number): number;
  mmap(at: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number;
  fsync(fd: number): number;
  fchmod(fd: number, mode: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  mkdirat(dir: number, path: Memory, mode: number): number;
  linkat(fromDir: number, from: Memory, toDir: number, to: Memory, flags: number): number;
  renameat(fromDir: number, from: Memory, toDir: number, to: Memory): number;
  unlinkat(dir: number, path: Memory, flags: number): number;
  memfd_create(name: Memory, flags: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  socketpair(domain: number, type: number, protocol: number, to: Memory): number;
  setsockopt(fd: number, level: number, name: number, value: Memory, bytes: number): number;
  recvmsg(fd: number, message: Memory, flags: number): number;
  kill(pid: number, signal: number): number;
  umask(mask: number): number;
  /** Without a mask of signals. */
  ppoll(fds: Memory, count: number, timeout: Memory): number;
  chdir(path: Memory): number;
  prctl(option: number, a: number, b: number, d: number, e: number): number;
  prlimit(pid: number, resource: number, to: Memory, from: Memory): number;
  getresuid(real: Memory, effective: Memory, saved: Memory): number;
  getresgid(real: Memory, effective: Memory, saved: Memory): number;
  capset(header: Memory, data: Memory): number;
  getpgid(pid: number): number;
  fstatfs(fd: number, to: Memory): number;
  setfsuid(uid: number): number;
  setfsgid(gid: number): number;
  setpriority(which: number, who: number, priority: number): number;
  sigaction(signal: number, action: Memory, before: Memory): number;
  sigprocmask(how: number, set: Memory, before: Memory): number;
  sigpending(to: Memory): number;
}

const kernelCalls: KernelCalls = {
  syscall: (number, a, b, d, e, f) => Number(core.syscall(number, a, b, d, e, f, 0)),
  openat: byNumber(257, 56),
  read: byNumber(0, 63),
  write: byNumber(1, 64),
  close: byNumber(3, 57),
  fcntl: byNumber(72, 25),
  readlinkat: byNumber(267, 78),
  faccessat: byNumber(269, 48),
  pipe2: byNumber(293, 59),
  execve: byNumber(59, 221),
  wait4: byNumber(61, 260),
  getpid: byNumber(39, 172),
  getppid: byNumber(110, 173),
  geteuid: byNumber(107, 175),
  getegid: byNumber(108, 177),
  getgroups: byNumber(115, 158),
  exit_group: byNumber(231, 94),
  mmap: byNumber(9, 222),
  fsync: byNumber(74, 82),
  fchmod: byNumber(91, 52),
  fchown: byNumber(93, 55),
  mkdirat: byNumber(258, 34),
  linkat: byNumber(265, 37),
  renameat: byNumber(264, 38),
  unlinkat: byNumber(263, 35),
  memfd_create: byNumber(319, 279),
  lseek: byNumber(8, 62),
  socketpair: byNumber(53, 199),
  setsockopt: byNumber(54, 208),
  recvmsg: byNumber(47, 212),
  kill: byNumber(62, 129),
  umask: byNumber(95, 166),
  ppoll: byNumber(271, 73),
  chdir: byNumber(80, 49),
  prctl: byNumber(157, 167),
  prlimit: byNumber(302, 261),
  getresuid: byNumber(118, 148),
  getresgid: byNumber(120, 150),
  capset: byNumber(126, 91),
  getpgid: byNumber(121, 155),
  fstatfs: byNumber(138, 44),
  setfsuid: byNumber(122, 151),
  setfsgid: byNumber(123, 152),
  setpriority: byNumber(141, 140),
  sigaction: (signal, action, before) => rtSigaction(signal, action, before, SIGSET_BYTES),
  sigprocmask: (how, set, before) => rtSigprocmask(how, set, before, SIGSET_BYTES),
  sigpending: (to) => rtSigpending(to, SIGSET_BYTES),
};

type Calls = Omit<typeof core, "syscall"> & KernelCalls & ReturnType<typeof loadRest>;

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
const c: Calls = Object.assign(Object.create(others), core, kernelCalls);

export { c, ptr };

/** Numbers of system calls without a wrapper in every C library that we meet, by architecture (asm/unistd.h). */
export const SYS = isArm
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
      capget: 90,
      schedSetscheduler: 119,
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
      capget: 125,
      schedSetscheduler: 144,
    };

/** open(2) flags. O_DIRECTORY and O_NOFOLLOW are the two that differ on arm64 (asm/fcntl.h). */
export const O = {
  rdonly: 0,
  wronly: 1,
  rdwr: 2,
  creat: 0o100,
  excl: 0o200,
  noctty: 0o400,
  append: 0o2000,
  nonblock: 0o4000,
  directory: isArm ? 0o40000 : 0o200000,
  nofollow: isArm ? 0o100000 : 0o400000,
  cloexec: 0o2000000,
  path: 0o10000000,
} as const;

export const AT_FDCWD = -100;

const loadSearch = () => dlopen(LIBC, { memmem: { args: [P, N, P, N], returns: P } }).symbols.memmem;
let search: ReturnType<typeof loadSearch> | undefined;

/** Where these bytes are first, from there on (memmem(3)); below 0 where they are not. */
export function findBytes(all: Uint8Array, wanted: Uint8Array, from: number): number {
  if (from >= all.length) return -1;
  search ??= loadSearch();
  const start = ptr(all);
  const found = search((start + from) as Pointer, all.length - from, ptr(wanted), wanted.length);
  return found === null ? -1 : Number(found) - Number(start);
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

/** A NULL-terminated table of C strings. `keep` holds the strings alive: hold on to it until the call is over. */
export interface CTable {
  readonly table: BigUint64Array;
  readonly keep: readonly Uint8Array[];
}

/** A table for argv or envp from C strings. */
export function cTable(strings: readonly Uint8Array[]): CTable {
  const table = new BigUint64Array(strings.length + 1);
  let at = 0;
  for (const string of strings) table[at++] = BigInt(ptr(string));
  return { table, keep: strings };
}
