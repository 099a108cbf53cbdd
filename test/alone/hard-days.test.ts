/**
 * Days on which things go wrong around us: a storm of strangers, a log that nobody reads, a full disk, a suspended machine,
 * an upgraded sshd. Logins and the app go on. `npm run bench:load` does the same with more of everything.
 */
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import { docker } from "../support/container.ts";
import {
  APP,
  errorsOf,
  findProcess,
  isListener,
  isSupervisor,
  listProcesses,
  ourLines,
  readInside,
  WITH_HOST_KEYS,
  waitForProcesses,
} from "../support/inside.ts";
import { knockAs } from "../support/raw-login.ts";
import { makeKey, ssh } from "../support/ssh.ts";
import { connectAndEnd, waitForBanner } from "../support/tcp.ts";

const STORM = 60;
const AT_ONCE = 10;
const STOPPED_MS = 3000;

/** Host keys as on a later start, then withssh with a stderr of its own. */
const withStderr = (redirection: string) => {
  const [sh, c, script = "", name] = WITH_HOST_KEYS;
  return [sh, c, script.replace('exec withssh "$@"', `${redirection}`), name];
};

describe.concurrent.each(bases)("on %s", (base) => {
  test("a storm of refused logins is a few lines and a count, and who has a key gets in meanwhile", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const storm = Array.from({ length: AT_ONCE }, async (_, at) => {
      for (let i = 0; i < STORM / AT_ONCE; i++) await knockAs(container, `user${at}.${i}`, stranger);
    });
    for (let i = 0; i < 3; i++) {
      expect(await ssh(container, { key, knownHosts, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    }
    await Promise.all(storm);
    const { pid } = await findProcess(container, isSupervisor);
    await container.exec(["kill", String(pid)]);
    const last = await container.waitForLog("refused, repeated");
    const lines = ourLines((await container.logs()).stderr);
    const count = (msg: string) => lines.filter((line) => line.msg === msg).length;
    expect(last).toMatchObject({ count: STORM - 5, address: expect.any(String), samples: expect.any(Array) });
    expect([count("refused"), count("accepted"), count("disconnected")]).toEqual([5, 3, 3]);
  });

  test("a log that nobody reads stops neither sshd nor the app, and what it missed is counted when it is read again", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_LOG_LEVEL: "debug" };
    // The reader of this pipe is there and does not read.
    const redirection = 'mkfifo /tmp/log; sleep 100000 < /tmp/log & exec withssh "$@" 2> /tmp/log';
    const app = ["sh", "-c", "while :; do echo tick; sleep 0.2; done"];
    const container = await startContainer({ base, env, entrypoint: withStderr(redirection), cmd: app });
    await waitForBanner(container, 20_000);
    const known = await readInside(container, "/volume/.ssh/ssh_host_ed25519_key.pub");
    const login = () => ssh(container, { key, knownHosts: `host ${known}`, command: "true" });
    // Somebody has filled the pipe to the brim; and what is said from now on is more than we keep.
    await container.exec(["timeout", "1", "sh", "-c", "cat /dev/zero > /tmp/log"]);
    for (let i = 0; i < 500; i++) await connectAndEnd(container);
    expect(await login()).toMatchObject({ code: 0 });
    const ticks = async () => (await container.logs()).stdout.length;
    const before = await ticks();
    const { stdout } = await container.exec(["timeout", "20", "grep", "-a", "-m", "1", "log records lost", "/tmp/log"]);
    expect(JSON.parse(stdout.replaceAll("\0", ""))).toMatchObject({ level: "warn", count: expect.any(Number) });
    expect(await login()).toMatchObject({ code: 0 });
    expect(await ticks()).toBeGreaterThan(before);
  }, 120_000);

  test("on a full disk logins go on, what cannot be written is told, and there is one start and no identity lost", async () => {
    const [key, other] = await Promise.all([makeKey(), makeKey()]);
    const fill = "dd if=/dev/zero of=$1/fill bs=4k 2>/dev/null; true";
    const host = { Tmpfs: { "/run": "size=1m", "/volume": "size=1m", "/tmp": "size=1m" } };
    const env = { AUTHORIZED_KEYS_FILE: "/keys/keys" };
    const [sh, c, script = "", name] = WITH_HOST_KEYS;
    const before = `mkdir /keys; echo '${key.publicLine}' > /keys/keys; ${script}`;
    const container = await startContainer({ base, env, host, entrypoint: [sh, c, before, name], cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    for (const place of ["/run", "/volume", "/tmp"]) await container.exec(["sh", "-c", fill, "sh", place]);
    const login = async (which: typeof key) => (await ssh(container, { key: which, knownHosts, command: "true" })).code;
    expect(await login(key)).toBe(0);
    await container.exec(["sh", "-c", `echo '${other.publicLine}' > /keys/new && mv /keys/new /keys/keys`]);
    const told = await container.waitForLog(({ level }) => level === "error");
    expect(told.msg).toMatch(/ENOSPC/);
    expect([await login(key), await login(other)]).toEqual([0, 255]);
    await container.exec(["rm", "/run/fill", "/volume/fill", "/tmp/fill"]);
    await container.exec(["sh", "-c", `echo '${other.publicLine}' > /keys/new && mv /keys/new /keys/keys`]);
    await container.waitForLog("authorized keys changed");
    expect([await login(key), await login(other)]).toEqual([255, 0]);
  });

  test("a machine that was suspended goes on where it was: sessions, logins, one start of sshd", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    await container.exec(["mkfifo", "/tmp/begun", "/tmp/go"]);
    const session = ssh(container, { key, knownHosts, command: "echo in > /tmp/begun; cat /tmp/go; echo end" });
    await container.exec(["cat", "/tmp/begun"]);
    const pids = async () => (await listProcesses(container)).filter((one) => isListener(one) || isSupervisor(one));
    const before = await pids();
    await docker("pause", container.id);
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
    await docker("unpause", container.id);
    expect(await ssh(container, { key, knownHosts, command: "true" })).toMatchObject({ code: 0 });
    await container.exec(["sh", "-c", "echo still here > /tmp/go"]);
    expect(await session).toEqual({ code: 0, stdout: "still here\nend\n", stderr: "" });
    expect((await pids()).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    expect(await errorsOf(container)).toEqual([]);
  });

  test("an sshd that an upgrade has put in the place of the one that runs lets people in, and is started next", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const replace =
      "for f in /usr/sbin/sshd /usr/lib/ssh/sshd-*; do [ ! -e $f ] || { cp -p $f $f.new && mv $f.new $f; }; done";
    expect(await container.exec(["sh", "-c", replace])).toMatchObject({ code: 0, stderr: "" });
    expect(await ssh(container, { key, knownHosts, command: "true" })).toMatchObject({ code: 0 });
    const { pid } = await findProcess(container, isListener);
    await container.exec(["kill", "-KILL", String(pid)]);
    await waitForProcesses(container, (all) => all.some((one) => isListener(one) && one.pid !== pid));
    await waitForBanner(container, 20_000);
    expect(await ssh(container, { key, knownHosts, command: "true" })).toMatchObject({ code: 0 });
  });
});
