/** When an sshd that was loaded lets people in, and what we do beside it then: nothing. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PID_NAME } from "../../src/paths.ts";
import { Children } from "../../src/processes.ts";
import type { Sshd } from "../../src/sshd.ts";
import { SshdPlace } from "../../src/sshd-place.ts";

/** As in sshd-place.ts. */
const LISTENING_MS = 300;
const LONGEST_MS = 100;
/** As sshd starts: it reads its config and writes its PID file, which is the gate. */
const STARTS = `#!/bin/sh\ncd "\${0%/*}" && cat "$4" > /dev/null && echo $$ > ${PID_NAME} && : > through`;
const STAYS = "exec tail -f /dev/null";
const LISTENS = `echo 'Server listening on 0.0.0.0 port 2222.' >&2\n${STAYS}`;

let dir: string;
let place: SshdPlace;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "withssh-"));
  place = new SshdPlace(new Children("now"), () => {});
});
afterEach(() => {
  place.drop();
  place.log.close();
  rmSync(dir, { recursive: true });
});

/** One that is given its config as soon as it comes to it. */
function load(afterGate: string): Sshd {
  const path = join(dir, "sshd");
  writeFileSync(path, `${STARTS}\n${afterGate}\n`);
  chmodSync(path, 0o755);
  const sshd = place.renew(path, dir);
  sshd.warm();
  sshd.load(Buffer.from("Port 2222\n"));
  return sshd;
}

/** The same, once it waits at the gate. */
async function loadFully(afterGate: string): Promise<Sshd> {
  const began = performance.now();
  const sshd = load(afterGate);
  expect(sshd.facts.upMs).toBeLessThanOrEqual(performance.now() - began);
  const isAtGate = () => readFileSync(`/proc/${sshd.facts.pid}/wchan`, "utf8");
  await expect.poll(isAtGate, { timeout: 10_000 }).toBe("wait_for_partner");
  return sshd;
}

const timed = async (run: () => Promise<void>) => {
  const began = performance.now();
  await run();
  return performance.now() - began;
};

test("whoever waits for it has the machine while it starts and answers", async () => {
  const sshd = await loadFully(LISTENS);
  const { upMs } = sshd.facts;
  const elapsedMs = await timed(() => place.admit({ headStart: true }));
  expect(elapsedMs).toBeGreaterThanOrEqual(Math.min(upMs * 1.5, LONGEST_MS));
  // It had its config: nothing was waited for in vain.
  expect(elapsedMs).toBeLessThan(LISTENING_MS);
  expect(place.log.awaitRecord(0)).toBe(true);
});

test("one that has not come to its config yet gets it all the same", async () => {
  load(LISTENS);
  await place.admit({ headStart: true });
  expect(place.log.awaitRecord(0)).toBe(true);
});

test("one that says nothing is not waited for without end", async () => {
  await loadFully(STAYS);
  expect(await timed(() => place.admit({ headStart: true }))).toBeGreaterThanOrEqual(LISTENING_MS);
  expect(place.log.awaitRecord(0)).toBe(false);
});

test("without a head start it is let in, and nobody waits", async () => {
  await loadFully(STAYS);
  expect(await timed(() => place.admit({ headStart: false }))).toBeLessThan(LISTENING_MS);
  await expect.poll(() => readFileSync(join(dir, "through"), "utf8"), { timeout: 10_000 }).toBe("");
});

test("where none was loaded there is nothing to wait for", async () => {
  expect(await timed(() => place.admit({ headStart: true }))).toBeLessThan(LISTENING_MS);
  place.renew(join(dir, "sshd"), dir);
  expect(await timed(() => place.admit({ headStart: true }))).toBeLessThan(LISTENING_MS);
});
