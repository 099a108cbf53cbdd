/** What the launcher hears from the supervisor over a real pipe, the wall's clock being set meanwhile. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { c, O, ptr } from "../../src/libc.ts";
import { spawn, waitFor } from "../../src/processes.ts";
import { readReply } from "../../src/supervisor-reply.ts";

const DAY_MS = 86_400_000;
const NOTHING = { path: "/dev/null", write: true } as const;
/** Long after whoever waits has begun to. */
const SLOWLY = "head -c 3000000 /dev/zero | cksum > /dev/null;";

beforeEach(() => {
  const began = Date.now();
  let looks = 0;
  vi.spyOn(Date, "now").mockImplementation(() => began + looks++ * DAY_MS);
});
afterEach(() => void vi.restoreAllMocks());

/** The reading end of a pipe that this script's output goes into, and the script's pid. */
function speak(script: string): { readonly fd: number; readonly pid: number } {
  const pipe = new Int32Array(2);
  c.pipe2(ptr(pipe), O.cloexec);
  const [fd = -1, end = -1] = pipe;
  const environment = ["PATH=/usr/bin:/bin"];
  const pid = spawn("speak", { argv: ["/bin/sh", "-c", script], environment, descriptors: [NOTHING, end, NOTHING] });
  c.close(end);
  return { fd, pid };
}

test("an answer that comes after the clock was set forward counts", () => {
  const { fd, pid } = speak(`${SLOWLY} echo '{"ready":true}'`);
  expect(readReply(fd, 30_000)).toEqual({ ready: true });
  waitFor(pid);
});

test("a supervisor that ends without a word is no answer, however the clock is set", () => {
  const { fd, pid } = speak(SLOWLY);
  expect(readReply(fd, 30_000)).toEqual({ ready: false, why: "the supervisor ended without an answer" });
  waitFor(pid);
});
