/** What is changed above what is watched, and between a start's read and its first watch, on real files. */
import { mkdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hasChangedSince, startWatcher, type Watcher } from "../../src/watcher.ts";

/** Far below the look that needs no event (30 s), on a loaded machine too. */
const DEADLINE_MS = 8000;

let place: string;
let watcher: Watcher | undefined;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "withssh-watcher-"));
  await makeVolume("volume", "one");
});
afterEach(async () => {
  watcher?.close();
  await rm(place, { recursive: true });
});

async function makeVolume(name: string, keys: string): Promise<void> {
  await mkdir(join(place, name, "data/.ssh"), { recursive: true });
  await writeFile(join(place, name, "data/.ssh/authorized_keys"), keys);
}

/** Watches the keys; each call gives the next change. */
function watchKeys(): () => Promise<void> {
  let changes = 0;
  let taken = 0;
  let wake = () => {};
  const path = join(place, "volume/data/.ssh/authorized_keys");
  watcher = startWatcher([{ topic: "keys", paths: [path] }], () => {
    changes += 1;
    wake();
  });
  return async () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    wake = resolve;
    const timer = setTimeout(() => reject(new Error(`no change in ${DEADLINE_MS} ms`)), DEADLINE_MS);
    if (changes <= taken) await promise;
    taken += 1;
    clearTimeout(timer);
  };
}

test("a directory above, swapped for another, is seen without waiting for the rare look, and so is the next swap", async () => {
  const nextChange = watchKeys();
  for (const round of ["two", "three"]) {
    await makeVolume(round, round);
    await rename(join(place, "volume"), join(place, `before-${round}`));
    await nextChange();
    await rename(join(place, round), join(place, "volume"));
    await nextChange();
  }
}, 60_000);

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
