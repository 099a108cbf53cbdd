/** Getting root back after sudo mode has let the app start: each way that we know, from the app and from an SSH session. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { ourLines } from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { asApp, grantLine, SCOPED, sudoImage, WITHSSH } from "../support/sudo-image.ts";

const BROAD = "%app ALL=(ALL) NOPASSWD: ALL";
const said = (stderr: string) =>
  ourLines(stderr)
    .map(({ msg }) => msg)
    .join("\n");

/** A request that asks for everything that only root may have. */
const GREEDY = JSON.stringify({
  nonce: "0".repeat(32),
  start: true,
  request: {
    mode: "root",
    appPid: 1,
    appUid: 0,
    appGid: 0,
    appGroups: [0],
    hasCommand: true,
    wantsReply: true,
    environment: ["WITHSSH_USERS=root", "WITHSSH_SSHD=/tmp/own", "AUTHORIZED_KEYS=ssh-ed25519 AAAA"],
    imageSettings: ["WITHSSH_USERS", "WITHSSH_SSHD"],
  },
});

/** Ways that print `uid=0` when they succeed. `own` is a program of the app's that prints its ids and leaves a trace. */
const WAYS: readonly string[] = [
  "sudo -n id",
  "sudo -n -i id",
  "sudo -n -s id",
  "sudo -n -g root id",
  "sudo -n -u root -g app id",
  `sudo -n BUN_BE_BUN=1 ${WITHSSH} -e 'console.log("uid="+process.getuid())'`,
  `sudo -n BUN_BE_BUN=1 ${WITHSSH} --supervise`,
  `sudo -n BUN_OPTIONS='--preload /tmp/own.js' ${WITHSSH} --supervise`,
  `BUN_BE_BUN=1 BUN_OPTIONS='--preload /tmp/own.js' sudo -n ${WITHSSH} --supervise`,
  `BUN_OPTIONS='--preload /tmp/own.js' sudo -n -E ${WITHSSH} --supervise`,
  `sudo -n --preserve-env=BUN_OPTIONS,LD_PRELOAD ${WITHSSH} --supervise`,
  `LD_PRELOAD=/tmp/own.so sudo -n ${WITHSSH} --supervise`,
  `sudo -n ${WITHSSH} --supervise id`,
  `sudo -n ${WITHSSH} id`,
  `sudo -n ${WITHSSH} --supervisor`,
  `sudo -n ${WITHSSH} --become id`,
  `sudo -n -g app ${WITHSSH} --supervise`,
  `sudo -n -D /tmp ${WITHSSH} --supervise`,
  `sudo -n -R /tmp ${WITHSSH} --supervise`,
  `sudo -n -C 100 ${WITHSSH} --supervise`,
  `cd /tmp && ln -sf /tmp/own /tmp/withssh && sudo -n /tmp/withssh --supervise`,
  `cd /tmp && sudo -n ../usr/local/bin/../bin/withssh --supervise`,
  `echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise`,
  `head -c 3000000 /dev/zero | sudo -n ${WITHSSH} --supervise`,
  `(ulimit -f 0; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(ulimit -n 12; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(ulimit -v 5000000; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(trap '' TERM CHLD PIPE XFSZ HUP INT; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `for i in 1 2 3 4 5 6 7 8; do echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise & done; wait`,
  "su -c id root </dev/null",
  "rm -f /dev/.withssh; mv /dev/.withssh /dev/x; rm -rf /run/withssh; mv /run/withssh /run/x",
];

/** What a clumsy or hostile root would run, preload or write through. */
const PLANT = `cd /tmp && umask 0
printf '#!/bin/sh\\n/usr/bin/id >>/tmp/trace\\n' > own && chmod 755 own
echo 'require("fs").appendFileSync("/tmp/trace","uid="+process.getuid()+"\\n")' > own.js
printf 'preload = ["/tmp/own.js"]\\n' > bunfig.toml; cp bunfig.toml ~/.bunfig.toml; echo 'BUN_OPTIONS=--preload=/tmp/own.js' > .env
ln -sf /etc/shadow /tmp/.withssh; ln -sf /etc/shadow /dev/shm/withssh; touch trace`;

/** Programs of the app's that come first in the PATH of the container itself, and tell who ran them. */
const FAKES = [
  "RUN mkdir -p /volume /plant && printf '#!/bin/sh\\n/usr/bin/id >>/tmp/trace\\n' > /plant/sudo && chmod 755 /plant/sudo",
  "RUN cd /plant && for n in ssh-keygen sshd visudo setsid; do cp sudo $n; done; chown -R app /plant",
];
const PATH = "/plant:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** All ways in one script, each in a shell of its own; the last kills whatever its user may kill, itself among it. */
const SCRIPT = [
  "PATH=/usr/local/bin:/usr/bin:/bin; export PATH; cd /tmp",
  ...WAYS.map((way, at) => `echo "== ${at}"; (${way}) 2>&1 </dev/null`),
].join("\n");
const KILL_ALL = `kill -9 -1; echo '${GREEDY}' | /usr/bin/sudo -n ${WITHSSH} --supervise`;
const CHECKSUM = "cat /etc/shadow /etc/passwd /etc/sudoers /etc/sudoers.d/* | cksum";
const asRoot = async (container: Container, script: string) =>
  (await container.exec(["sh", "-c", script], { user: "root" })).stdout;

/** Tries every way by `run`; gives how many supervisors there are then. Fails where one came near root. */
async function tryAll(
  container: Container,
  run: (script: string) => Promise<{ stdout: string; stderr: string }>,
): Promise<number> {
  await run(PLANT);
  const before = await asRoot(container, CHECKSUM);
  const { stdout } = await run(SCRIPT);
  expect(stdout).toContain(`== ${WAYS.length - 1}`);
  for (const part of stdout.split("== ").slice(1)) {
    expect(part, WAYS[Number.parseInt(part, 10)]).not.toMatch(/uid=0|"proved"/);
  }
  await run(KILL_ALL);
  expect(await asRoot(container, "cat /tmp/trace")).not.toContain("uid=0");
  expect(await asRoot(container, "ls -l /dev/.withssh")).toMatch(/^-r--r--r--/);
  expect(await asRoot(container, CHECKSUM)).toBe(before);
  // From an SSH session or the app, with a supervisor that hears of it or none: the operator reads of it.
  await container.waitForLog("a further call of --supervise was refused");
  const count =
    "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/cmdline | grep -qx -e --supervisor && echo one; done; true";
  return (await asRoot(container, count)).split("one").length - 1;
}

const STUBBORN_APP = ["/bin/sh", "-c", "trap : TERM; while :; do sleep 1000 & wait; done"];

describe.each(bases)("on %s", (base) => {
  // Installs sudo, from the network, in time that is no test's.
  beforeAll(() => sudoImage(base, []));

  const boot = async (grant: string, env: Record<string, string>, host = {}, user = "app") => {
    const key: TestKey = await makeKey();
    const image = await sudoImage(base, FAKES, grant);
    const container = await startContainer({
      image,
      env: { PATH, AUTHORIZED_KEYS: key.publicLine, ...env },
      cmd: STUBBORN_APP,
      host,
      user,
    });
    return { key, container };
  };

  test.each([
    ["the scoped rule", SCOPED],
    ["a broad rule", BROAD],
  ])("no way leads back to root from the app and from an SSH session, after %s", async (_, grant) => {
    const { key, container } = await boot(grant, {});
    await container.waitForReady();
    expect(await tryAll(container, (script) => asApp(container, script))).toBe(1);
    expect(await tryAll(container, (command) => ssh(container, { key, user: "app", command }))).toBe(1);
  });

  test.each([
    ["SSH switched off", { WITHSSH_ENABLED: "false" }],
    ["rootless pinned", { WITHSSH_PRIVILEGE: "rootless" }],
  ])("the claim is spent before the app runs also with %s", async (_, env) => {
    for (const grant of [SCOPED, BROAD]) {
      const { container } = await boot(grant, env);
      await container.exec(["sh", "-c", "until grep -q trap /proc/1/cmdline; do :; done"]);
      expect(await tryAll(container, (script) => asApp(container, script))).toBeLessThan(2);
    }
  });

  test.each([
    ["plain", {}],
    ["--init", { Init: true }],
    ["--read-only", { ReadonlyRootfs: true, Tmpfs: { "/run": "", "/tmp": "" } }],
    ["--read-only without /run", { ReadonlyRootfs: true, Tmpfs: { "/tmp": "" } }],
  ])("a second call is refused at each start, %s, also after a restart", async (_, host) => {
    const { container } = await boot(SCOPED, {}, host);
    const call = `echo '${GREEDY}' | /usr/bin/sudo -n ${WITHSSH} --supervise`;
    const isApp =
      "until cat /proc/[0-9]*/cmdline | grep -q 'trap : TERM'; do :; done; until [ -e /dev/.withssh ]; do :; done";
    for (let start = 0; start < 2; start += 1) {
      await container.exec(["sh", "-c", isApp]);
      const { code, stdout } = await asApp(container, call);
      expect(code).toBe(1);
      expect(stdout).toContain('"spent":true');
      if (start === 0) await container.restart();
    }
  });

  test("a start as root spends the claim too: the app's user gets no second supervisor by the image's rule", async () => {
    const { container } = await boot(SCOPED, { WITHSSH_APP_USER: "app" }, {}, "root");
    await container.waitForReady();
    const { code, stdout } = await asApp(container, `echo '${GREEDY}' | /usr/bin/sudo -n ${WITHSSH} --supervise`);
    expect(code).toBe(1);
    expect(stdout).toContain('"spent":true');
    await container.waitForLog("a further call of --supervise was refused");
  });

  test("with --pid=host a new container is served, and a restart is refused in words", async () => {
    const { container } = await boot(SCOPED, { WITHSSH_PRIVILEGE: "sudo" }, { PidMode: "host" });
    await container.waitForReady();
    await container.restart();
    expect(await container.waitForExit()).toBe(1);
    expect(said((await container.logs()).stderr)).toMatch(/--pid=host/);
  });

  test("a group that only docker run gave is named, and the app does not start", async () => {
    for (const grant of [SCOPED, `${BROAD}\n%granted ALL=(ALL) NOPASSWD: ALL`]) {
      const image = await sudoImage(
        base,
        ["RUN echo granted:x:4321: >> /etc/group", grantLine("%granted ALL=(ALL) ALL", "/etc/sudoers.d/first")],
        grant,
      );
      const ended = await runToEnd({ image, host: { GroupAdd: ["granted"] }, cmd: ["echo", "the app ran"] });
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(said(ended.stderr)).toMatch(/the group granted/);
    }
  });

  test("settings on the way in cannot make root: links, and files of others", async () => {
    const lines = ["RUN mkdir -p /home/app/v && ln -s /etc /home/app/v/link && chown -R app /home/app"];
    const image = await sudoImage(base, lines, SCOPED);
    for (const WITHSSH_VOLUME of ["/home/app/v/link", "/etc", "/root", "/usr/local", "/"]) {
      const container = await startContainer({
        image,
        env: { WITHSSH_VOLUME, AUTHORIZED_KEYS: "x" },
        cmd: STUBBORN_APP,
      });
      await container.waitForLog(({ msg }) => msg.startsWith("ssh is down: WITHSSH_VOLUME"));
      expect(
        (await container.exec(["sh", "-c", "ls -d /etc/.ssh /usr/local/.ssh /.ssh"], { user: "root" })).stdout,
      ).toBe("");
      await container.remove();
    }
  });
});
