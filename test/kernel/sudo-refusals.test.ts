/** The supervisor's ear for refused calls: a fifo, heard at once and told seldom. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Event } from "../../src/events.ts";
import type { Host } from "../../src/host.ts";
import { openNativeDir } from "../../src/native-dir.ts";
import { hearRefusals } from "../../src/sudo-refusals.ts";

const place = mkdtempSync(join(tmpdir(), "withssh-refusals-"));
afterAll(() => rmSync(place, { recursive: true }));

test("each refused call is counted, the first is told at once, and a flood is a few lines", async () => {
  const path = join(place, "refused-calls");
  // What an earlier start has left, or somebody planted, is not used.
  writeFileSync(path, "old");
  const events: Event[] = [];
  let wake = () => {};
  const emit = (event: Event) => {
    events.push(event);
    wake();
  };
  const dir = openNativeDir("look", place);
  hearRefusals({ emit } as Host, { private: dir, keys: dir }, 300);
  const count = () => events.reduce((sum, event) => sum + (event.type === "call refused" ? event.count : 0), 0);
  const until = (isIt: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`saw ${JSON.stringify(events)}`)), 20_000);
      wake = () => {
        if (!isIt()) return;
        clearTimeout(deadline);
        resolve();
      };
      wake();
    });

  expect(statSync(path).mode.toString(8)).toBe("10600");
  writeFileSync(path, "r", { flag: "r+" });
  await until(() => count() === 1);
  // What we read ourselves must not wake us: the looks end.
  const looks: number[] = [];
  const listener = () => void looks.push(performance.now());
  process.on("SIGIO", listener);
  writeFileSync(path, "r", { flag: "r+" });
  await until(() => count() === 2);
  await expect.poll(() => performance.now() - (looks.at(-1) ?? 0), { timeout: 10_000 }).toBeGreaterThan(100);
  process.off("SIGIO", listener);
  for (let call = 0; call < 500; call += 1) writeFileSync(path, "r", { flag: "r+" });
  await until(() => count() === 502);
  expect(events.length).toBeLessThan(20);
  expect(events).toEqual(events.map(() => expect.objectContaining({ type: "call refused" })));
}, 60_000);
