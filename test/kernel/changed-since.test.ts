/** What was changed between a start's read and its first watch, by the times that files keep. */
import { mkdirSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hasChangedSince } from "../../src/watcher.ts";

const place = mkdtempSync(join(tmpdir(), "withssh-since-"));
afterAll(() => rmSync(place, { recursive: true }));

/** A time by which the file had changed, and one long after it. */
const times = (path: string) => [statSync(path).ctimeMs, statSync(path).ctimeMs + 1000] as const;

test("a file is taken up again where it was changed or made since, or is gone that was there", () => {
  const path = join(place, "authorized_keys");
  expect(hasChangedSince(path, 0, false)).toBe(false);
  writeFileSync(path, "a");
  const [changed, later] = times(path);
  expect([0, changed, later].map((since) => hasChangedSince(path, since, true))).toEqual([true, true, false]);
  unlinkSync(path);
  expect(hasChangedSince(path, later, true)).toBe(true);
});

test("a directory is taken up again where one of its files was changed, made or removed since", () => {
  const path = join(place, "keys");
  mkdirSync(path);
  const [made] = times(path);
  writeFileSync(join(path, "one"), "a");
  const [changed, later] = times(join(path, "one"));
  expect([made, changed, later].map((since) => hasChangedSince(path, since, true))).toEqual([true, true, false]);
  unlinkSync(join(path, "one"));
  const [removed, muchLater] = times(path);
  expect([removed, muchLater].map((since) => hasChangedSince(path, since, true))).toEqual([true, false]);
});
