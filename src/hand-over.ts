/**
 * The process becomes a program at once, and a child of it goes on in its memory: nothing is copied (fork(2) copies what
 * either writes, and its page tables), nothing is torn down by the exec, and nothing is loaded anew. For a process with one
 * thread, which has nothing else to do than to execute. Knows nothing of SSH.
 */

import { type Pointer, read } from "bun:ffi";
import { ARCHITECTURE } from "./architecture.ts";
import { cBytes } from "./byte-strings.ts";
import { isSingleThreaded } from "./fork.ts";
import { c, cTable, ptr } from "./libc.ts";
import { loadCode } from "./machine-code.ts";

/** hand-over.s, as as(1) makes it: what follows the clone may use no stack, which no compiled function can promise. */
export const MACHINE_CODE = [
  "4989f9498b3931f631d24d8b51084531c0b8380000000f054885c00f8e9800000041b8400000004c",
  "89c731f6498d516041ba08000000b80d0000000f0585c07517498379600176104c89c7498d714031",
  "d2b80d0000000f0541ffc875cabf02000000498d713831d241ba08000000b80e0000000f054d8b41",
  "10498b384885ff7418498b7118498b5120b83b0000000f054983c00883f8fe74e0498b7928498b71",
  "30498b5120b83b0000000f05bf7e000000b8e70000000f05f4c3",
].join("");

/** What is executed, in byte strings. */
export interface Program {
  /** Tried one after the other while there is no such file. */
  readonly paths: readonly string[];
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** argv of our own executable, which is executed where none of them can be: to tell why. */
  readonly otherwise: readonly string[];
}

/** Numbers of system calls, of x86-64 alone as the code is (asm/unistd_64.h). */
const X64 = { rtSigprocmask: 14, prctl: 157, archPrctl: 158, setTidAddress: 218 } as const;
const CLONE_VM = 0x100;
const CLONE_PARENT = 0x8000;
const CLONE_CHILD_SETTID = 0x0100_0000;
const SIGCHLD = 17;
const SELF = "/proc/self/exe";
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SIGSET_BYTES = 8;
const PR_GET_TID_ADDRESS = 40;
const ARCH_GET_FS = 0x1003;
/** Of the thread's block of musl (its pthread_impl.h, struct pthread). */
const MUSL_TID_AT = 48;
/** Words of hand-over.s. */
const WORDS = 16;
const MASK_WORD = 7;

/** What the process that becomes the program still reads when we go on: it must not be collected. */
const lent: unknown[] = [];

/**
 * Executes the program; `siblings`: what goes on is a child of our parent's (CLONE_PARENT, which PID 1 cannot give), not of
 * the program's. True in what goes on, with every signal blocked; false, and nothing has changed, where it cannot be: on
 * arm64, with a second thread, without executable memory, or under a C library that we do not know.
 */
export function handOver(program: Program, siblings: boolean): boolean {
  if (ARCHITECTURE !== "x64" || !isSingleThreaded()) return false;
  const threadId = findThreadId();
  const run = threadId === undefined ? undefined : loadCode(MACHINE_CODE);
  if (threadId === undefined || run === undefined) return false;
  const paths = cTable(program.paths.map(cBytes));
  const argv = cTable(program.argv.map(cBytes));
  const environment = cTable(program.environment.map(cBytes));
  const self = cBytes(SELF);
  const otherwise = cTable(program.otherwise.map(cBytes));
  const words = new BigUint64Array(WORDS);
  const flags = CLONE_VM | CLONE_CHILD_SETTID | SIGCHLD | (siblings ? CLONE_PARENT : 0);
  const tables = [paths.table, argv.table, environment.table, self, otherwise.table].map((table) => ptr(table));
  words.set([flags, threadId, ...tables].map(BigInt));
  lent.push(paths, argv, environment, self, otherwise, words);
  const mask = ptr(words, MASK_WORD * words.BYTES_PER_ELEMENT);
  const every = new BigUint64Array([2n ** 64n - 1n]);
  c.syscall(X64.rtSigprocmask, SIG_BLOCK, ptr(every), mask, SIGSET_BYTES, 0);
  // The exec of a process that shares its memory clears the id there (set_tid_address(2), clear_child_tid).
  c.syscall(X64.setTidAddress, 0, 0, 0, 0, 0);
  if (Number(run(ptr(words))) === 0) return true;
  c.syscall(X64.setTidAddress, threadId, 0, 0, 0, 0);
  c.syscall(X64.rtSigprocmask, SIG_SETMASK, mask, 0, SIGSET_BYTES, 0);
  lent.length = 0;
  return false;
}

/**
 * Where the C library keeps this thread's id, which is another one in what goes on: abort(3) of musl would signal the
 * program by the old one. Undefined where it is not found.
 */
function findThreadId(): Pointer | undefined {
  const pid = c.getpid();
  const told = new BigUint64Array(1);
  // glibc has told the kernel (set_tid_address(2)).
  c.syscall(X64.prctl, PR_GET_TID_ADDRESS, ptr(told), 0, 0, 0);
  const glibc = Number(told[0]) as Pointer;
  if (glibc > 0 && read.i32(glibc, 0) === pid) return glibc;
  c.syscall(X64.archPrctl, ARCH_GET_FS, ptr(told), 0, 0, 0);
  const musl = (Number(told[0]) + MUSL_TID_AT) as Pointer;
  return Number(told[0]) > 0 && read.i32(musl, 0) === pid ? musl : undefined;
}
