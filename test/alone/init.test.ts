/**
 * WITHSSH_INIT=true: the launcher stays as the app's parent, passes signals on once, reaps orphans and ends as the app
 * does. And SSH alone, where it stays as the supervisor's.
 */
import { chmod, readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { waitForProcesses } from "../support/inside.ts";
import { bindProbe, compareInside, PROBE, parseReport } from "../support/probe.ts";
import { makeDir } from "../support/ssh.ts";

const INIT = { WITHSSH_INIT: "true", WITHSSH_ENABLED: "false" };
const WITHSSH = "/usr/local/bin/withssh";
/** All that can be caught but faults, a child's end, and what the runtime cannot listen to (SIGSTKFLT, SIGPWR, real-time). */
const FORWARDED = [1, 2, 3, 10, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];
/** On its own: a signal that stops discards it where it still waits (signal(7)). */
const SIGCONT = 18;
const OTHERS = [16, 30, 35, 64];
/** The parent is another process: what it is in its group is what an init changes, and what it needs not to. */
const OWN_GROUP = /^(pgid|foreground\d): /;

describe.concurrent.each(bases)("the launcher as init on %s", (base) => {
  let container: Container;
  beforeAll(async () => {
    const binds = [await bindProbe()];
    container = await startContainer({ base, binds, entrypoint: ["sleep"], cmd: ["100000"], host: { Init: true } });
  });

  test.each([
    ["nothing special", ""],
    ["inherited descriptors", "file 3 socket 4 pipe 7 append 20"],
    ["all three closed", "close 0 close 1 close 2"],
    ["hangups, interrupts and alarms ignored", "ignore 1 ignore 2 ignore 14"],
    ["children's ends ignored", "ignore 17"],
    ["TERM and CHLD blocked", "block 15 block 17"],
    ["few descriptors, umask, nice", "limit 7=64:64 umask 077 nice 5"],
    ["a user without a name", "uid 1000"],
  ])("the app inherits the same, in a group of its own: %s", async (_, change) => {
    const through = ["/usr/bin/env", "WITHSSH_INIT=true", "WITHSSH_ENABLED=false", WITHSSH];
    const { differences, through: report } = await compareInside(container, { change, through });
    const added = report.environ.map((entry) => Buffer.from(entry, "hex").toString()).filter((entry) => entry in INIT);
    expect(added).toEqual([]);
    expect(differences.filter((line) => !OWN_GROUP.test(line) && !line.startsWith("environ: "))).toEqual([]);
    expect(report.pgid).toBe(report.pid);
  });

  test("every signal that can be caught reaches the app once, and what cannot ends nobody", async () => {
    const forwarded = [...FORWARDED, SIGCONT];
    const traps = forwarded.map((n) => `trap 'echo got ${n}' ${n};`).join(" ");
    const cmd = ["sh", "-c", `${traps} echo set; while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 9`];
    const app = await startContainer({ base, env: INIT, cmd });
    const said = async () => (await app.logs()).stdout.split("\n").filter(Boolean);
    await until(async () => (await said()).includes("set"));
    const kills = [...OTHERS, ...FORWARDED].map((n) => `kill -${n} 1;`).join(" ");
    await app.exec(["sh", "-c", kills]);
    await until(async () => (await said()).length > FORWARDED.length);
    await app.exec(["sh", "-c", `kill -${SIGCONT} 1`]);
    await until(async () => (await said()).length > forwarded.length);
    await app.exec(["touch", "/tmp/end"]);
    expect(await app.waitForExit()).toBe(9);
    expect((await said()).toSorted()).toEqual(["set", ...forwarded.map((n) => `got ${n}`)].toSorted());
  });

  test.each([
    ["exit 0", 0],
    ["exit 7", 7],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ])("%s in the app ends the container with %d", async (script, code) => {
    expect(await runToEnd({ base, env: INIT, cmd: ["sh", "-c", script] })).toMatchObject({ code });
  });

  test("a command that is not there ends with 127, one that cannot be run with 126", async () => {
    expect(await runToEnd({ base, env: INIT, cmd: ["nosuch"] })).toMatchObject({ code: 127 });
    expect(await runToEnd({ base, env: INIT, cmd: ["/etc"] })).toMatchObject({ code: 126 });
  });

  test("an app that ends at once is not missed, whatever its parent did to SIGCHLD", async () => {
    for (const change of ["ignore 17", "block 0"]) {
      const argv = [
        PROBE,
        "with",
        ...change.split(" "),
        "--",
        "/usr/bin/env",
        "WITHSSH_INIT=true",
        "WITHSSH_ENABLED=false",
      ];
      const { code } = await container.exec([...argv, WITHSSH, "sh", "-c", "exit 5"]);
      expect(code).toBe(5);
    }
  });

  test("orphans are reaped, and those that live on do not hold up the end", async () => {
    const orphans = "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.2 &); done; (sleep 4000 &)";
    const script = `${orphans}; while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 3`;
    const app = await startContainer({ base, env: INIT, cmd: ["sh", "-c", script] });
    await waitForProcesses(app, (all) => all.some(({ command, parent }) => command === "sleep 4000" && parent === 1));
    await waitForProcesses(app, (all) => !all.some(({ state, command }) => state === "Z" || command === "sleep 0.2"));
    await app.exec(["touch", "/tmp/end"]);
    expect(await app.waitForExit(2000)).toBe(3);
  });

  test("with SSH beside it the app has the supervisor neither as a child nor in its group", async () => {
    const env = { WITHSSH_INIT: "true" };
    const ended = await runToEnd({ base, env, binds: [await bindProbe()], cmd: [PROBE, "report", "-"] });
    expect(ended).toMatchObject({ code: 0 });
    expect(parseReport(ended.stdout)).toMatchObject({ children: [], wait: -10, ppid: 1 });
  });

  test("the terminal's foreground goes to the app and comes back; what has it not keeps its hands off", async () => {
    const dir = await makeDir();
    await chmod(dir, 0o777);
    const script = `withssh ${PROBE} report /out/front; ${PROBE} report /out/after; set -m; withssh ${PROBE} report /out/back < /dev/tty & wait`;
    const binds = [await bindProbe(), `${dir}:/out`];
    const create = { Tty: true };
    await runToEnd({ base, env: INIT, binds, create, entrypoint: ["sh", "-c"], cmd: [script] });
    const [front, after, back] = await Promise.all(
      ["front", "after", "back"].map(async (name) => parseReport(await readFile(`${dir}/${name}`, "utf8"))),
    );
    expect(front?.["foreground0"]).toBe(front?.pid);
    expect(after?.["foreground0"]).toBe(after?.pgid);
    expect(back?.["foreground0"]).toBe(after?.pgid);
  });
});

describe.concurrent.each(bases)("SSH alone on %s", (base) => {
  test.each(["TERM", "INT"])("%s ends it at once", async (signal) => {
    const container = await startContainer({ base, entrypoint: ["withssh"], cmd: ["--"] });
    await container.waitForLog(({ msg }) => msg.startsWith("ssh is down"));
    const began = performance.now();
    await container.signal(signal);
    expect(await container.waitForExit(3000)).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

/** Asks until it is so, with a deadline. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isSo())) if (performance.now() > deadline) throw new Error("it did not become so within 10 s");
}
