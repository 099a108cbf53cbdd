/** Without root: sshd as the image's own user, whatever a platform forbids, and what is impossible is said in words. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildAppImage } from "../support/app-image.ts";
import { bases, buildImage, type ContainerOptions, makeVolume, runToEnd, startContainer } from "../support/boot.ts";
import { type Container, docker } from "../support/container.ts";
import { APP, errorsOf, isListener, listProcesses, ourLines, readInside } from "../support/inside.ts";
import { makeDir, makeKey, ssh, type TestKey } from "../support/ssh.ts";

/** As platforms do it that trust nobody (Kubernetes' "restricted", OpenShift). */
const HARDENED = { ReadonlyRootfs: true, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"] };
const TMPFS = { Tmpfs: { "/tmp": "", "/run": "" } };
/** Says that it runs, and ends with a code of its own. */
const SHORT_APP = ["sh", "-c", "echo the app runs; sleep 1; exit 7"];

/** What a container has written in /etc since it was made, but for what the engine itself puts there. */
async function changedInEtc(container: Container): Promise<string[]> {
  const paths = (await docker("diff", container.id)).split("\n").map((line) => line.slice(2));
  return paths.filter((path) => path.startsWith("/etc/"));
}

describe.each(bases)("on %s", (base) => {
  let image = "";
  let key: TestKey;
  beforeAll(async () => {
    image = await buildAppImage(base);
    key = await makeKey();
  });

  const start = (options: ContainerOptions = {}) =>
    startContainer({
      image,
      user: "app",
      cmd: APP,
      ...options,
      env: { AUTHORIZED_KEYS: key.publicLine, ...options.env },
    });

  /** Runs an app to its end and gives what was said beside it, at error, and how both ended. */
  async function runShort(options: ContainerOptions = {}) {
    const env = { AUTHORIZED_KEYS: key.publicLine, ...options.env };
    const { code, stdout, stderr } = await runToEnd({ image, user: "app", cmd: SHORT_APP, ...options, env });
    const errors = ourLines(stderr).filter(({ level }) => level === "error");
    return { code, stdout, errors: errors.map(({ msg }) => msg).join("\n") };
  }

  /** Another /etc/passwd, as platforms mount one at a start. */
  async function withPasswdLine(line: string): Promise<string> {
    const { stdout } = await runToEnd({ image, entrypoint: ["cat"], cmd: ["/etc/passwd"] });
    const path = join(await makeDir(), "passwd");
    await writeFile(path, `${stdout}${line}\n`);
    await chmod(path, 0o644);
    await chmod(join(path, ".."), 0o755);
    return `${path}:/etc/passwd:ro`;
  }

  const login = (container: Container, command: string, user = "app") => ssh(container, { key, user, command });

  test("the image's user logs in with the app's environment, nothing runs as root, and nothing of /etc is written", async () => {
    const container = await start({ env: { DATABASE_URL: "postgres://db" } });
    const ready = await container.waitForReady();
    expect(ready.users).toEqual(["app"]);
    const session = await login(container, 'echo "$(id -un) $(pwd) $DATABASE_URL"');
    expect(session).toMatchObject({ code: 0, stdout: "app /home/app postgres://db\n" });
    const listener = (await listProcesses(container)).find(isListener);
    expect((await container.exec(["stat", "-c", "%u", `/proc/${listener?.pid}`])).stdout).toBe("1000\n");
    expect((await ssh(container, { key, user: "root", command: "true" })).code).toBe(255);
    expect((await ssh(container, { key, user: "other", command: "true" })).code).toBe(255);
    expect(await changedInEtc(container)).toEqual([]);
    expect(await errorsOf(container)).toEqual([]);
  });

  test("its identity stays: after a restart, and in a new container on the same volume", async () => {
    const volume = await makeVolume();
    const first = await start({ volume });
    const { known_hosts: knownHosts } = await first.waitForLogins();
    await first.restart();
    await first.waitForReady();
    expect(await ssh(first, { key, user: "app", command: "echo in", knownHosts })).toMatchObject({ stdout: "in\n" });
    await first.remove();
    const second = await start({ volume });
    await second.waitForReady();
    expect(await ssh(second, { key, user: "app", command: "echo in", knownHosts })).toMatchObject({ stdout: "in\n" });
  });

  test("it works on a read-only root without any capability and without new privileges, terminal included", async () => {
    const volume = await makeVolume();
    const container = await start({ volume, host: { ...HARDENED, ...TMPFS } });
    await container.waitForReady();
    expect(await login(container, "id -un; tty")).toMatchObject({ stdout: "app\nnot a tty\n" });
    const terminal = await ssh(container, { key, user: "app", command: "tty", args: ["-tt"] });
    expect(terminal).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\/dev\/pts\/\d+\r\n$/) });
    expect(await errorsOf(container)).toEqual([]);
  });

  test("without a place that only it can write, SSH is down, the places are named, and the app runs", async () => {
    const { code, stdout, errors } = await runShort({ host: HARDENED });
    expect({ code, stdout }).toEqual({ code: 7, stdout: "the app runs\n" });
    expect(errors).toContain("ssh is down: there is no place that only we can write");
    expect(errors).toContain("/tmp/withssh-1000: EROFS — hint: docker run --tmpfs /tmp, or --tmpfs /run");
  });

  test("a place that another user has planted is refused and stays as it is", async () => {
    const planted = await buildImage({ from: image, lines: ["USER other", "RUN mkdir -m 777 /tmp/withssh-1000"] });
    const container = await start({ image: planted, env: { HOME: "/" } });
    const line = await container.waitForLog(({ msg }) => msg.startsWith("ssh is down"));
    expect(line.msg).toContain("/tmp/withssh-1000 is not ours alone (uid 1001, mode 777)");
    expect((await container.exec(["ls", "-A", "/tmp/withssh-1000"])).stdout).toBe("");
    expect(await readInside(container, "/proc/1/cmdline")).toContain("trap");
  });

  test("a uid of the platform's choice in group 0 logs in once the image has the lines that the message gave", async () => {
    const lines = [
      "RUN mkdir -p /app && chgrp -R 0 /app /volume && chmod -R g=u /app /volume && chmod 775 /app /volume",
    ];
    const home = await buildImage({ from: image, lines });
    const binds = [await withPasswdLine("1000680000:x:1000680000:0:1000680000 user:/app:/sbin/nologin")];
    const options = { user: "1000680000:0", binds, env: { HOME: "/app" } };
    const { code, stdout, errors } = await runShort({ image: home, ...options });
    expect({ code, stdout }).toEqual({ code: 7, stdout: "the app runs\n" });
    expect(errors).toContain("ssh is down: 1000680000 has no login shell");

    const [, told = ""] = /in the Dockerfile: (RUN .*)$/.exec(errors) ?? [];
    const container = await start({ image: await buildImage({ from: home, lines: [told] }), ...options });
    expect((await container.waitForReady()).users).toEqual(["1000680000"]);
    const session = await login(container, 'echo "$(id -u):$(id -g) $(pwd)"', "1000680000");
    expect(session).toMatchObject({ code: 0, stdout: "1000680000:0 /app\n" });
    const shell = await ssh(container, { key, user: "1000680000", args: ["-tt"], stdin: "echo $((40+2)); exit 3\n" });
    expect(shell.stdout).toContain("42");
    expect(shell.code).toBe(3);
  });

  test.each([
    ["a number without an entry", { user: "4242" }, "uid 4242 has no line in /etc/passwd", "RUN useradd --uid 4242"],
    ["a port below 1024", { env: { WITHSSH_PORT: "22" } }, "needs a port from 1024 on", "WITHSSH_PORT=2222"],
    ["only other users to log in", { env: { WITHSSH_USERS: "root" } }, "nobody but app can log in", "WITHSSH_USERS"],
  ])(
    "with %s SSH is down in words, and the app runs unless SSH or the mode is demanded",
    async (_, options, what, hint) => {
      const { code, stdout, errors } = await runShort(options);
      expect({ code, stdout }).toEqual({ code: 7, stdout: "the app runs\n" });
      expect(errors).toContain(`ssh is down: ${what.startsWith("uid") ? "" : "without root "}`);
      expect(errors).toContain(what);
      expect(errors).toContain(hint);
      for (const demand of [{ WITHSSH_REQUIRE: "true" }, { WITHSSH_PRIVILEGE: "rootless" }]) {
        const demanded = await runShort({ ...options, env: { ...("env" in options ? options.env : {}), ...demand } });
        expect({ ...demanded, errors: "" }).toEqual({ code: 1, stdout: "", errors: "" });
        expect(demanded.errors).toContain(what);
      }
    },
  );

  test("a login shell that is none is told with the way to change it", async () => {
    const binds = [await withPasswdLine("svc:x:1500:1500::/home/app:/sbin/nologin")];
    const { code, errors } = await runShort({ user: "1500", binds });
    expect(code).toBe(7);
    expect(errors).toContain("svc has no login shell");
    expect(errors).toContain("usermod --shell /bin/sh svc");
  });

  test("host keys on a read-only volume serve, and an empty one gives an identity that is said to end", async () => {
    const volume = await makeVolume();
    const first = await start({ volume });
    const { known_hosts: knownHosts } = await first.waitForLogins();
    await first.remove();
    const second = await start({ binds: [`${volume}:/volume:ro`] });
    await second.waitForReady();
    expect(await ssh(second, { key, user: "app", command: "echo in", knownHosts })).toMatchObject({ stdout: "in\n" });

    const third = await start({ binds: [`${await makeVolume()}:/volume:ro`] });
    await third.waitForReady();
    expect((await third.logs()).stderr).toContain("changes at the next start: make the volume writable");
    expect(await login(third, "echo in")).toMatchObject({ stdout: "in\n" });
  });

  test("no new identity is made beside host keys that it cannot read: SSH is down, and the app runs", async () => {
    const volume = await makeVolume();
    const root = await start({ volume, user: "root" });
    const { known_hosts: knownHosts } = await root.waitForLogins();
    await root.waitForLog("host key made and in use");
    await root.remove();
    const { code, stdout, errors } = await runShort({ volume });
    expect({ code, stdout }).toEqual({ code: 7, stdout: "the app runs\n" });
    expect(errors).toContain("no right to read it (EACCES)");
    expect(errors).toContain("ssh is down: no host key on the volume can be used");

    const again = await start({ volume, user: "root" });
    await again.waitForReady();
    expect(await ssh(again, { key, command: "echo in", knownHosts })).toMatchObject({ stdout: "in\n" });
  });

  test("a pinned mode is kept to: root is refused without root, and root goes without where rootless is pinned", async () => {
    const refused = await runShort({ env: { WITHSSH_PRIVILEGE: "root" } });
    expect({ ...refused, errors: "" }).toEqual({ code: 1, stdout: "", errors: "" });
    expect(refused.errors).toContain("WITHSSH_PRIVILEGE=root is not to be had — saw the container starts as uid 1000");

    const container = await start({ user: "root", env: { WITHSSH_PRIVILEGE: "rootless" } });
    await container.waitForReady();
    expect(await login(container, "id -un", "root")).toMatchObject({ stdout: "root\n" });
    expect(await changedInEtc(container)).toEqual([]);
  });

  test("SSH alone, under init, and where somebody else is PID 1, it serves as with root", async () => {
    for (const options of [{ cmd: [] }, { env: { WITHSSH_INIT: "true" } }, { host: { Init: true } }]) {
      const alone = "cmd" in options ? { create: { Cmd: [] }, env: { WITHSSH_SSH_ONLY: "true" } } : {};
      const container = await start({ ...options, ...alone });
      await container.waitForReady();
      expect(await login(container, "echo in")).toMatchObject({ stdout: "in\n" });
      expect(await container.stop()).toBe("cmd" in options ? 0 : 143);
    }
  });
});
