/** Getting root back after sudo mode has let the app start: each way that we know, from the app and from an SSH session. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { ourLines } from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { asApp, grantLine, SCOPED, sudoImage, WITHSSH } from "../support/sudo-image.ts";
import { FAKES, GREEDY, PLANT, PLANTED_PATH, WAYS } from "../support/ways-to-root.ts";

const BROAD = "%app ALL=(ALL) NOPASSWD: ALL";
const said = (stderr: string) =>
  ourLines(stderr)
    .map(({ msg }) => msg)
    .join("\n");

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
  expect((await run(KILL_ALL)).stdout).not.toMatch(/uid=0|"proved"/);
  expect(await asRoot(container, "cat /tmp/trace")).not.toContain("uid=0");
  expect(await asRoot(container, "ls -l /dev/.withssh")).toMatch(/^-r--r--r--/);
  expect(await asRoot(container, CHECKSUM)).toBe(before);
  const count =
    "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/cmdline | grep -qx -e --supervisor && echo one; done; true";
  return (await asRoot(container, count)).split("one").length - 1;
}

/** What the operator reads, whoever called and whether a supervisor of root's runs or not. */
const REFUSED = "a further call of --supervise was refused";
const STUBBORN_APP = ["/bin/sh", "-c", "trap : TERM; while :; do sleep 1000 & wait; done"];

describe.each(bases)("on %s", (base) => {
  // Installs sudo, from the network, in time that is no test's.
  beforeAll(() => sudoImage(base, []));

  const boot = async (grant: string, env: Record<string, string>, host = {}, user = "app") => {
    const key: TestKey = await makeKey();
    const image = await sudoImage(base, FAKES, grant);
    const container = await startContainer({
      image,
      env: { PATH: PLANTED_PATH, AUTHORIZED_KEYS: key.publicLine, ...env },
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
    if (grant === SCOPED) await container.waitForLog(REFUSED);
  });

  test.each([
    ["SSH switched off", { WITHSSH_ENABLED: "false" }],
    ["rootless pinned", { WITHSSH_PRIVILEGE: "rootless" }],
  ])("the claim is spent before the app runs also with %s", async (_, env) => {
    for (const grant of [SCOPED, BROAD]) {
      const { container } = await boot(grant, env);
      await container.exec(["sh", "-c", "until grep -q trap /proc/1/cmdline; do :; done"]);
      expect(await tryAll(container, (script) => asApp(container, script))).toBeLessThan(2);
      // No supervisor of root's hears of it. After the broad rule sudo itself refuses, and there is no call of ours.
      if (grant === SCOPED) await container.waitForLog(REFUSED);
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
    await container.waitForLog(REFUSED);
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

  test("with no_new_privs on sshd too, a session of the app's own making gives nothing that the app has not", async () => {
    const { key, container } = await boot(SCOPED, { WITHSSH_NO_NEW_PRIVS: "true" });
    await container.waitForLogins();
    const command = `grep NoNewPrivs /proc/self/status; /usr/bin/sudo -n id; /usr/bin/sudo -n ${WITHSSH} --supervise`;
    const session = await ssh(container, { key, user: "app", command });
    expect(session.stdout).toBe("NoNewPrivs:\t1\n");
    expect(session.stderr).toContain("no new privileges");
  });

  test("links on the app's own volume lead root nowhere: as a key, as a list of keys, as .ssh itself", async () => {
    const plant =
      "cd /volume/.ssh && for n in ssh_host_ed25519_key authorized_keys revoked_keys; do ln -s /etc/shadow $n; done";
    const volumes = [
      [`mkdir -p /volume/.ssh && ${plant}`, "ssh_host_ed25519_key"],
      ["mkdir -p /volume && ln -s /etc /volume/.ssh", "ssh is down"],
      [
        "mkdir -p /volume/.ssh && ln -s /etc/shadow /volume/.ssh/authorized_keys",
        "/volume/.ssh/authorized_keys is a link",
      ],
    ] as const;
    for (const [lines, words] of volumes) {
      const image = await sudoImage(base, [`RUN rm -rf /volume && ${lines} && chown -hR app /volume`], SCOPED);
      const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
      const container = await startContainer({ image, env, cmd: STUBBORN_APP });
      await container.waitForLog(({ level, msg }) => level === "error" && msg.includes(words));
      expect((await container.logs()).stderr).not.toMatch(/root:[*$!]/);
      expect(
        await asRoot(container, "ls -d /etc/ssh_host_* /etc/authorized_keys /etc/.ssh; stat -c '%a %U' /etc/shadow"),
      ).toMatch(/^6[04]0 root\n$/);
      await container.remove();
    }
  });

  test("root reads no file for a caller by the group of a set-gid program of his, above sudo", async () => {
    const program = "/usr/local/bin/with-group";
    const lines = [
      `RUN cp "$(command -v ssh-keygen)" ${program} && chgrp 42 ${program} && chmod 2755 ${program}`,
      "RUN echo secret > /srv/secret && chgrp 42 /srv/secret && chmod 640 /srv/secret",
    ];
    const image = await sudoImage(base, lines, SCOPED);
    const container = await startContainer({ image, entrypoint: ["sleep", "1000"], cmd: [] });
    const { request, ...call } = JSON.parse(GREEDY);
    const stdin = JSON.stringify({
      ...call,
      request: { ...request, environment: ["AUTHORIZED_KEYS_FILE=/srv/secret"] },
    });
    const script = [
      "mkfifo /tmp/in; exec 3<>/tmp/in; cat >/tmp/call",
      `(until grep -q with-group /proc/$$/comm; do :; done; exec sudo -n ${WITHSSH} --supervise </tmp/call >/tmp/said) &`,
      "(until grep -q . /tmp/said; do :; done; kill $$) &",
      `exec ${program} -l -f - <&3`,
    ].join("\n");
    await asApp(container, script, stdin);
    const said = await asRoot(container, "cat /tmp/said");
    expect(said).not.toContain('"proved"');
    expect(said).toContain("a group of its own");
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
