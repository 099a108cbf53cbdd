/** Ours beside the runtime's own, which are taken before ours stand in their place. */
import { beforeAll, expect, test } from "vitest";

const NAMES = ["at", "every", "filter", "find", "findIndex", "flatMap", "map", "some"] as const;
type Name = (typeof NAMES)[number];
// biome-ignore lint/complexity/noBannedTypes: they are only called through `Reflect.apply`
type Own = Record<Name, Function>;

let theirs: Own;
beforeAll(async () => {
  theirs = take();
  await import("../../src/array-functions.ts");
});

const take = () => Object.fromEntries(NAMES.map((name) => [name, Array.prototype[name]])) as unknown as Own;

class Kind extends Array<unknown> {}

/** Made anew for each call: some change while they are gone through. */
const SUBJECTS: Readonly<Record<string, () => ArrayLike<unknown>>> = {
  empty: () => [],
  numbers: () => [3, 1, 2],
  gaps: () => Object.assign([], { 1: "b", 3: undefined, length: 6 }),
  nested: () => [[1, [2]], [], "x", Object.assign([], { 1: "y", length: 3 })],
  "of a class of its own": () => Kind.from([1, 2, 3]),
  "no array": () => ({ length: 2, 0: "a", 1: "b" }),
  text: () => "abc",
};

type Seen = [unknown, number, unknown, unknown];
const VISITS: Readonly<Record<string, (value: unknown, index: number, all: unknown) => unknown>> = {
  "gives the value": (value) => value,
  "gives whether it is the second": (_, index) => index === 1,
  "gives nothing": () => undefined,
  "gives lists": (value, index) => [value, index],
  "adds to it": (value, _, all) => Array.isArray(all) && all.length < 20 && all.push(value),
  "takes from it": (_, __, all) => Array.isArray(all) && all.pop(),
};

function run(
  own: Own,
  name: Name,
  subject: () => ArrayLike<unknown>,
  visit: (...args: never[]) => unknown,
  self: unknown,
) {
  const seen: Seen[] = [];
  function look(this: unknown, ...args: [unknown, number, unknown]): unknown {
    seen.push([args[0], args[1], typeof args[2], this]);
    return Reflect.apply(visit, undefined, args);
  }
  const on = subject();
  const result = Reflect.apply(own[name], on, self === undefined ? [look] : [look, self]);
  return { result, seen, on, isOfItsClass: result instanceof Kind, keys: Object.keys(Object(result)) };
}

const cases = Object.keys(SUBJECTS).flatMap((subject) => Object.keys(VISITS).map((visit) => [subject, visit] as const));

test.each(cases)("%s, a function that %s: the same result, and the same is seen", (of, by) => {
  const [subject, visit] = [SUBJECTS[of] ?? (() => []), VISITS[by] ?? (() => undefined)];
  const ours = take();
  for (const name of NAMES.filter((one) => one !== "at")) {
    expect(ours[name], name).not.toBe(theirs[name]);
    for (const self of [undefined, "me"]) {
      expect(run(ours, name, subject, visit, self), name).toEqual(run(theirs, name, subject, visit, self));
    }
  }
});

test.each(Object.keys(SUBJECTS))("%s: the same at every place", (of) => {
  for (const index of [0, 1, -1, -2, 7, -7, 1.9, -1.9, Number.NaN, "1", undefined]) {
    const [on, ours] = [(SUBJECTS[of] ?? (() => []))(), take()];
    expect(Reflect.apply(ours.at, on, [index]), String(index)).toEqual(Reflect.apply(theirs.at, on, [index]));
  }
});

test("no loop over the names of an array sees them", () => {
  const names: string[] = [];
  for (const name in [1]) names.push(name);
  expect(names).toEqual(["0"]);
});
