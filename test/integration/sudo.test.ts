/** Sudo mode as people meet it: the one call, what is left afterwards, restarts, and every refusal in words. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, type ContainerOptions, makeVolume, runToEnd, startContainer } from "../support/boot.ts";
import { errorsOf, isSupervisor, listProcesses, ourLines, writeFiles } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";
import { asApp, grantLine, SCOPED, sudoImage, WITHSSH } from "../support/sudo-image.ts";

const said = (stderr: string) =>
  ourLines(stderr)
    .map(({ msg }) => msg)
    .join("\n");
const CALL = `${WITHSSH} --supervise`;
const PINNED = { WITHSSH_PRIVILEGE: "sudo" };

describe.each(bases)("on %s", (base) => {
  // Installs sudo, from the network, in time that is no test's.
  beforeAll(() => sudoImage(base, []));

  test("with the scoped rule the app runs as its user, SSH works, and does so again after a restart", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const volume = await makeVolume();
    const container = await startContainer({ image, volume, env: { ...PINNED, AUTHORIZED_KEYS: key.publicLine } });
    const first = await container.waitForReady();
    expect(first.users).toEqual(["app"]);
    const facts = "grep -E '^(Uid|Groups|NoNewPrivs):' /proc/1/status";
    expect((await asApp(container, facts)).stdout).toMatch(/^Uid:\t(\d+)\t\1\t\1\t\1\nGroups:\t\1 *\n/);
    expect(await ssh(container, { key, user: "app", command: "sudo -n id" })).toMatchObject({ code: 1, stdout: "" });
    await container.restart();
    const second = await container.waitForReady();
    expect(second.host_keys).toEqual(expect.arrayContaining([...first.host_keys]));
    expect(await ssh(container, { key, user: "app", command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    expect((await asApp(container, "LC_ALL=C sudo -n -l")).stdout).toContain(
      `    (root) NOPASSWD: ${WITHSSH} --supervise`,
    );
    expect(await errorsOf(container)).toEqual([]);
  });

  test.each([
    ["in a plain start", {}],
    ["with settings to read", { WITHSSH_FORWARDING: "no" }],
  ])("the app holds the descriptors that it was given, and none of the call: %s", async (_, env) => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const script = "exec 7</etc/passwd; exec withssh sh -c 'ls -1 /proc/$$/fd; true'";
    const options: ContainerOptions = { image, env: { ...env, AUTHORIZED_KEYS: key.publicLine } };
    const { code, stdout } = await runToEnd({ ...options, entrypoint: ["sh", "-c", script], cmd: [] });
    expect([code, stdout.trim().split("\n")]).toEqual([0, ["0", "1", "2", "7"]]);
  });

  test("host private keys are neither readable nor writable for the app", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const volume = await makeVolume();
    const container = await startContainer({ image, volume, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForReady();
    const look = "find / -xdev -name 'ssh_host_*_key' 2>/dev/null";
    const keys = (await container.exec(["sh", "-c", `${look}; ls -d /volume/.ssh/*_key`])).stdout.trim().split("\n");
    expect(keys.length).toBeGreaterThan(1);
    for (const path of keys) {
      const tries = await asApp(
        container,
        `cat ${path} >/dev/null && echo read; echo >>${path} && echo wrote; mv ${path} ${path}.x && echo moved`,
      );
      expect(tries.stdout).toBe("");
    }
  });

  test("broad rules are taken away from every file, which keep owner and mode; a restart says so and the app runs", async () => {
    const key = await makeKey();
    const lines = [
      "RUN printf '%s\\n' 'app ALL=(ALL) \\' '  NOPASSWD: ALL' '%other ALL=(ALL) ALL' >> /etc/sudoers",
      "RUN chmod 400 /etc/sudoers && chgrp daemon /etc/sudoers.d/withssh",
    ];
    const image = await sudoImage(
      base,
      lines,
      "# kept\n%app ALL=(ALL) NOPASSWD: ALL\nDefaults:app !lecture\nbob, app ALL=(ALL) ALL",
    );
    const container = await startContainer({ image, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForReady();
    expect(await asApp(container, "sudo -n id")).toMatchObject({ code: 1, stdout: "" });
    expect((await asApp(container, "LC_ALL=C sudo -n -l")).stderr).toMatch(
      /^Sorry, user app may not run sudo on \S+\.$/m,
    );
    const look =
      "stat -c '%n %a %U %G' /etc/sudoers /etc/sudoers.d/withssh; cat /etc/sudoers.d/withssh; tail -2 /etc/sudoers";
    expect((await container.exec(["sh", "-c", look], { user: "root" })).stdout).toMatch(
      /^\/etc\/sudoers 400 root root\n\/etc\/sudoers.d\/withssh 440 root daemon\n# kept\nDefaults:app !lecture\nbob ALL=\(ALL\) ALL\n[\s\S]*\n%other ALL=\(ALL\) ALL\n$/,
    );
    await container.restart();
    const warning = await container.waitForLog(({ msg }) => msg.includes("took the broad sudo rule away"));
    expect(warning.msg).toContain(SCOPED);
    // The earlier start's socket is still there: root is not told of that one's end, but of this start.
    await container.waitForLog(({ msg }) => msg === "ssh ready" || msg.startsWith("ssh is down"));
    const status = await container.exec([WITHSSH, "--status"], { user: "root" });
    expect(`${status.stdout}${status.stderr}`).toMatch(/mode +rootless|no supervisor of this start answers/);
    expect(status.stderr).not.toContain("has ended");
    expect((await asApp(container, "cat /proc/1/comm")).stdout).not.toBe("withssh\n");
    expect(await asApp(container, "sudo -n id")).toMatchObject({ code: 1, stdout: "" });
  });

  test.each([
    ["no sudo", ["RUN rm -f /usr/bin/sudo"], "there is no sudo"],
    ["a sudo that is not set-uid", ["RUN chmod u-s /usr/bin/sudo"], "is not set-uid"],
    ["a rule that wants a password", [grantLine(`app ALL=(root) ${CALL}`)], "sudo wants a password of this user"],
    ["a broad rule that wants one", [grantLine("app ALL=(ALL) ALL")], "sudo wants a password of this user"],
    [
      "a rule that wants one beside another",
      [grantLine(`app ALL=(root) NOPASSWD: /bin/ls\napp ALL=(root) ${CALL}`)],
      "the sudo rule that names withssh wants a password",
    ],
    ["no rule", [], "no sudo rule names this user"],
    ["another rule", [grantLine("app ALL=(root) NOPASSWD: /bin/ls")], "no sudo rule names withssh for this user"],
    ["a sudo that others may write", ["RUN chmod o+w /usr/bin/sudo && chmod u+s /usr/bin/sudo"], "is not root's alone"],
  ])("a pinned sudo mode ends with 1 and the reason: %s", async (_, lines, words) => {
    const image = await sudoImage(base, lines);
    const ended = await runToEnd({ image, env: PINNED, cmd: ["echo", "the app ran"] });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(said(ended.stderr)).toMatch(/^WITHSSH_PRIVILEGE=sudo is not to be had/);
    expect(said(ended.stderr)).toContain(words);
  });

  test("a sudo that wants a terminal is told as that, and serves where it does not want one of the app's user", async () => {
    const wanting = grantLine("Defaults requiretty", "/etc/sudoers.d/terminal");
    const image = await sudoImage(base, [wanting], SCOPED);
    const cmd = ["echo", "the app ran"];
    const ended = await runToEnd({ image, env: PINNED, cmd });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    const words = "sudo wants a terminal of its caller — saw sudo: sorry, ";
    expect(said(ended.stderr)).toContain(words);
    const atTerminal = await runToEnd({ image, env: PINNED, cmd, create: { Tty: true } });
    expect(atTerminal.code).toBe(1);
    expect(atTerminal.stdout).toContain(words);
    const mended = await sudoImage(base, [wanting], `Defaults:app !requiretty\n${SCOPED}`);
    expect(await runToEnd({ image: mended, env: PINNED, cmd })).toMatchObject({ code: 0, stdout: "the app ran\n" });
  });

  test("what the container took from sudo is told by name: a nosuid mount, a capability, a uid that has no name", async () => {
    const image = await sudoImage(base, [], SCOPED);
    const run = async (options: Partial<ContainerOptions>) => {
      const ended = await runToEnd({ image, env: PINNED, cmd: ["echo", "the app ran"], ...options });
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      return said(ended.stderr);
    };
    const mount = "mount -o bind /usr/bin /usr/bin && mount -o remount,bind,nosuid /usr/bin";
    const cmd = ["-c", `${mount}; exec su app -c 'withssh echo the app ran'`];
    const host = { CapAdd: ["SYS_ADMIN"], SecurityOpt: ["apparmor=unconfined", "seccomp=unconfined"] };
    // busybox's mount does not reliably change the flags of a bind mount.
    if (base === "debian") {
      expect(await run({ user: "root", entrypoint: ["sh"], cmd, host })).toContain(
        "/usr/bin/sudo is on a nosuid mount",
      );
    }
    for (const capability of ["SETUID", "SETGID"]) {
      const words = `sudo needs CAP_${capability}, which the container lacks`;
      expect(await run({ host: { CapDrop: [capability] } })).toContain(words);
    }
    expect(await run({ user: "4242" })).toContain("sudo does not know uid 4242");
  });

  test("a claim that is spent is told as that: a pinned start ends with 1, another goes rootless and runs its app", async () => {
    const image = await sudoImage(base, [], SCOPED);
    const key = await makeKey();
    const container = await startContainer({ image, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForReady();
    const again = (env: string) => asApp(container, `WITHSSH_PORT=2299 ${env} withssh echo the app ran`);
    const pinned = await again("WITHSSH_PRIVILEGE=sudo");
    expect(pinned).toMatchObject({ code: 1, stdout: "" });
    expect(said(pinned.stderr)).toMatch(
      /WITHSSH_PRIVILEGE=sudo is not to be had .* the sudo rule is spent for this start/,
    );
    const auto = await again("");
    expect(auto).toMatchObject({ code: 0, stdout: "the app ran\n" });
    expect(said(auto.stderr)).toMatch(/sudo mode is not to be had .* the sudo rule is spent for this start/);
  });

  test("in a container whose name nothing resolves it works all the same", async () => {
    const image = await sudoImage(base, [], SCOPED);
    const look = "sudo -n -l 2>&1; echo the app ran";
    const ended = await runToEnd({
      image,
      env: PINNED,
      user: "root",
      entrypoint: ["sh"],
      cmd: ["-c", `hostname nameless && exec su app -c 'withssh sh -c "${look}"'`],
      host: { NetworkMode: "none", CapAdd: ["SYS_ADMIN"] },
    });
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/the app ran\n$/);
    // Alpine's sudo does not mind.
    if (base === "debian") expect(ended.stdout).toContain("sudo: unable to resolve host nameless: ");
  });

  test("where sudo keeps to itself what is left, nothing is proved and the app does not start", async () => {
    const image = await sudoImage(base, [], `Defaults listpw=always\n${SCOPED}`);
    const ended = await runToEnd({ image, cmd: ["echo", "the app ran"] });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(said(ended.stderr)).toContain("sudo still gives this process something — saw password");
  });

  test("no_new_privs is told as such, and without a pinned mode the app runs", async () => {
    const image = await sudoImage(base, [], SCOPED);
    const host = { SecurityOpt: ["no-new-privileges"] };
    const pinned = await runToEnd({ image, env: PINNED, host, cmd: ["echo", "the app ran"] });
    expect(pinned).toMatchObject({ code: 1, stdout: "" });
    expect(said(pinned.stderr)).toContain("no_new_privs");
    const auto = await runToEnd({ image, host, cmd: ["echo", "the app ran"] });
    expect(auto).toMatchObject({ code: 0, stdout: "the app ran\n" });
    expect(said(auto.stderr)).toContain("no_new_privs");
  });

  test.each([
    ["an alias", "User_Alias OURS = app\nOURS ALL=(ALL) NOPASSWD: ALL", [], "the alias OURS"],
    ["a shared group", "%ops ALL=(ALL) NOPASSWD: ALL", ["RUN echo 'ops:x:4321:app' >> /etc/group"], "the group ops"],
    ["a netgroup", `${SCOPED}\n+all ALL=(ALL) ALL`, [], "a netgroup"],
    [
      "an include",
      `${SCOPED}`,
      [
        "RUN echo '@include /etc/sudoers.more' >> /etc/sudoers && echo > /etc/sudoers.more && chmod 440 /etc/sudoers.more",
      ],
      "an include of another place",
    ],
    ["a root without a password", SCOPED, ["RUN sed -i 's/^root:[^:]*:/root::/' /etc/shadow"], "empty password"],
    [
      "another user without a password, whom sudo gives root for one",
      SCOPED,
      [
        `RUN ${base === "debian" ? "useradd -m ops" : "adduser -D ops"} && sed -i 's/^ops:[^:]*:/ops::/' /etc/shadow`,
        grantLine("ops ALL=(ALL) ALL", "/etc/sudoers.d/ops"),
      ],
      "ops has an empty password and a sudo rule",
    ],
    [
      "a rule that wants a password which is none",
      "app ALL=(ALL) ALL",
      ["RUN sed -i 's/^app:[^:]*:/app::/' /etc/shadow"],
      "the password that sudo wants of this user is empty",
    ],
    [
      "the same beside one that wants none",
      "app ALL=(root) NOPASSWD: /bin/ls\napp ALL=(ALL) ALL",
      ["RUN sed -i 's/^app:[^:]*:/app::/' /etc/shadow"],
      "the password that sudo wants of this user is empty",
    ],
    [
      "doas",
      SCOPED,
      [
        "RUN printf '#!/bin/sh\\n' > /usr/bin/doas && chmod 4755 /usr/bin/doas && echo 'permit nopass :app' > /etc/doas.conf",
      ],
      "/etc/doas.conf, line 1",
    ],
    [
      "a rule for another copy of withssh",
      SCOPED.replace(WITHSSH, "/opt/withssh"),
      [`RUN cp ${WITHSSH} /opt/withssh`],
      "sudo may run withssh, and it did not answer",
    ],
    ["SETENV", SCOPED.replace("NOPASSWD:", "NOPASSWD: SETENV:"), [], "sudo still gives|not to be had|SETENV"],
    ["env_keep of what steers the runtime", `Defaults:app env_keep += "BUN_OPTIONS"\n${SCOPED}`, [], "env_keep"],
  ])("what cannot be taken away safely is named, and the app does not start: %s", async (name, grant, lines, words) => {
    const image = await sudoImage(base, lines, grant);
    const ended = await runToEnd({ image, cmd: ["echo", "the app ran"] });
    // SETENV makes the rule a broad one, which is simply gone.
    if (name === "SETENV") expect(ended).toMatchObject({ code: 0, stdout: "the app ran\n" });
    else {
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(said(ended.stderr)).toMatch(new RegExp(words));
    }
  });

  test("the log lives on after sudo has ended, also on a terminal", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_LOG_FORMAT: "json" };
    const container = await startContainer({ image, env, create: { Tty: true, OpenStdin: true } });
    const until = async (words: string) => {
      const deadline = performance.now() + 20_000;
      for (;;) {
        const { stdout } = await container.logs();
        if (stdout.includes(words)) return stdout;
        if (performance.now() > deadline) throw new Error(`not said: ${words} — saw ${stdout}`);
      }
    };
    const log = await until('"msg":"ssh ready"');
    const ready = log.split("\n").find((line) => line.includes('"msg":"ssh ready"')) ?? "{}";
    const knownHosts = (JSON.parse(ready.trim()) as { known_hosts: string }).known_hosts;
    expect(await ssh(container, { key, user: "app", command: "echo in", knownHosts })).toMatchObject({
      stdout: "in\n",
    });
    await until('"msg":"accepted"');
  });

  test("only the image's own file names sshd, its config and other users", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const wanted = {
      WITHSSH_SSHD: "/bin/sh",
      WITHSSH_USERS: "app,root",
      WITHSSH_VOLUME: "/etc",
      AUTHORIZED_KEYS_FILE: "/etc/shadow",
    };
    for (const [name, value] of Object.entries(wanted)) {
      const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_REQUIRE: "true", [name]: value };
      const ended = await runToEnd({ image, env, cmd: ["echo", "the app ran"] });
      expect(ended, name).toMatchObject({ code: 1, stdout: "" });
      expect(said(ended.stderr)).toMatch(new RegExp(`ssh is down: ${name} .*/etc/withssh/settings`));
    }
  });

  test("where a setting is refused SSH stays down, whoever asks is told why, and the app has no child that has ended", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, [], SCOPED);
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_VOLUME: "/etc", WITHSSH_SSHD: "/bin/sh" };
    const container = await startContainer({ image, env });
    await container.waitForLog(({ msg }) => msg.startsWith("ssh is down: WITHSSH_SSHD"));
    await container.waitForLog(({ msg }) => msg.startsWith("ssh is down: WITHSSH_VOLUME"));
    const health = async () => (await asApp(container, "withssh --healthcheck")).stdout;
    await expect.poll(health, { timeout: 10_000 }).toMatch(/^unhealthy: .*WITHSSH_/);
    const children = (await listProcesses(container)).filter(({ parent }) => parent === 1);
    expect(children.filter(({ state }) => state === "Z")).toEqual([]);
    expect(children.filter(isSupervisor)).toHaveLength(1);
    expect((await asApp(container, "ls /volume/.ssh /run/withssh/keys 2>&1; true")).stdout).not.toContain("_key");
  });

  test("users that the image names get nothing from the environment: no key, no PATH, no variable", async () => {
    const [roots, apps] = [await makeKey(), await makeKey()];
    const write = (text: string) => [`RUN mkdir -p /etc/withssh /data && printf '${text}' > /etc/withssh/settings`];
    const image = await sudoImage(
      base,
      write(`WITHSSH_USERS=app,root\\nAUTHORIZED_KEYS=${roots.publicLine}\\n`),
      SCOPED,
    );
    const PATH = "/plant:/usr/local/bin:/usr/bin:/bin";
    const env = {
      PATH,
      WITHSSH_USERS: "root",
      WITHSSH_VOLUME: "/data",
      WITHSSH_KEY_VARIABLES: "PUBLIC_KEY",
      PUBLIC_KEY: apps.publicLine,
      WITHSSH_SESSION_ENV: "*",
      PLANTED: "by the app",
    };
    const container = await startContainer({ image, env });
    await container.waitForLogins();
    const ask = (user: string, key: typeof roots) => ssh(container, { key, user, command: 'echo "$PATH $PLANTED"' });
    const shell = (user: string, key: typeof roots) =>
      ssh(container, { key, user, args: ["-tt"], stdin: "echo is:$PATH:; exit\n" });
    expect((await ask("app", apps)).stdout).toBe(`${PATH} by the app\n`);
    expect((await shell("app", apps)).stdout).toContain(`is:${PATH}:`);
    expect((await ask("root", apps)).code).toBe(255);
    for (const { code, stdout } of [await ask("root", roots), await shell("root", roots)]) {
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/plant|by the app/);
    }
    const keyless = await startContainer({
      image: await sudoImage(base, write("WITHSSH_USERS=app,root\\n"), SCOPED),
      env: { AUTHORIZED_KEYS: apps.publicLine },
    });
    await keyless.waitForReady();
    await keyless.waitForLog(({ msg }) => msg.startsWith("root has no key: in sudo mode"));
    expect((await ssh(keyless, { key: apps, user: "root", command: "id" })).code).toBe(255);
  });

  test("what the environment names is opened anew with the app's own rights, whatever was put there since", async () => {
    const [first, second] = [await makeKey(), await makeKey()];
    const image = await sudoImage(base, ["RUN mkdir -p /home/app/v && chown -R app /home/app"], SCOPED);
    const env = {
      AUTHORIZED_KEYS: first.publicLine,
      AUTHORIZED_KEYS_FILE: "/home/app/keys/list",
      WITHSSH_VOLUME: "/home/app/v",
    };
    // On a volume of its own: a directory of an image's layer cannot be renamed on every overlay.
    const container = await startContainer({ image, env, binds: [`${await makeVolume()}:/home/app`] });
    await container.waitForLogins();
    const asRoot = (script: string) => container.exec(["sh", "-c", script], { user: "root" });
    await writeFiles(container, { "/home/app/new/list": second.publicLine });
    await asRoot("cd /home/app && chown -R root new && chmod 600 new/list && mv new keys");
    await container.waitForLog(({ msg }) => /^key source failed: \/home\/app\/keys\/list .* saw EACCES/.test(msg));
    await asRoot("chmod 644 /home/app/keys/list");
    await container.waitForLog("authorized keys changed");
    expect(await ssh(container, { key: second, user: "app", command: "echo in" })).toMatchObject({ stdout: "in\n" });

    expect(await asApp(container, "cd /home/app && mv v w && ln -s /srv v")).toMatchObject({ code: 0, stderr: "" });
    await container.waitForLog(({ msg }) => msg.includes("ELOOP at /home/app/v"));
    expect((await asRoot("ls -A /srv")).stdout).toBe("");
  });

  test("without a command the launcher stays with the supervisor, and each ends with the other", async () => {
    const key = await makeKey();
    const image = await sudoImage(base, ["CMD []"], SCOPED);
    const env = { ...PINNED, AUTHORIZED_KEYS: key.publicLine, WITHSSH_SSH_ONLY: "true" };
    const container = await startContainer({ image, env, cmd: [] });
    await container.waitForReady();
    expect(await container.stop()).toBe(0);
    const other = await startContainer({ image, env, cmd: [] });
    await other.waitForReady();
    const end =
      "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/cmdline | grep -qx -e --supervisor && kill -9 ${p#/proc/}; done";
    await other.exec(["sh", "-c", end], { user: "root" });
    expect(await other.waitForExit()).toBe(1);
  });
});
