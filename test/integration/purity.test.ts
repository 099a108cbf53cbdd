/**
 * The app cannot tell that we were there: all that it inherits is what it would have inherited without us. Here the
 * launcher is some process among others; pid-one.test.ts has what is special about PID 1.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP } from "../support/inside.ts";
import { bindProbe, compareInside, type ProbeRun } from "../support/probe.ts";
import { makeKey } from "../support/ssh.ts";

const THROUGH = ["/usr/local/bin/withssh"];
const hex = (bytes: string) => Buffer.from(bytes, "latin1").toString("hex");

describe.concurrent.each(bases)("on %s, where PID 1 is somebody else", (base) => {
  let container: Container;
  beforeAll(async () => {
    const binds = [await bindProbe()];
    container = await startContainer({ base, binds, entrypoint: ["sleep"], cmd: ["100000"], host: { Init: true } });
  });

  const compare = (run: Omit<ProbeRun, "through">) => compareInside(container, { ...run, through: THROUGH });

  test.each([
    ["nothing special", ""],
    ["inherited descriptors with their flags and offsets", "file 3 socket 4 pipe 7 dir 12 append 20 null 200"],
    ["descriptor 3 alone", "socket 3"],
    ["stdin that does not block", "pipe 0 nonblock 0"],
    ["stdin closed", "close 0"],
    ["stdout closed", "close 1"],
    ["stdin and stdout closed", "close 0 close 1"],
    ["stdout and stderr closed", "close 1 close 2"],
    ["all three closed", "close 0 close 1 close 2"],
    ["a hangup that is ignored (nohup)", "ignore 1"],
    ["children's ends ignored", "ignore 17"],
    ["interrupts ignored, as a shell without job control starts jobs", "ignore 2 ignore 3"],
    ["real-time signals ignored", "ignore 34 ignore 64"],
    ["TERM and CHLD blocked", "block 15 block 17"],
    ["a signal that waits", "block 10 pending 10"],
    ["a child's end that waits", "block 17 pending 17"],
    ["few descriptors allowed", "limit 7=64:64"],
    ["no core and a small stack", "limit 4=0:0 limit 3=1048576:2097152"],
    ["umask 077", "umask 077"],
    ["another user in a directory that it cannot read", "chdir /root uid 1000"],
    ["no_new_privs", "nnp 1"],
    ["nice, timer slack, scheduler, affinity", "nice 5 timerslack 7777 scheduler 3 cpu 0"],
    ["huge pages disabled and no address randomisation", "thp 1 personality 40000"],
    ["an alarm that is set", "alarm 100"],
    ["a session of its own", "setsid 1"],
  ])("the app inherits the same: %s", async (_, change) => {
    expect((await compare({ change })).differences).toEqual([]);
  });

  test("an app that is a child subreaper stays one, and meets the supervisor as its only child", async () => {
    const { differences } = await compare({ change: "subreaper 1" });
    // The one child is named as it was at that moment: setsid(1) may not have executed us yet.
    const child = /^children: \[\] -> \["(setsid|.*withssh)"\]$/;
    expect(differences).toEqual([expect.stringMatching(child), "wait: -10 -> 0"]);
  });

  test("arguments arrive byte for byte: empty, repeated, not UTF-8, looking like flags", async () => {
    const args = ["", "--", "--help", `hex:${hex("\xff\xfe\x80")}`, "a", "a", `hex:${hex("\xc3\xa4 'q' \n $x")}`, ""];
    const { bare, differences } = await compare({ args });
    expect(differences).toEqual([]);
    expect(bare.argv.slice(3)).toEqual(["", hex("--"), hex("--help"), "fffe80", "61", "61", expect.any(String), ""]);
  });

  test("the environment arrives byte for byte: order, duplicates, nameless entries, not UTF-8, empty", async () => {
    const entries = [
      "B=2",
      "A=1",
      "A=again",
      "no sign",
      "=nameless",
      "",
      "EMPTY=",
      "X=\xff\xfe",
      "AUTHORIZED_KEYS_",
      "B=3",
    ];
    const { bare, differences } = await compare({
      change: entries.map((entry) => `env ${hex(entry) || "00"}`).join(" "),
    });
    expect(differences).toEqual([]);
    expect(bare.environ).toEqual(entries.map(hex));
  });

  test("no environment at all stays none", async () => {
    const { through, differences } = await compare({ change: "noenv 1" });
    expect(differences).toEqual([]);
    expect(through.environ).toEqual([]);
  });

  test("a parent shell's app finds no child to wait for, and the shell none but the app", async () => {
    const script = '"$@"; wait; exec "$0" report /tmp/after';
    const run = ["sh", "-c", script, "/probe", ...THROUGH, "/probe", "report", "/tmp/app"];
    expect(await container.exec(run)).toMatchObject({ code: 0 });
    for (const path of ["/tmp/app", "/tmp/after"]) {
      const report = JSON.parse((await container.exec(["cat", path])).stdout);
      expect(report).toMatchObject({ wait: -10, children: [] });
    }
  });

  test("what keeps SSH from starting is told, and the app runs all the same", async () => {
    const entrypoint = ["sh", "-c", 'ulimit -n 9 && exec withssh "$@"', "sh"];
    const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
    const starved = await startContainer({ base, env, entrypoint, cmd: APP, host: { Init: true } });
    const { msg } = await starved.waitForLog((line) => line.msg.startsWith("ssh is down"));
    expect(msg).toMatch(/EMFILE — hint: allow more open files/);
    const { stdout } = await starved.exec(["sh", "-c", "grep '^Max open files' /proc/[0-9]*/limits"]);
    expect(stdout).toMatch(/ 9 +9 /);
    expect(await starved.stop()).toBe(143);
  });

  test("WITHSSH_NOFILE puts the soft limit back, and the hard one when it is named", async () => {
    for (const [setting, expected] of [
      ["256", "256:4096"],
      ["256:1024", "256:1024"],
    ] as const) {
      const change = `limit 7=256:4096 env ${hex(`WITHSSH_NOFILE=${setting}`)}`;
      const { through, differences } = await compare({ change });
      expect(through.limits["NOFILE"]).toBe(expected);
      expect(differences.filter((line) => setting === "256" || !line.startsWith("limits.NOFILE"))).toEqual([]);
    }
  });

  test("without WITHSSH_NOFILE the soft limit is what the runtime made it: the one limit that tells of us", async () => {
    const { differences } = await compare({ change: "limit 7=256:4096" });
    expect(differences).toEqual(base === "debian" ? ['limits.NOFILE: "256:4096" -> "4096:4096"'] : []);
  });
});
