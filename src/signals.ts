/**
 * Signals as the app inherits them and as the launcher passes them on where it stays. Listening to a signal forgets
 * that it came ignored, so what came ignored is read first. Must never leave a signal blocked or ignored for the app.
 */
import { byteString } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { c, ptr } from "./libc.ts";

/** Bytes enough for struct sigaction and sigset_t of both C libraries; the handler is its first word. */
const ACTION_BYTES = 256;
const SIG_IGN = 1;
const SIG_SETMASK = 2;
/** A line of proc(5), status, and how long its number is. */
const SIG_IGN_FIELD = "\nSigIgn:\t";
const SIG_IGN_DIGITS = 16;
const SIGCHLD = 17;
const SIGSTKFLT = 16;
/** The first real-time signal that no C library keeps for itself (musl takes 32 to 34). */
const SIGRTMIN = 35;
const SIGRTMAX = 64;
/** SIGPIPE and SIGXFSZ, as a mask: the runtime has ignored them before anything of ours runs, so how they came cannot be known. */
export const IGNORED_BY_RUNTIME = (1n << 12n) | (1n << 24n);

/**
 * Every catchable signal that the runtime can listen to (signal(7); the same numbers on x86-64 and arm64), but those
 * that a fault of ours or a child sends. SIGPWR is the runtime's own: it stops threads with it and tells no listener.
 */
export const FORWARDED = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
} as const;

/** What a terminal and a runtime send to end something. */
export const ENDING = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/** The signals that came ignored, as a mask: bit n-1 for signal n (proc(5), SigIgn). Call it before any listener. */
export function readIgnoredSignals(): bigint {
  const status = byteString(slurp("/proc/self/status", "read ignored signals"));
  const at = status.indexOf(SIG_IGN_FIELD) + SIG_IGN_FIELD.length;
  return BigInt(`0x${status.slice(at, at + SIG_IGN_DIGITS)}`) & ~IGNORED_BY_RUNTIME;
}

/** Ignores the signals of this mask: an exec keeps that (execve(2)). */
export function ignoreSignals(mask: bigint): void {
  forEachSignal(mask, ignoreSignal);
}

/** Mostly there is none, which takes no time. */
function forEachSignal(mask: bigint, run: (signal: number) => void): void {
  if (mask === 0n) return;
  for (let signal = 1; signal <= SIGRTMAX; signal++) if ((mask >> BigInt(signal - 1)) & 1n) run(signal);
}

/**
 * As after a start of our own, whoever our parent is: nothing is blocked, and what came ignored is not; but for the two that
 * the runtime ignores itself, so that a closed pipe or a full limit is an error and not our end.
 */
export function forgetInheritedSignals(): void {
  const plain = new Uint8Array(ACTION_BYTES);
  ignoreSignals(IGNORED_BY_RUNTIME);
  forEachSignal(readIgnoredSignals(), (signal) => void c.sigaction(signal, ptr(plain), null));
  c.sigprocmask(SIG_SETMASK, ptr(plain), null);
}

/**
 * For a launcher that stays, once its child has started: nothing stays blocked, or it would hear of no end; and what the
 * runtime cannot listen to is ignored, or it would end us.
 */
export function hearSignals(): void {
  const none = new Uint8Array(ACTION_BYTES);
  c.sigprocmask(SIG_SETMASK, ptr(none), null);
  ignoreSignal(SIGSTKFLT);
  for (let signal = SIGRTMIN; signal <= SIGRTMAX; signal++) ignoreSignal(signal);
}

function ignoreSignal(signal: number): void {
  const action = new Uint8Array(ACTION_BYTES);
  action[0] = SIG_IGN;
  c.sigaction(signal, ptr(action), null);
}

/** Before a child that the app must not hear of: gives what discards the SIGCHLD that it left, unless one was waiting before. */
export function expectChildSignal(): () => void {
  const hadOne = isChildSignalPending();
  return () => {
    if (!hadOne && isChildSignalPending()) discardChildSignal();
  };
}

/** True when a SIGCHLD waits for whoever unblocks it. */
function isChildSignalPending(): boolean {
  const pending = new Uint8Array(ACTION_BYTES);
  c.sigpending(ptr(pending));
  return ((pending[(SIGCHLD - 1) >> 3] ?? 0) & (1 << ((SIGCHLD - 1) & 7))) !== 0;
}

/** Discards a SIGCHLD that waits: setting an action that ignores it does so (sigaction(2)), the one that it has. */
function discardChildSignal(): void {
  const action = new Uint8Array(ACTION_BYTES);
  c.sigaction(SIGCHLD, null, ptr(action));
  c.sigaction(SIGCHLD, ptr(action), null);
}
