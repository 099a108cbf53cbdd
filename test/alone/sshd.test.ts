/** sshd stays up beside the app, and its sessions see the container as the app does, without what is ours. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run, sshArguments } from "../../scripts/ssh-client.ts";
import { bases, buildImage, type ContainerOptions, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import {
  APP,
  errorsOf,
  findProcess,
  isListener,
  isSupervisor,
  ourLines,
  readInside,
  WITH_HOST_KEYS,
} from "../support/inside.ts";
import { makeDir, makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { readBanner, waitForBanner } from "../support/tcp.ts";

async function startReady(options: ContainerOptions): Promise<{ container: Container; key: TestKey }> {
  const key = await makeKey();
  const env = { AUTHORIZED_KEYS: key.publicLine, ...options.env };
  const container = await startContainer({ entrypoint: WITH_HOST_KEYS, cmd: APP, ...options, env });
  await container.waitForReady();
  return { container, key };
}

describe.each(bases)("on %s", (base) => {
  test("sshd killed by SIGKILL is back in under a second, and live sessions go on", async () => {
    const { container, key } = await startReady({ base });
    await container.exec(["mkfifo", "/tmp/begun", "/tmp/go"]);
    const session = ssh(container, { key, command: "echo in > /tmp/begun; cat /tmp/go; echo end" });
    await container.exec(["cat", "/tmp/begun"]);
    const { pid } = await findProcess(container, isListener);
    const began = performance.now();
    expect((await container.exec(["kill", "-KILL", String(pid)])).code).toBe(0);
    await waitForBanner(container, 5000);
    expect(performance.now() - began).toBeLessThan(1000);
    expect((await findProcess(container, isListener)).pid).not.toBe(pid);
    expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    await container.exec(["sh", "-c", "echo still here > /tmp/go"]);
    expect(await session).toEqual({ code: 0, stdout: "still here\nend\n", stderr: "" });
    expect(await errorsOf(container)).toMatchObject([{ msg: "sshd exited", status: "signal 9" }]);
  });
});

describe.concurrent.each(bases)("on %s", (base) => {
  const value = `a 'quoted' "b"  \\ $HOME \`id\` # ; grüß 日本\t!`;

  test("sessions have the container's variables byte for byte, and never a setting of ours", async () => {
    const env = {
      SPOKEN: value,
      EMPTY: "",
      WITHSSH_LOG_LEVEL: "debug",
      WITHSSH_SESSION_ENV: "*",
      TERM: "ours",
      USER: "x",
    };
    const raw = ["sh", "-c", `export RAW="$(printf 'a\\377 \\200b')"; exec "$@"`, "sh", ...WITH_HOST_KEYS, ...APP];
    const { container, key } = await startReady({ base, env, entrypoint: raw, cmd: [] });
    const read = async (command: string) => {
      const { stdout } = await ssh(container, { key, command: `${command} | base64` });
      return Buffer.from(stdout, "base64").toString("latin1").split("\0").filter(Boolean);
    };
    const session = await read("cat /proc/self/environ");
    const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");
    expect(session).toContain(`SPOKEN=${bytes(value)}`);
    expect(session).toContain("RAW=a\xff \x80b");
    expect(session).toContain("EMPTY=");
    expect(session).toContain("USER=root");
    expect(session).not.toContain("TERM=ours");
    expect(session.filter((entry) => /^(WITHSSH_|AUTHORIZED_KEYS)/.test(entry))).toEqual([]);
    const app = await read("cat /proc/1/environ");
    expect(app).toContain("RAW=a\xff \x80b");
    const missing = app.filter(
      (entry) => !session.includes(entry) && !/^(WITHSSH_|AUTHORIZED_KEYS|TERM|HOME|USER|PWD|OLDPWD|SHLVL)/.test(entry),
    );
    expect(missing).toEqual([]);
  });

  test("sessions get what WITHSSH_SESSION_ENV names; a user that is not the app's gets no more than a shell needs", async () => {
    const add = base === "debian" ? "useradd -m -s /bin/sh other" : "adduser -D -s /bin/sh other";
    const image = await buildImage({ base, lines: [`RUN ${add}`] });
    const env = { SECRET: "s3cret", APP_NAME: "shop", LC_TIME: "C", TZ: "UTC", WITHSSH_USERS: "root,other" };
    const names = async (container: Container, key: TestKey, user: string) => {
      const { stdout } = await ssh(container, { key, user, command: "env" });
      return ["SECRET", "APP_NAME", "LC_TIME", "TZ"].filter((name) => stdout.includes(`${name}=`));
    };
    const [usual, named, none] = await Promise.all([
      startReady({ image, env }),
      startReady({ image, env: { ...env, WITHSSH_SESSION_ENV: "APP_*,TZ" } }),
      startReady({ image, env: { ...env, WITHSSH_SESSION_ENV: "-" } }),
    ]);
    expect(await names(usual.container, usual.key, "root")).toEqual(["SECRET", "APP_NAME", "LC_TIME", "TZ"]);
    expect(await names(usual.container, usual.key, "other")).toEqual(["LC_TIME", "TZ"]);
    expect(await names(named.container, named.key, "root")).toEqual(["APP_NAME", "TZ"]);
    expect(await names(none.container, none.key, "root")).toEqual([]);

    const config = ["cat", "/run/withssh/private/sshd_config"];
    expect((await usual.container.exec(config)).stdout).toContain("s3cret");
    expect(await usual.container.exec(config, { user: "other" })).toMatchObject({ code: 1, stdout: "" });
    const others = await usual.container.exec(["grep", "-rl", "s3cret", "/run", "/etc", "/tmp"], { user: "other" });
    expect(others.stdout).toBe("");
  });

  test("a variable with a line end in it is named and left out, and the others are there", async () => {
    const { container, key } = await startReady({ base, env: { LINES: "one\nSetEnv X=2", OTHER: "here" } });
    const { stdout } = await ssh(container, { key, command: "env" });
    expect(stdout).toContain("OTHER=here\n");
    expect(stdout).not.toMatch(/^(LINES|X)=/m);
    expect(ourLines((await container.logs()).stderr)).toContainEqual(
      expect.objectContaining({ level: "warn", msg: expect.stringContaining("LINES") }),
    );
  });

  test("the container's PATH is there in every kind of session", async () => {
    const path = "/app/it's/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const { container, key } = await startReady({ base, env: { PATH: path } });
    const say = 'echo "[$PATH]"';
    const login = base === "debian" ? ["bash -l -c", "sh -l -c"] : ["sh -l -c"];
    expect((await ssh(container, { key, command: say })).stdout).toBe(`[${path}]\n`);
    for (const shell of login) {
      expect((await ssh(container, { key, command: `${shell} '${say}'` })).stdout).toBe(`[${path}]\n`);
    }
    const typed = await ssh(container, { key, args: ["-tt"], stdin: `${say}\nexit\n` });
    expect(typed.stdout).toContain(`[${path}]\r\n`);
  });

  test("forwarding is the image's choice until WITHSSH_FORWARDING says otherwise", async () => {
    const local = ["-W", "127.0.0.1:2222"];
    const remote = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"];
    const can = async (forwarding?: string) => {
      const env = forwarding === undefined ? {} : { WITHSSH_FORWARDING: forwarding };
      const { container, key } = await startReady({ base, env });
      const [there, back] = await Promise.all([
        ssh(container, { key, args: local }),
        ssh(container, { key, args: remote, command: "true" }),
      ]);
      return { local: there.stdout.startsWith("SSH-2.0-OpenSSH"), remote: back.code === 0 };
    };
    expect(await can()).toEqual(base === "debian" ? { local: true, remote: true } : { local: false, remote: false });
    expect(await can("yes")).toEqual({ local: true, remote: true });
    expect(await can("local")).toEqual({ local: true, remote: false });
    expect(await can("no")).toEqual({ local: false, remote: false });
  });

  test("sftp copies files, and a terminal is a terminal", async () => {
    const { container, key } = await startReady({ base });
    const { known_hosts } = await container.waitForLogins();
    const knownHosts = join(await makeDir(), "known_hosts");
    await writeFile(knownHosts, `${known_hosts.replace(/^\S+/, "*")}\n`);
    // sftp has -P for the port, and -p is something else there.
    const target = sshArguments({ host: "127.0.0.1", port: container.port, user: "root", key: key.path, knownHosts });
    const args = target.map((argument) => (argument === "-p" ? "-P" : argument));
    const copied = await run("sftp", ["-q", "-b", "-", ...args, "root@127.0.0.1"], {
      stdin: `put ${knownHosts} /tmp/copied\n`,
    });
    expect(copied).toMatchObject({ code: 0, stderr: "" });
    expect(await readInside(container, "/tmp/copied")).toBe(await readFile(knownHosts, "utf8"));
    const tty = await ssh(container, { key, args: ["-tt"], command: "test -t 0 && tty" });
    expect(tty.stdout).toMatch(/^\/dev\/pts\/\d+\r\n$/);
  });

  test("an environment that is too large for the sshd that waits is served by another, and nothing is called wrong", async () => {
    const env = { LARGE: "x".repeat(100_000), WITHSSH_REQUIRE: "true" };
    const { container, key } = await startReady({ base, env });
    expect(await ssh(container, { key, command: 'printf %s "$LARGE" | wc -c' })).toMatchObject({ stdout: "100000\n" });
    expect(await errorsOf(container)).toEqual([]);
  });

  test("the port is the one that is set, and none other listens", async () => {
    const { container } = await startReady({ base, env: { WITHSSH_PORT: "2022" } });
    const listening = "cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A ' | tr -s ' ' | cut -d' ' -f3 | cut -d: -f2";
    expect((await container.exec(["sh", "-c", listening])).stdout).toBe("07E6\n07E6\n");
    expect(await container.waitForReady()).toMatchObject({ port: 2022 });
    expect(await readBanner(container)).toBe(undefined);
  });

  test("where the port is taken for IPv4 alone, SSH serves on IPv6, and the log names the address and who holds it", async () => {
    const take =
      "mkdir -p /run/sshd && ssh-keygen -q -t ed25519 -N '' -f /tmp/k && /usr/sbin/sshd -4 -f /dev/null -h /tmp/k -p 2222";
    const entrypoint = ["sh", "-c", `${take} && exec withssh "$@"`, "sh"];
    const { container } = await startReady({ base, entrypoint });
    const { msg: line } = await container.waitForLog(({ msg }) => msg.startsWith("sshd listens, but not on"));
    expect(line).toMatch(/not on 0\.0\.0\.0 port 2222: .* — saw sshd \(pid \d+\) — hint: end it/);
    const [, holder] = /\(pid (\d+)\)/.exec(line) ?? [];
    const parent = await readInside(container, `/proc/${holder}/cmdline`);
    expect(parent).toContain("-4");
  });

  test("on a read-only root with the places that are written mounted, a login works", async () => {
    const host = { ReadonlyRootfs: true, Tmpfs: { "/run": "", "/tmp": "", "/volume": "" } };
    const { container, key } = await startReady({ base, host });
    expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    expect(await errorsOf(container)).toEqual([]);
  });

  test("the supervisor has nothing of the app's: no stdout, no variables, its own session", async () => {
    const { container } = await startReady({ base, env: { SECRET: "s3cret" } });
    const { pid } = await findProcess(container, isSupervisor);
    expect(await readInside(container, `/proc/${pid}/environ`)).not.toContain("s3cret");
    const out = await container.exec(["readlink", `/proc/${pid}/fd/1`, "/proc/1/fd/1"]);
    const [ours, theirs] = out.stdout.split("\n");
    expect(ours).not.toBe(theirs);
    const stat = await readInside(container, `/proc/${pid}/stat`);
    const [, session] = /\) \S \d+ \d+ (\d+) /.exec(stat) ?? [];
    expect(session).toBe(String(pid));
  });
});
