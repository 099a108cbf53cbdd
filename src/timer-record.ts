/**
 * When the next timer is due, whoever has set it. The runtime does not tell: so what sets and clears timers is replaced, for
 * this whole process with every library in it, by the same that keeps a record. Nobody can forget to use it; what would pass it
 * by (node:timers, Bun.sleep, AbortSignal.timeout, refresh) is in nothing that we ship: test/imports.test.ts.
 */

/** The longest time of a timer; any other that is none of 1 up to here counts as 1 (the HTML standard, and node's timers). */
const MOST_MS = 2 ** 31 - 1;

export interface TimerRecord {
  /** Milliseconds until the next timer or immediate of this process is due, below 0 where it is overdue; Infinity without any. */
  untilNextMs(): number;
}

type Callback = (...args: unknown[]) => void;

/** Keeps the record of all timers that are set from now on. Once in a process, before anything has set one. */
export function recordTimers(): TimerRecord {
  // One that is ended by other means than by its clear function stays, overdue: whoever asks then never waits too long.
  const dueMs = new Map<unknown, number>();
  const once = <Set extends typeof setTimeout | typeof setImmediate>(
    set: Set,
    delayOf: (first: unknown) => number,
  ): Set =>
    new Proxy(set, {
      apply: (real, self, [callback, ...rest]: [Callback, ...unknown[]]) => {
        function run(this: unknown, ...args: unknown[]): void {
          dueMs.delete(timer);
          Reflect.apply(callback, this, args);
        }
        const timer: unknown = Reflect.apply(real, self, [run, ...rest]);
        dueMs.set(timer, performance.now() + delayOf(rest[0]));
        return timer;
      },
    });
  const repeatedly = (set: typeof setInterval): typeof setInterval =>
    new Proxy(set, {
      apply: (real, self, [callback, ms, ...rest]: [Callback, unknown, ...unknown[]]) => {
        const note = () => dueMs.set(timer, performance.now() + readDelay(ms));
        function run(this: unknown, ...args: unknown[]): void {
          note();
          Reflect.apply(callback, this, args);
        }
        const timer: unknown = Reflect.apply(real, self, [run, ms, ...rest]);
        note();
        return timer;
      },
    });
  const forget = <Clear extends typeof clearTimeout | typeof clearImmediate>(clear: Clear): Clear =>
    new Proxy(clear, {
      apply: (real, self, [timer]: [unknown]) => {
        dueMs.delete(timer);
        return Reflect.apply(real, self, [timer]);
      },
    });
  globalThis.setTimeout = once(setTimeout, readDelay);
  globalThis.setImmediate = once(setImmediate, () => 0);
  globalThis.setInterval = repeatedly(setInterval);
  globalThis.clearTimeout = forget(clearTimeout);
  globalThis.clearInterval = forget(clearInterval);
  globalThis.clearImmediate = forget(clearImmediate);
  return {
    untilNextMs: () => {
      let next = Number.POSITIVE_INFINITY;
      for (const due of dueMs.values()) next = Math.min(next, due);
      return next - performance.now();
    },
  };
}

function readDelay(ms: unknown): number {
  const delay = Number(ms);
  return delay >= 1 && delay <= MOST_MS ? delay : 1;
}
