import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Event, renderEvent } from "../../src/events.ts";
import { FIRST_FEW, MOST_BUCKETS, networkOf, Repeats, WINDOW_MS } from "../../src/repeats.ts";

let events: Event[];
let repeats: Repeats;
beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  repeats = new Repeats({ emit: (event) => void events.push(event), elapsedMs: () => performance.now() });
});
afterEach(() => void vi.useRealTimers());

const refuse = (address: string, user = "root") =>
  repeats.offer({ type: "refused", user, address, port: 1, why: "no key", offered: [] });
/** What people see. */
const seen = () => events.filter((event) => renderEvent(event).level !== "debug");
const countOf = (list: readonly Event[]) =>
  list.reduce((sum, event) => sum + (event.type === "repeated" ? event.count : 1), 0);

describe("refusals of one address", () => {
  test("are told up to the first few; the rest is told once, by its number, with some of the names", () => {
    for (let i = 0; i < 1000; i++) refuse("10.0.0.1", `user${i}`);
    expect(seen()).toHaveLength(FIRST_FEW);
    expect(events).toHaveLength(1000);
    vi.advanceTimersByTime(WINDOW_MS);
    const samples = ["user5", "user6", "user7", "user8", "user9"];
    expect(seen().slice(FIRST_FEW)).toEqual([
      { type: "repeated", what: "refused", level: "info", address: "10.0.0.1", count: 995, seconds: 60, samples },
    ]);
  });

  test("are all told where they are few, and nothing is said at the window's end", () => {
    for (let i = 0; i < FIRST_FEW; i++) refuse("10.0.0.1");
    vi.advanceTimersByTime(2 * WINDOW_MS);
    expect(seen()).toHaveLength(FIRST_FEW);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("are told one by one again in the next window", () => {
    for (let i = 0; i < 10; i++) refuse("10.0.0.1");
    vi.advanceTimersByTime(WINDOW_MS);
    refuse("10.0.0.1");
    expect(seen().map(({ type }) => type)).toEqual([...Array(FIRST_FEW).fill("refused"), "repeated", "refused"]);
  });

  test("hide no other address's, whatever names a stranger makes up", () => {
    for (let i = 0; i < 10_000; i++) refuse("10.0.0.1", `10.0.0.2 ${"x".repeat(i)}`);
    refuse("10.0.0.2", "ina");
    expect(seen().at(-1)).toMatchObject({ type: "refused", address: "10.0.0.2", user: "ina" });
    vi.advanceTimersByTime(WINDOW_MS);
    const summary = seen().at(-1);
    expect(JSON.stringify(summary).length).toBeLessThan(1000);
  });
});

describe("refusals of many addresses", () => {
  test("are bounded in lines, and not one goes uncounted", () => {
    const times = 20_000;
    for (let i = 0; i < times; i++) refuse(`10.${i % 250}.${(i >> 8) & 255}.1`, `u${i}`);
    vi.advanceTimersByTime(WINDOW_MS);
    expect(seen().length).toBeLessThanOrEqual((MOST_BUCKETS + 1) * (FIRST_FEW + 1));
    expect(countOf(seen())).toBe(times);
    expect(seen().filter((event) => event.type === "repeated" && event.address === undefined)).toHaveLength(1);
  });

  test("of one IPv6 network count as of one", () => {
    for (let i = 0; i < 100; i++) refuse(`2001:db8:0:7::${i.toString(16)}`);
    vi.advanceTimersByTime(WINDOW_MS);
    expect(seen().at(-1)).toMatchObject({ type: "repeated", address: "2001:db8:0:7::/64", count: 95 });
  });
});

test("logins and ends of sessions are all told, in the middle of a storm", () => {
  const person = { user: "ina", address: "10.0.0.1", port: 2 };
  for (let i = 0; i < 500; i++) {
    refuse("10.0.0.1");
    repeats.offer({ type: "accepted", ...person, key: "SHA256:x" });
    repeats.offer({ type: "disconnected", ...person });
  }
  expect(events.filter(({ type }) => type === "accepted")).toHaveLength(500);
  expect(events.filter(({ type }) => type === "disconnected")).toHaveLength(500);
});

test("what a stranger makes sshd say is counted by sshd's own words, at the level that it had", () => {
  const say = (level: "info" | "warn" | "debug", text: string) => repeats.offer({ type: "sshd", level, text });
  for (let i = 0; i < 100; i++) {
    say("info", `Unable to negotiate with 10.0.0.1 port ${i}: no matching cipher found. Their offer: x${i}`);
    say("warn", "beginning MaxStartups throttling");
    say("debug", `Connection from 10.0.0.1 port ${i}`);
  }
  expect(seen()).toHaveLength(2 * FIRST_FEW);
  expect(events).toHaveLength(300);
  vi.advanceTimersByTime(WINDOW_MS);
  expect(seen().slice(2 * FIRST_FEW)).toMatchObject([
    { type: "repeated", what: "sshd", level: "info", count: 95 },
    { type: "repeated", what: "sshd", level: "warn", count: 95, samples: ["beginning MaxStartups throttling"] },
  ]);
});

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["2001:0db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1:0:0:1", "2001:db8:0:0::/64"],
  ["UNKNOWN", "UNKNOWN"],
])("%s is of %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
