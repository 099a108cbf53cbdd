/**
 * Starts a program as posix_spawn(3) does, but without the C library, whose ten functions for it take longer to be looked up
 * than a program takes to be started. On x86-64. Knows nothing of SSH.
 */
import { c, cTable, ptr } from "./libc.ts";
import { loadCode, type MachineFunction } from "./machine-code.ts";

/** quick-spawn.s, as as(1) makes it. */
export const MACHINE_CODE = [
  "4989f9498b3931f631d24531d24531c0b8380000000f054885c0755441b8400000004c89c7498d71",
  "1031d241ba08000000b80d0000000f0541ffc875e54d8d4130498b00498b7808498b7010498b5018",
  "4d8b50204983c0280f054885c079e249894108bf7f000000b8e70000000f05f4c3",
].join("");

/** What the child becomes; C strings. */
export interface QuickProgram {
  readonly path: Uint8Array;
  readonly argv: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  /** What becomes its descriptors 0 and up; one that is to keep its number may. None is in another's way. */
  readonly sources: readonly number[];
  readonly detach: "session" | "group" | undefined;
  /** It blocks what we block; else nothing. */
  readonly keepMask: boolean;
}

/** Numbers of system calls, of x86-64 alone as the code is (asm/unistd_64.h). */
const X64 = { rtSigprocmask: 14, dup2: 33, execve: 59, fcntl: 72, setpgid: 109, setsid: 112 } as const;
const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const SIGCHLD = 17;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SIGSET_BYTES = 8;
const F_SETFD = 2;
/** Words of quick-spawn.s. */
const FAILED_WORD = 1;

let code: MachineFunction | undefined | null = null;

/**
 * Starts it with every signal at its default. Gives its pid, or an errno below 0 when it could not be started; undefined
 * where this way is not to be had.
 */
export function spawnQuickly({ path, argv, environment, sources, detach, keepMask }: QuickProgram): number | undefined {
  if (code === null) code = loadCode(MACHINE_CODE);
  if (code === undefined) return undefined;
  // Every signal, then the mask that we have, then none.
  const masks = new BigUint64Array([2n ** 64n - 1n, 0n, 0n]);
  const [every, ours, none] = [ptr(masks), ptr(masks, SIGSET_BYTES), ptr(masks, 2 * SIGSET_BYTES)];
  const [argvTable, environmentTable] = [cTable(argv), cTable(environment)];
  const words: number[] = [CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0, 0];
  const call = (number: number, a: number, b: number, d: number, e: number) => words.push(number, a, b, d, e);
  if (detach === "session") call(X64.setsid, 0, 0, 0, 0);
  if (detach === "group") call(X64.setpgid, 0, 0, 0, 0);
  for (let target = 0; target < sources.length; target++) {
    const source = sources[target] ?? -1;
    if (source === target) call(X64.fcntl, source, F_SETFD, 0, 0);
    else call(X64.dup2, source, target, 0, 0);
  }
  call(X64.rtSigprocmask, SIG_SETMASK, keepMask ? ours : none, 0, SIGSET_BYTES);
  call(X64.execve, ptr(path), ptr(argvTable.table), ptr(environmentTable.table), 0);
  const memory = new BigUint64Array(words.length);
  for (let i = 0; i < words.length; i++) memory[i] = BigInt(words[i] ?? 0);
  // No handler of ours may run in the child, which has our memory: not before they are at their default there.
  c.syscall(X64.rtSigprocmask, SIG_BLOCK, every, ours, SIGSET_BYTES, 0);
  const pid = Number(code(ptr(memory)));
  const failed = Number(BigInt.asIntN(64, memory[FAILED_WORD] ?? 0n));
  // Before a signal can end the wait.
  if (pid > 0 && failed < 0) c.wait4(pid, null, 0);
  c.syscall(X64.rtSigprocmask, SIG_SETMASK, ours, 0, SIGSET_BYTES, 0);
  return failed < 0 ? failed : pid;
}
