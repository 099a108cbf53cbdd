/** The root side of a sudo call goes on as the supervisor, while sudo waits for a stand-in alone: the mechanism, and that a start uses it. */
import { beforeAll, describe, expect, test } from "vitest";
import { SUDO_ROLE } from "../../src/roles.ts";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import { compileFixture, type Fixture } from "../support/fixture.ts";
import { findProcess, isSupervisor, type Process, waitForProcesses } from "../support/inside.ts";
import { makeKey } from "../support/ssh.ts";
import { asApp, SCOPED, sudoImage } from "../support/sudo-image.ts";

/** True while a process of the fixture's name is no zombie. */
const ALIVE =
  'alive() { for d in /proc/[0-9]*; do case "$(cat $d/comm 2>/dev/null)" in fixture) grep -q "^State:.Z" $d/status || return 0;; esac; done; return 1; }';

// On arm64 nobody has written the code for it: the supervisor is executed there.
describe.runIf(process.arch === "x64").concurrent.each(bases)("on %s", (base) => {
  let fixture: Fixture;
  beforeAll(async () => {
    // Installs sudo, from the network, in time that is no test's.
    await sudoImage(base, []);
    fixture = await compileFixture("stand-in", base);
    return fixture.remove;
  });
  const APART = "apart true, leads its session true";

  test.each([
    { what: "told", script: '{ echo x | /fixture end; echo "ended $?"; } | cat', lines: [APART, "ended 7", "went on"] },
    {
      what: "after us",
      script: '{ echo x | /fixture after; echo "ended $?"; } | cat',
      lines: [APART, "ends", "ended 7"],
    },
    { what: "not told", script: '/fixture fail; echo "ended $?"', lines: [APART, "ended 70"] },
    {
      what: "killed before it is told, and what goes on with it",
      script: `${ALIVE}; mkfifo /tmp/in; exec 3<>/tmp/in; /fixture wait <&3 >/tmp/out & until grep -q apart /tmp/out; do :; done; kill -9 $!; wait $!; echo "ended $?"; while alive; do :; done; cat /tmp/out`,
      lines: [APART, "ended 137"],
    },
  ])("a stand-in ends: $what", async ({ script, lines }) => {
    const binds = [`${fixture.path}:/fixture:ro`];
    const { stdout } = await runToEnd({ base, binds, entrypoint: ["sh", "-c", script], cmd: [] });
    expect(stdout.trim().split("\n").toSorted()).toEqual(lines.toSorted());
  });

  test("what goes on dies with its stand-in also where the caller chose the group, which it puts right", async () => {
    // root must be in a group of its own for sudo -g to be allowed by our rule; on Alpine it is.
    const image = await sudoImage(base, ["RUN sed -i 's/^adm:.*:$/&root/' /etc/group"], SCOPED);
    const container = await startContainer({ image, entrypoint: ["sleep", "1000"], cmd: [] });
    const call = "mkfifo /tmp/in; exec 3<>/tmp/in; sudo -n -u root -g adm /usr/local/bin/withssh --supervise <&3; true";
    const called = asApp(container, call);
    const ours = `ours() { for d in /proc/[0-9]*; do [ "$(tr '\\0' ' ' 2>/dev/null <$d/cmdline)" != "/usr/local/bin/withssh --supervise " ] || cat $d/status; done; }`;
    const look = async () =>
      (await container.exec(["sh", "-c", `${ours}; [ ! -e /dev/.withssh ] || ours`], { user: "root" })).stdout;
    await expect.poll(look, { timeout: 20_000 }).toMatch(/^PPid:/m);
    const [standIn] = [...(await look()).matchAll(/^Pid:\s*(\d+)$/gm)]
      .map(([, pid]) => Number(pid))
      .toSorted((a, b) => a - b);
    await container.exec(["sh", "-c", `kill -9 ${standIn}`], { user: "root" });
    await called;
    await expect.poll(look, { timeout: 10_000 }).toBe("");
  });

  /** A visudo that waits until no sudo is left: the root side asks it before it answers. */
  const VISUDO = [
    "#!/bin/sh",
    'alive() { for d in /proc/[0-9]*; do case "$(cat $d/comm 2>/dev/null)" in sudo) grep -q "^State:.Z" $d/status || return 0;; esac; done; return 1; }',
    "while alive; do :; done",
    'exec /usr/sbin/visudo.real "$@"',
  ].join("\n");

  test("sudo has ended before the root side answers", async () => {
    const text = Buffer.from(`${VISUDO}\n`).toString("base64");
    const wait = `RUN mv /usr/sbin/visudo /usr/sbin/visudo.real && echo ${text} | base64 -d > /usr/sbin/visudo && chmod 755 /usr/sbin/visudo`;
    const image = await sudoImage(base, [wait], "app ALL=(ALL) NOPASSWD: ALL");
    const container = await startContainer({ image, env: { AUTHORIZED_KEYS: (await makeKey()).publicLine } });
    expect(await container.waitForReady()).toMatchObject({ mode: "sudo" });
  });

  test.each(["use_pty", "log_output, iolog_dir=/tmp/said"])("but where it stands between: %s", async (defaults) => {
    const image = await sudoImage(base, [], `Defaults ${defaults}\n${SCOPED}`);
    const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine, WITHSSH_PRIVILEGE: "sudo" };
    expect(await runToEnd({ image, env, cmd: ["echo", "the app"] })).toMatchObject({ code: 0, stdout: "the app\n" });
  });

  test.each(["log_output", "log_stderr"])(
    "what the supervisor has to say outlives a sudo that relays it: %s",
    async (defaults) => {
      const image = await sudoImage(base, [], `Defaults ${defaults}, iolog_dir=/tmp/said\n${SCOPED}`);
      const container = await startContainer({ image, env: { AUTHORIZED_KEYS: (await makeKey()).publicLine } });
      expect(await container.waitForReady()).toMatchObject({ mode: "sudo" });
    },
  );

  test.each([
    { what: "SSH is switched off", env: { WITHSSH_ENABLED: "false" } },
    { what: "rootless is pinned", env: { WITHSSH_PRIVILEGE: "rootless" } },
    { what: "the supervisor is executed", env: { AUTHORIZED_KEYS_URL: "https://127.0.0.1:9/keys" } },
  ])("the app is left no child of the call where $what", async ({ env }) => {
    const image = await sudoImage(base, [], SCOPED);
    const container = await startContainer({ image, env, cmd: ["sleep", "1000"] });
    await container.exec(["sh", "-c", "until grep -q ^sleep /proc/1/cmdline; do :; done"]);
    const gone = (processes: readonly Process[]) => !processes.some(({ command }) => command.includes(SUDO_ROLE));
    const processes = await waitForProcesses(container, gone);
    expect(processes.filter(({ state, parent }) => state === "Z" && parent === 1)).toEqual([]);
  });

  test.each([
    { what: "in a plain start", env: {}, stays: true },
    { what: "with settings", env: { WITHSSH_FORWARDING: "no" }, stays: true },
    { what: "not for a fetch", env: { AUTHORIZED_KEYS_URL: "https://127.0.0.1:9/keys" }, stays: false },
  ])("the root side becomes the supervisor: $what", async ({ env, stays }) => {
    const { publicLine } = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const container = await startContainer({ image, env: { AUTHORIZED_KEYS: publicLine, ...env } });
    await container.waitForReady();
    const { pid } = await findProcess(container, isSupervisor);
    const look = `cd /proc/${pid} && cat maps status && tr '\\0' ' ' <cmdline && echo && tr -d '\\0' <environ | wc -c && readlink fd/0 && readlink fd/1`;
    const { stdout } = await container.exec(["sh", "-c", look], { user: "root" });
    const ours = [...stdout.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-xp 00000000 00:00 0\s*$/gm)];
    const bytes = ours
      .map(([, from, to]) => Number(`0x${to}`) - Number(`0x${from}`))
      .reduce((sum, one) => sum + one, 0);
    // One page of our code to start programs, and one that left the stand-in.
    expect(bytes / 4096).toBe(stays ? 2 : 1);
    expect(stdout).toMatch(/^PPid:\s*1$/m);
    expect(stdout).toMatch(/^Uid:\s*0\s+0\s+0\s+0$/m);
    // It shows nothing of sudo's words and environment, and holds nothing of the launcher's.
    expect(stdout.trim().split("\n").slice(-4)).toEqual([
      expect.stringMatching(/^withssh --supervisor *$/),
      "0",
      stays ? "/dev/null" : "/memfd:withssh (deleted)",
      "/dev/null",
    ]);
  });
});
