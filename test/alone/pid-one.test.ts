/**
 * Where the launcher is PID 1: the app takes its place and inherits the same, but for the supervisor as a child. And the
 * supervisor's own manners: what it is to the app, what it holds, and what its death takes down.
 */
import { chmod, readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { bases, type ContainerOptions, runToEnd, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import {
  APP,
  findProcess,
  isListener,
  isSupervisor,
  listProcesses,
  readInside,
  waitForProcesses,
} from "../support/inside.ts";
import { bindProbe, findDifferences, PROBE, parseReport } from "../support/probe.ts";
import { makeDir, makeKey, ssh } from "../support/ssh.ts";

const SUPERVISOR = /^children: \[\] -> \["withssh"\]$/;

/** Sends USR1 to its own process group when it gets USR2. */
const KILLS_ITS_GROUP = "trap 'kill -USR1 0' USR2; trap 'echo got it > /tmp/usr1' USR1; ";

/** Runs the probe as PID 1 of a container of its own, bare and through withssh. */
async function compareAsPidOne(options: ContainerOptions) {
  const report = async (entrypoint: readonly string[]) => {
    const dir = await makeDir();
    await chmod(dir, 0o777);
    const binds = [await bindProbe(), `${dir}:/out`];
    const create = { Hostname: "same", ...options.create };
    const ended = await runToEnd({
      ...options,
      binds,
      entrypoint,
      cmd: [PROBE, "report", "/out/it", "", "a b"],
      create,
    });
    if (ended.code !== 0) throw new Error(`the probe ended with ${ended.code} — saw ${ended.stderr}${ended.stdout}`);
    return { ...ended, report: parseReport(await readFile(`${dir}/it`, "utf8")) };
  };
  const bare = await report([]);
  const through = await report(["withssh"]);
  return { bare: bare.report, through: through.report, differences: findDifferences(bare.report, through.report) };
}

describe.concurrent.each(bases)("on %s as PID 1", (base) => {
  const onlySupervisor = [expect.stringMatching(SUPERVISOR), "wait: -10 -> 0"];
  const limits = [{ Name: "nofile", Soft: 256, Hard: 4096 }];

  test("the app inherits the same, but for the supervisor as a child", async () => {
    const { differences, through } = await compareAsPidOne({ base, env: { B: "2", A: "1", EMPTY: "" } });
    expect(differences).toEqual(onlySupervisor);
    expect(through.pid).toBe(1);
  });

  test("on a terminal it is the same terminal, in the foreground, with the same modes", async () => {
    const { differences, through } = await compareAsPidOne({ base, create: { Tty: true } });
    expect(differences).toEqual(onlySupervisor);
    expect(through).toMatchObject({ foreground0: 1, devTty: 1 });
  });

  test("with fewer rights, limits and another directory it is the same", async () => {
    const host = {
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      OomScoreAdj: 100,
      Ulimits: [...limits, { Name: "core", Soft: 0, Hard: 0 }, { Name: "fsize", Soft: 1 << 20, Hard: 1 << 30 }],
    };
    const env = { WITHSSH_NOFILE: "256" };
    const { differences, through } = await compareAsPidOne({
      base,
      env,
      user: "1000:1000",
      host,
      create: { WorkingDir: "/tmp" },
    });
    expect(differences).toEqual(onlySupervisor);
    expect(through.limits["NOFILE"]).toBe("256:4096");
  });

  test("with SSH switched off nothing at all differs", async () => {
    const env = { WITHSSH_ENABLED: "false", WITHSSH_NOFILE: "256" };
    const { differences } = await compareAsPidOne({ base, env, host: { Ulimits: limits } });
    expect(differences).toEqual([]);
  });
});

describe.each(bases)("the supervisor on %s", (base) => {
  let container: Container;
  const key = makeKey();
  beforeAll(async () => {
    const env = { AUTHORIZED_KEYS: (await key).publicLine };
    container = await startContainer({
      base,
      env,
      binds: [await bindProbe()],
      entrypoint: [PROBE],
      cmd: [
        "with",
        "socket",
        "3",
        "file",
        "4",
        "pipe",
        "5",
        "--",
        "/usr/local/bin/withssh",
        "sh",
        "-c",
        KILLS_ITS_GROUP + APP[2],
      ],
    });
    await container.waitForLogins();
  });

  test("leads a session and group of its own, without a terminal", async () => {
    const { pid } = await findProcess(container, isSupervisor);
    const [, group, session, terminal] = await readStat(container, pid);
    expect({ group, session, terminal }).toEqual({ group: String(pid), session: String(pid), terminal: "0" });
  });

  test("holds of ours its log and a pidfd alone: neither the app's stdout nor a copy of what it inherited", async () => {
    const { pid } = await findProcess(container, isSupervisor);
    const links = async (of: number) => {
      const { stdout } = await container.exec([
        "sh",
        "-c",
        `for fd in /proc/${of}/fd/*; do readlink "$fd"; done; true`,
      ]);
      return stdout.trim().split("\n");
    };
    const [held, app] = [await links(pid), await links(1)];
    const inherited = app.filter((link) => /^(pipe|socket):|passwd/.test(link));
    expect(inherited.length).toBeGreaterThanOrEqual(6);
    expect(held.filter((link) => inherited.includes(link))).toEqual([app[2]]);
  });

  test("runs in / with nothing in its environment", async () => {
    const { pid } = await findProcess(container, isSupervisor);
    const { stdout } = await container.exec([
      "sh",
      "-c",
      `readlink /proc/${pid}/cwd; tr -d '\\0' </proc/${pid}/environ`,
    ]);
    expect(stdout).toBe("/\n");
  });

  test("is not reached by what the app sends to its own group", async () => {
    const { pid } = await findProcess(container, isSupervisor);
    const wait = "until [ -s /tmp/usr1 ]; do :; done";
    expect(await container.exec(["sh", "-c", `kill -USR2 1 && ${wait}`])).toMatchObject({ code: 0 });
    expect((await findProcess(container, isSupervisor)).pid).toBe(pid);
  });

  test("dies without taking the app or sshd along: sessions and logins go on", async () => {
    const [supervisor, listener] = [
      await findProcess(container, isSupervisor),
      await findProcess(container, isListener),
    ];
    await container.exec(["kill", "-KILL", String(supervisor.pid)]);
    await waitForProcesses(container, (all) => !all.some(isSupervisor));
    expect((await findProcess(container, isListener)).pid).toBe(listener.pid);
    expect(await ssh(container, { key: await key, command: "echo still in" })).toMatchObject({ stdout: "still in\n" });
    expect((await listProcesses(container)).find(({ pid }) => pid === 1)?.command).toContain("trap");
  });
});

describe.concurrent.each(bases)("where PID 1 is somebody else on %s", (base) => {
  test.each(["TERM", "KILL"])("listener and sessions are gone within 3 s of the app's end by %s", async (signal) => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const entrypoint = ["sh", "-c", 'withssh "$@"; echo app ended >&2; exec sleep 100000', "sh"];
    const container = await startContainer({ base, env, entrypoint, cmd: APP, host: { Init: true } });
    await container.waitForLogins();
    const session = ssh(container, { key, command: "sleep 2000 & nohup sleep 2001 & exec sleep 2002" });
    await waitForProcesses(container, (all) =>
      ["2000", "2001", "2002"].every((n) => all.some(({ command }) => command === `sleep ${n}`)),
    );
    const app = await findProcess(container, ({ command }) => command.includes("trap") && !command.includes("withssh"));
    await container.exec(["kill", `-${signal}`, String(app.pid)]);
    const left = ({ command }: { command: string }) => /sshd|--supervisor|sleep 200[012]$/.test(command);
    await waitForProcesses(container, (all) => !all.some(left), 3000);
    expect((await session).code).not.toBe(0);
  });
});

/** State's successors of /proc/PID/stat: parent, process group, session, terminal. */
async function readStat(container: Container, pid: number): Promise<readonly string[]> {
  const stat = await readInside(container, `/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 4).split(" ");
}
