/** A helper that the launcher waits for, the wall's clock being set meanwhile. */
import { afterEach, expect, test, vi } from "vitest";
import { askSudo, hearSudo } from "../../src/sudo-ask.ts";

const DAY_MS = 86_400_000;

afterEach(() => void vi.restoreAllMocks());

test("a helper that answers after the clock was set is heard to its end, by a clock that nobody sets", () => {
  const began = Date.now();
  let looks = 0;
  vi.spyOn(Date, "now").mockImplementation(() => began + looks++ * DAY_MS);
  const asked = askSudo(["/bin/sh", "-c", "head -c 3000000 /dev/zero | cksum > /dev/null; echo said; exit 3"]);
  expect(hearSudo(asked, performance.now() + 30_000)).toEqual({
    ending: { code: 3, signal: undefined },
    stdout: "said\n",
    stderr: "",
  });
});

test("one that does not end before the deadline has proved nothing", () => {
  const asked = askSudo(["/bin/sh", "-c", "exec sleep 1000"]);
  expect(() => hearSudo(asked, performance.now())).toThrow("sudo did not say in time what is left");
  process.kill(asked.pid, "SIGKILL");
});
