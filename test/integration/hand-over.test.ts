/** The launcher's memory goes on as the supervisor's while the launcher is the app already: the mechanism, and that a start uses it. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import { compileFixture, type Fixture } from "../support/fixture.ts";
import { APP, findProcess, isSupervisor } from "../support/inside.ts";
import { makeKey } from "../support/ssh.ts";

// On arm64 nobody has written the code for it: a fork takes its place.
describe.runIf(process.arch === "x64").concurrent.each(bases)("on %s", (base) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await compileFixture("hand-over", base);
    return fixture.remove;
  });

  test("the process is the program, and what goes on has a thread id of its own", async () => {
    const binds = [`${fixture.path}:/fixture:ro`];
    const { code, stdout } = await runToEnd({ base, binds, entrypoint: ["/fixture"], cmd: [] });
    const lines = stdout.split("\n").filter((line) => line !== "");
    expect(lines).toContain("launcher 1");
    expect(lines).toContain("HELD=\ufffd\0");
    expect(lines).toContain("Name:\tcat");
    expect(lines).toContain("Pid:\t1");
    expect(lines.some((line) => /^went on (?!1$)\d+$/.test(line))).toBe(true);
    expect(lines).toContain("knows its thread true");
    expect(lines).not.toContain("the signal went to somebody else");
    // SIGUSR2 ignored and SIGWINCH blocked, as the launcher had them; nothing caught.
    expect(lines).toContain("SigBlk:\t0000000008000000");
    expect(lines).toContain("SigIgn:\t0000000001001800");
    expect(lines).toContain("SigCgt:\t0000000000000000");
    expect(code).toBe(0);
  });

  test("where there is something that cannot be executed nothing else is tried, and the executable itself tells why", async () => {
    const binds = [`${fixture.path}:/fixture:ro`];
    const { code, stdout } = await runToEnd({ base, binds, entrypoint: ["/fixture"], cmd: ["refused"] });
    expect(stdout).toContain("tells why\n");
    expect(stdout).not.toContain("Name:");
    expect(code).toBe(6);
  });

  test.each([
    { what: "as PID 1", host: {}, env: {}, isDone: true },
    { what: "below an init", host: { Init: true }, env: {}, isDone: true },
    { what: "not where the runtime could be steered", host: {}, env: { NODE_OPTIONS: "--x" }, isDone: false },
  ])("a plain start does it: $what", async ({ host, env, isDone }) => {
    const { publicLine } = await makeKey();
    const container = await startContainer({ base, env: { AUTHORIZED_KEYS: publicLine, ...env }, cmd: [...APP], host });
    await container.waitForReady();
    const { pid } = await findProcess(container, isSupervisor);
    const { stdout } = await container.exec(["cat", `/proc/${pid}/maps`, `/proc/${pid}/status`]);
    // The pages of our code, one to start programs and one for this; the engine's own can be written to as well.
    const ours = [...stdout.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-xp 00000000 00:00 0\s*$/gm)];
    const bytes = ours
      .map(([, from, to]) => Number(`0x${to}`) - Number(`0x${from}`))
      .reduce((sum, one) => sum + one, 0);
    expect(bytes / 4096).toBe(isDone ? 2 : 1);
    expect(stdout).toMatch(/^PPid:\s*1$/m);
  });
});
