/** The record of all timers of a process. What sets and clears them is put back after each test. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { recordTimers, type TimerRecord } from "../../src/timer-record.ts";

const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = globalThis;
const LONG_MS = 1e6;
/** What the test itself takes between setting a timer and asking. */
const SLACK_MS = 5000;

let record: TimerRecord;
beforeEach(() => {
  record = recordTimers();
});
afterEach(() => {
  Object.assign(globalThis, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate });
});

function expectNext(ms: number): void {
  expect(record.untilNextMs()).toBeGreaterThan(ms - SLACK_MS);
  expect(record.untilNextMs()).toBeLessThanOrEqual(ms);
}

test("without any there is no end of time", () => {
  expect(record.untilNextMs()).toBe(Number.POSITIVE_INFINITY);
});

test("the next of several is told, and what is cleared is no more in it", () => {
  const far = globalThis.setTimeout(() => {}, 3 * LONG_MS);
  const every = globalThis.setInterval(() => {}, 2 * LONG_MS);
  const near = globalThis.setTimeout(() => {}, LONG_MS);
  expectNext(LONG_MS);
  globalThis.clearTimeout(near);
  expectNext(2 * LONG_MS);
  globalThis.clearInterval(every);
  expectNext(3 * LONG_MS);
  globalThis.clearTimeout(far);
  expect(record.untilNextMs()).toBe(Number.POSITIVE_INFINITY);
});

test("a time that no timer can have is the shortest, as for the runtime", () => {
  for (const ms of [0, 0.5, undefined]) {
    const timer = globalThis.setTimeout(() => {}, ms);
    expect(record.untilNextMs()).toBeLessThanOrEqual(1);
    globalThis.clearTimeout(timer);
  }
});

test("one that has run is no more in it, gets what the runtime gives it, and may set the next", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown[]>();
  const timer = globalThis.setTimeout(
    function (this: unknown, word: string) {
      globalThis.setTimeout(() => {}, LONG_MS).unref();
      resolve([this, word]);
    },
    1,
    "word",
  );
  const [self, word] = await promise;
  expect(self === timer).toBe(true);
  expect(word).toBe("word");
  expectNext(LONG_MS);
});

test("an interval is due again after each run", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  const timer = globalThis.setInterval(() => {
    runs += 1;
    if (runs === 2) resolve();
  }, 20);
  await promise;
  expect(record.untilNextMs()).toBeGreaterThan(0);
  expect(record.untilNextMs()).toBeLessThanOrEqual(20);
  globalThis.clearInterval(timer);
});

test("an immediate is due until it has run or is cleared", async () => {
  globalThis.clearImmediate(globalThis.setImmediate(() => {}));
  expect(record.untilNextMs()).toBe(Number.POSITIVE_INFINITY);
  const { promise, resolve } = Promise.withResolvers<string>();
  globalThis.setImmediate(resolve, "word");
  expect(record.untilNextMs()).toBeLessThanOrEqual(0);
  expect(await promise).toBe("word");
  expect(record.untilNextMs()).toBe(Number.POSITIVE_INFINITY);
});
