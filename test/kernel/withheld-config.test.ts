/** The FIFO that an sshd waits on for its config: all of it, or none. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { spawn, waitFor } from "../../src/processes.ts";
import { type WithheldConfig, withholdConfig } from "../../src/withheld-config.ts";

let dir: string;
let path: string;
let withheld: WithheldConfig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "withssh-"));
  path = join(dir, "sshd_config");
  withheld = withholdConfig(path);
});
afterEach(() => {
  withheld.close();
  rmSync(dir, { recursive: true });
});

/** A reader as sshd is one: it opens the path by its name and reads to the end. */
const startReader = () =>
  spawn("test", { argv: ["/bin/cp", path, join(dir, "read")], environment: [], descriptors: [0, 1, 2] });
const bytes = (text: string) => Buffer.from(text);
const until = async (give: () => string) => await expect.poll(give, { interval: 1, timeout: 10_000 }).toBe("read");

test("stands in the place of the config, for its owner alone, and nobody waits there yet", () => {
  expect(statSync(path).isFIFO()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(withheld.give(bytes("Port 1\n"))).toBe("absent");
});

test("who waits there gets the whole config and its end, though the real file has taken the name", async () => {
  const text = "Port 2222\n".repeat(6000);
  const reader = startReader();
  // It sleeps in open: who reads the config by its name from here on reads the file.
  await expect.poll(() => readFileSync(`/proc/${reader}/stat`, "utf8"), { timeout: 10_000 }).toMatch(/^\d+ \(cp\) S /);
  writeFileSync(join(dir, "next"), "Port 1\n");
  renameSync(join(dir, "next"), path);
  await until(() => withheld.give(bytes(text)));
  expect(waitFor(reader)).toEqual({ code: 0, signal: undefined });
  expect(readFileSync(join(dir, "read"), "utf8")).toBe(text);
});

test("a config that no pipe takes at once is not given in part", () => {
  const reader = startReader();
  expect(withheld.give(Buffer.alloc(65_537, "#"))).toBe("unfit");
  process.kill(reader, "SIGKILL");
  expect(waitFor(reader)).toEqual({ code: undefined, signal: 9 });
});

test("takes the place of what an earlier start has left there", () => {
  withholdConfig(path).close();
  expect(statSync(path).isFIFO()).toBe(true);
});
