/** The supervisor's log on a real stderr, from a process of its own: stderr here is the test runner's. */
import { expect, test } from "vitest";
import { readAll } from "../../src/descriptors.ts";
import { c, O, ptr } from "../../src/libc.ts";

const LOG = new URL("../../src/log.ts", import.meta.url).pathname;

/** Runs `body` with a `log` of this level and format; gives what came out of stderr. */
async function runLog(body: string, options: { level?: string; format?: string } = {}) {
  const { level = "info", format = "json" } = options;
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog(${JSON.stringify(level)}, ${JSON.stringify(format)});
    ${body}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  const err = await new Response(child.stderr).text();
  return { err, out: await new Response(child.stdout).text(), code: await child.exited };
}

const linesOf = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Runs a script whose stderr nobody reads until it has said "through"; then it gets a word on stdin. */
async function readLate(script: string) {
  // A pipe that nobody drains; the runtime reads the ones that it makes.
  const pipe = new Int32Array(2);
  c.pipe2(ptr(pipe), O.cloexec);
  const [readEnd = -1, writeEnd = -1] = pipe;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["pipe", "pipe", writeEnd] });
  c.close(writeEnd);
  const out = child.stdout.getReader();
  expect(new TextDecoder().decode((await out.read()).value)).toBe("through\n");
  child.stdin.write("go");
  await child.stdin.end();
  const lines = linesOf(new TextDecoder().decode(readAll(readEnd, "test", 1 << 22)));
  c.close(readEnd);
  return { lines };
}

test("each event is one JSON line on stderr with the time at which it happened, and stdout stays empty", async () => {
  const { err, out } = await runLog(`
    log.write({ type: "stopping", why: "two\\nlines" }, Date.UTC(2024, 0, 1));
    log.write({ type: "app ended" }, Date.UTC(2024, 0, 2));`);
  expect(linesOf(err)).toEqual([
    { level: "info", time: "2024-01-01T00:00:00.000Z", msg: "stopping", why: "two\nlines" },
    { level: "info", time: "2024-01-02T00:00:00.000Z", msg: expect.any(String) },
  ]);
  expect(out).toBe("");
});

test("what is below the level is not there", async () => {
  const body = `
    log.write({ type: "debug", text: "d" }, 0);
    log.write({ type: "app ended" }, 0);
    log.write({ type: "log lost", count: 1 }, 0);
    log.write({ type: "refused start", text: "e" }, 0);`;
  const levels = async (level: string) => linesOf((await runLog(body, { level })).err).map((line) => line["level"]);
  expect([await levels("debug"), await levels("warn"), await levels("error")]).toEqual([
    ["debug", "info", "warn", "error"],
    ["warn", "error"],
    ["error"],
  ]);
});

test("the pretty form has the same words, and fields that pino would take for its own", async () => {
  const { err } = await runLog(`log.write({ type: "stopping", why: "x" }, Date.UTC(2024, 0, 1, 14, 3, 7));`, {
    format: "pretty",
  });
  expect(Bun.stripANSI(err)).toBe("14:03:07 info  withssh: stopping why=x\n");
});

test("a reader that has stopped does not stop us; what it missed is counted and told when it reads on", async () => {
  // Nobody reads while the script writes its 2 MB: the marker on stdout says that it is through with that.
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog("info", "json");
    const why = "x".repeat(1000);
    for (let i = 0; i < 2000; i++) log.write({ type: "stopping", why }, 0);
    console.log("through");
    for await (const _ of Bun.stdin.stream()) break;
    const wait = setInterval(() => log.write({ type: "app ended" }, 0), 50);
    setTimeout(() => clearInterval(wait), 1000);`;
  const { lines } = await readLate(script);
  const whole = lines.filter((line) => line["msg"] === "stopping").length;
  const lost = lines
    .filter((line) => line["msg"] === "log records lost")
    .reduce((sum, line) => sum + Number(line["count"]), 0);
  expect(whole).toBeLessThan(2000);
  expect(whole + lost).toBeGreaterThanOrEqual(2000);
  expect(lines.some((line) => line["why"] !== undefined && line["why"] !== "x".repeat(1000))).toBe(false);
});

test("what strangers cause drives out no login while the reader has stopped", async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog("info", "json");
    const person = { user: "x".repeat(500), address: "10.0.0.1", port: 1 };
    for (let i = 0; i < 2000; i++) log.write({ type: "refused", ...person, why: "w", offered: [] }, 0);
    for (let i = 0; i < 200; i++) log.write({ type: "accepted", ...person, user: "ina", port: i, key: "k" }, 0);
    console.log("through");
    for await (const _ of Bun.stdin.stream()) break;
    setTimeout(() => process.exit(0), 1000);`;
  const { lines } = await readLate(script);
  expect(lines.filter((line) => line["msg"] === "accepted").map((line) => line["port"])).toEqual([
    ...Array(200).keys(),
  ]);
  const lost = lines.filter((line) => line["msg"] === "log records lost");
  expect(lost.reduce((sum, line) => sum + Number(line["count"]), 0)).toBe(
    2000 - lines.filter((line) => line["msg"] === "refused").length,
  );
});

test("our way of not waiting is not the app's: its stderr still waits", async () => {
  const F_GETFL = 3;
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const { c } = await import(${JSON.stringify(LOG.replace("log.ts", "libc.ts"))});
    const before = c.fcntl(2, ${F_GETFL}, 0);
    createLog("info", "json");
    console.log(JSON.stringify([before, c.fcntl(2, ${F_GETFL}, 0)].map((flags) => (flags & ${O.nonblock}) !== 0)));`;
  const pipe = new Int32Array(2);
  c.pipe2(ptr(pipe), O.cloexec);
  const [readEnd = -1, writeEnd = -1] = pipe;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", writeEnd] });
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual([false, true]);
  expect(c.fcntl(writeEnd, F_GETFL, 0) & O.nonblock).toBe(0);
  c.close(readEnd);
  c.close(writeEnd);
});

test("a reader that is gone does not end us", async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const log = createLog("info", "json");
    for await (const _ of Bun.stdin.stream()) break;
    for (let i = 0; i < 100; i++) log.write({ type: "app ended" }, 0);
    console.log("alive");
    process.exit(7);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
  await child.stderr.cancel();
  child.stdin.write("go");
  await child.stdin.end();
  expect([await new Response(child.stdout).text(), await child.exited]).toEqual(["alive\n", 7]);
});
