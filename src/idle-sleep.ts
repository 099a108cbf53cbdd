/**
 * How an idle supervisor sleeps: in a ppoll(2) of ours on the runtime's event queue, and not in the runtime's own wait, whose
 * collector looks around once a second. All that wakes the runtime makes its queue readable (epoll(7), "can be polled"): other
 * threads and signals by its counter, sockets and pidfds themselves. Must never take an event from it, nor sleep past a timer.
 */
import { isReadable } from "./poll.ts";
import { openDescriptors } from "./process-facts.ts";
import type { TimerRecord } from "./timer-record.ts";

export interface SleepTimes {
  /** After an event the runtime waits by itself for so long: what follows is at its speed, and it collects what was left. */
  readonly quietMs: number;
  /** After a timer that was due, and what has to be left until the next. */
  readonly turnMs: number;
  /** The longest sleep: should an event ever wake nobody, it is late by this and no more. */
  readonly longestMs: number;
}

const TIMES: SleepTimes = { quietMs: 2000, turnMs: 100, longestMs: 60_000 };

/** The runtime's event queue; undefined where it cannot be told from others. Ask before a download has made another thread's. */
export function findEventQueue(): number | undefined {
  const [queue, another] = openDescriptors().filter(({ kind }) => kind === "eventpoll");
  return another === undefined ? queue?.fd : undefined;
}

/** Sleeps whenever nothing is to be done, from now on. What cannot be slept on is left to the runtime for good. */
export function sleepBetweenEvents(queue: number, timers: TimerRecord, times: SleepTimes = TIMES): void {
  const tryIn = (ms: number) => void setTimeout(settle, ms);
  // An immediate runs when all that was ready has run; what that has left for another turn of the loop runs before the second.
  const settle = () => void setImmediate(() => setImmediate(sleep));
  const sleep = () => {
    const leftMs = Math.min(timers.untilNextMs(), times.longestMs);
    if (leftMs < times.turnMs) return tryIn(times.quietMs);
    const until = performance.now() + leftMs;
    const hasEvent = isReadable(queue, leftMs);
    if (hasEvent || performance.now() >= until) tryIn(hasEvent ? times.quietMs : times.turnMs);
  };
  tryIn(times.quietMs);
}
