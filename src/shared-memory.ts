/**
 * Two processes with one memory: the one goes on with all of it, the runtime that runs included; the other does no more than a few
 * system calls, in machine code that uses no stack, which no compiled function can promise. Nothing is copied, as fork(2)
 * copies what either writes, and its page tables. For a process with one thread. Knows nothing of SSH.
 */
import { type Pointer, read } from "bun:ffi";
import { ARCHITECTURE } from "./architecture.ts";
import { isSingleThreaded } from "./fork.ts";
import { c, ptr } from "./libc.ts";
import { loadCode } from "./machine-code.ts";

/** Numbers of system calls, of x86-64 alone as the code is (asm/unistd_64.h). */
const X64 = { rtSigprocmask: 14, prctl: 157, archPrctl: 158, setTidAddress: 218 } as const;
const CLONE_VM = 0x100;
const CLONE_PARENT = 0x8000;
const CLONE_CHILD_SETTID = 0x0100_0000;
const SIGCHLD = 17;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SIGSET_BYTES = 8;
const PR_GET_TID_ADDRESS = 40;
const ARCH_GET_FS = 0x1003;
/** Of the thread's block of musl (its pthread_impl.h, struct pthread). */
const MUSL_TID_AT = 48;
/**
 * Words of 8 bytes that the code works by: flags of clone, where the child's thread id goes, the signal mask that we have, an
 * action that is the default (4 words), room for an action (4 words); then what it has of its own.
 */
const MASK_WORD = 2;
const OWN_WORD = 11;

/** What the other process still reads when we go on: it must not be collected. */
const lent: unknown[] = [];

/**
 * Leaves the process that we are to this code with these words of its own, of which `keep` holds the memory. `siblings`: what
 * goes on is a child of our parent's (CLONE_PARENT, which PID 1 cannot give). True in what goes on, with every signal
 * blocked; false, and nothing has changed, where it cannot be: on arm64, with a second thread, without executable memory, or
 * under a C library that we do not know.
 */
export function goOnApart(code: string, own: readonly number[], keep: readonly unknown[], siblings: boolean): boolean {
  if (ARCHITECTURE !== "x64" || !isSingleThreaded()) return false;
  const cleared = toldThreadId();
  const threadId = findThreadId(cleared);
  const run = threadId === undefined ? undefined : loadCode(code);
  if (threadId === undefined || run === undefined) return false;
  const words = new BigUint64Array(OWN_WORD + own.length);
  words[0] = BigInt(CLONE_VM | CLONE_CHILD_SETTID | SIGCHLD | (siblings ? CLONE_PARENT : 0));
  words[1] = BigInt(threadId);
  for (let i = 0; i < own.length; i++) words[OWN_WORD + i] = BigInt(own[i] ?? 0);
  lent.push(words, keep);
  const mask = ptr(words, MASK_WORD * words.BYTES_PER_ELEMENT);
  const every = new BigUint64Array([2n ** 64n - 1n]);
  c.syscall(X64.rtSigprocmask, SIG_BLOCK, ptr(every), mask, SIGSET_BYTES, 0);
  // The end, or the exec, of a process that shares its memory clears the id there (set_tid_address(2), clear_child_tid).
  c.syscall(X64.setTidAddress, 0, 0, 0, 0, 0);
  if (Number(run(ptr(words))) === 0) return true;
  c.syscall(X64.setTidAddress, cleared, 0, 0, 0, 0);
  c.syscall(X64.rtSigprocmask, SIG_SETMASK, mask, 0, SIGSET_BYTES, 0);
  lent.length = 0;
  return false;
}

/** What the C library has told the kernel to clear at this thread's end (set_tid_address(2)); 0 for nothing. */
function toldThreadId(): number {
  const told = new BigUint64Array(1);
  c.syscall(X64.prctl, PR_GET_TID_ADDRESS, ptr(told), 0, 0, 0);
  return Number(told[0]);
}

/**
 * Where the C library keeps this thread's id, which is another one in what goes on: abort(3) of musl would signal the
 * other by the old one. Undefined where it is not found. x86-64 alone.
 */
export function findThreadId(told = toldThreadId()): Pointer | undefined {
  const pid = c.getpid();
  // glibc tells the kernel the place itself, musl that of a lock.
  const glibc = told as Pointer;
  if (told > 0 && read.i32(glibc, 0) === pid) return glibc;
  const block = new BigUint64Array(1);
  c.syscall(X64.archPrctl, ARCH_GET_FS, ptr(block), 0, 0, 0);
  const musl = (Number(block[0]) + MUSL_TID_AT) as Pointer;
  return Number(block[0]) > 0 && read.i32(musl, 0) === pid ? musl : undefined;
}
