/** `--status`, `--healthcheck`, `--known-hosts`, `--ssh-config` of a running container, as whoever may ask. */
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogLine } from "../../scripts/container-log.ts";
import { run } from "../../scripts/ssh-client.ts";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, findProcess, isListener, isSupervisor, WITH_HOST_KEYS, waitForProcesses } from "../support/inside.ts";
import { makeDir, makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { SCOPED, sudoImage } from "../support/sudo-image.ts";

type Document = Readonly<Record<string, unknown>>;

/** Runs withssh inside, as root unless `user` is said. */
const ask = (container: Container, flags: string, user = "root") =>
  container.exec(["withssh", ...flags.split(" ")], { user });

async function statusOf(container: Container, user = "root"): Promise<Document> {
  const { code, stdout, stderr } = await ask(container, "--status --json", user);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Document;
}

/** Asks until the status is so; the last one otherwise. */
async function waitForStatus(container: Container, isSo: (document: Document) => boolean): Promise<Document> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const document = await statusOf(container);
    if (isSo(document) || performance.now() > deadline) return document;
  }
}

/**
 * What one run of this takes at the least, in milliseconds: of batches of ten runs in a row, by the kernel's clock of 10 ms. What
 * else runs here only adds.
 */
async function leastMs(container: Container, command: string): Promise<number> {
  const clock = "read -r now _ < /proc/uptime; echo $now";
  const batch = `for i in 1 2 3 4 5 6 7 8 9 10; do ${command} > /dev/null; done`;
  const script = `for n in 1 2 3 4 5 6 7 8 9; do ${clock}; ${batch}; ${clock}; done`;
  const { stdout } = await container.exec(["sh", "-c", script]);
  const times = stdout.trim().split("\n").map(Number);
  const tookMs = Array.from({ length: 9 }, (_, at) => ((times[2 * at + 1] ?? 0) - (times[2 * at] ?? 0)) * 100);
  return Math.min(...tookMs);
}

describe.each(bases)("on %s, as root", (base) => {
  let key: TestKey;
  let container: Container;
  let ready: LogLine;
  beforeAll(async () => {
    key = await makeKey();
    const env = {
      AUTHORIZED_KEYS: key.publicLine,
      WITHSSH_FORWARDING: "yes",
      WITHSSH_PUBLIC_ADDRESS: "shop.example.com:2022",
    };
    const host = { ExtraHosts: ["one.shop:127.0.0.1"] };
    container = await startContainer({ base, env, host, entrypoint: WITH_HOST_KEYS, cmd: APP });
    ready = await container.waitForReady();
  });

  test("the status is what the log told, and a session with its user, key and address, for as long as it is open", async () => {
    const said = (await container.logs()).stderr;
    const supervisor = await findProcess(container, isSupervisor);
    const listener = await findProcess(container, isListener);
    const document = await statusOf(container);
    expect(document).toMatchObject({
      schema: 1,
      mode: "root",
      ssh: "up",
      problem: null,
      app: { pid: 1, uid: 0, gid: 0 },
      supervisor: { pid: supervisor.pid },
      sshd: { pid: listener.pid, restarts: 0 },
      port: 2222,
      listen: [],
      public_address: { host: "shop.example.com", port: 2022 },
      users: ["root"],
      host_keys_last: "as long as the container",
      app_writable: null,
      keys: [{ type: "ssh-ed25519", options: false, sources: ["AUTHORIZED_KEYS"] }],
      sessions: [],
      answered_by_uid: 0,
    });
    expect(document["host_keys"]).toMatchObject(ready["host_keys"] as object[]);
    expect(ready["mode"]).toBe("root");

    await container.exec(["mkfifo", "/tmp/begun", "/tmp/go"]);
    const session = ssh(container, { key, command: "echo in > /tmp/begun; cat /tmp/go" });
    await container.exec(["cat", "/tmp/begun"]);
    const open = await statusOf(container);
    const [fingerprint] = (open["keys"] as { fingerprint: string }[]).map((one) => one.fingerprint);
    expect(open["sessions"]).toEqual([
      {
        user: "root",
        since: expect.stringMatching(/^\d{4}-/),
        address: expect.stringMatching(/^[\d.]+$/),
        port: expect.any(Number),
        key: fingerprint,
        source: "AUTHORIZED_KEYS",
      },
    ]);
    // Whoever is not its user hears that it is there, and no more.
    const other = await statusOf(container, "nobody");
    expect(other["sessions"]).toMatchObject([{ user: "root", address: null, port: null, key: null, source: null }]);
    expect({ ...other, sessions: [] }).toMatchObject({ ssh: "up", keys: document["keys"], answered_by_uid: 0 });
    await container.exec(["sh", "-c", "echo > /tmp/go"]);
    expect((await session).code).toBe(0);
    expect((await waitForStatus(container, ({ sessions }) => (sessions as []).length === 0))["sessions"]).toEqual([]);

    const { code, stdout } = await ask(container, "--status", "nobody");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ssh +up$/m);
    expect(stdout).toContain(`authorized keys: 1\n  ssh-ed25519  ${fingerprint}`);
    // Nobody's asking is anywhere in the log.
    const since = (await container.logs()).stderr.slice(said.length);
    expect(since.split("\n").filter((line) => line !== "" && !/"(accepted|disconnected)"/.test(line))).toEqual([]);
  });

  test("known_hosts lines and both blocks for ~/.ssh/config are what a login needs, to a single machine too", async () => {
    const named = await ask(container, "--known-hosts other.example 192.0.2.1:2200", "nobody");
    expect(named.stdout.split("\n").map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "other.example,[192.0.2.1]:2200 ssh-ed25519",
      "other.example,[192.0.2.1]:2200 ecdsa-sha2-nistp256",
      "other.example,[192.0.2.1]:2200 ssh-rsa",
      "",
    ]);
    expect((await ask(container, "--known-hosts")).stdout.split("\n")).toContain(ready["known_hosts"]);

    const target = `127.0.0.1:${container.port}`;
    const config = await ask(container, `--ssh-config ${target}`);
    expect(config).toMatchObject({ code: 0, stderr: "" });
    const dir = await makeDir();
    const known = await ask(container, `--known-hosts ${target}`);
    await writeFile(join(dir, "known_hosts"), known.stdout);
    const common = [
      "IdentitiesOnly yes",
      "BatchMode yes",
      "StrictHostKeyChecking yes",
      "GlobalKnownHostsFile /dev/null",
    ];
    const own = [`IdentityFile ${key.path}`, `UserKnownHostsFile ${join(dir, "known_hosts")}`, ...common];
    // The jump reads the same file: it is named as the user's own is.
    const text = `${config.stdout.replace("Host app", "Host shop app").replace("*.app", "*.shop")}Host *\n${own.map((one) => `  ${one}\n`).join("")}`;
    await writeFile(join(dir, "config"), text, { mode: 0o600 });
    const login = (name: string) => run("ssh", ["-F", join(dir, "config"), name, "echo in"], { timeoutMs: 20_000 });
    expect(await login("shop")).toEqual({ code: 0, stdout: "in\n", stderr: "" });
    expect(await login("one.shop")).toMatchObject({ code: 0, stdout: "in\n" });
  });

  test("healthy is one line and takes under 30 ms, as any user, without a word in the log", async () => {
    const before = await container.logs();
    for (const user of ["root", "nobody"]) {
      const { code, stdout, stderr } = await ask(container, "--healthcheck", user);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^healthy: sshd \(pid \d+\) listens on port 2222; 1 key, 0 open\n$/);
    }
    // Where the runtime's bare start takes more than half of that already, the machine is told and not the command.
    const bareMs = await leastMs(container, "withssh --version");
    expect(await leastMs(container, "withssh --healthcheck")).toBeLessThan(Math.max(30, 2 * bareMs));
    expect(await container.logs()).toEqual(before);
  });

  test("an sshd that is stopped, or gone and cannot be started again, is unhealthy and told why", async () => {
    const { pid } = await findProcess(container, isListener);
    await container.exec(["kill", "-STOP", String(pid)]);
    expect(await ask(container, "--healthcheck", "nobody")).toEqual({
      code: 1,
      stdout: `unhealthy: sshd (pid ${pid}) is stopped: its state is T\n`,
      stderr: "",
    });
    await container.exec(["kill", "-CONT", String(pid)]);
    await waitForProcesses(container, (all) => all.some((one) => one.pid === pid && one.state !== "T"));
    expect((await ask(container, "--healthcheck")).code).toBe(0);

    await container.exec(["mv", "/usr/sbin/sshd", "/usr/sbin/sshd.away"]);
    await container.exec(["kill", "-KILL", String(pid)]);
    const down = await waitForStatus(container, ({ problem }) => String(problem).includes("cannot be run"));
    expect(down).toMatchObject({ ssh: "down", sshd: { pid: null, restarts: 1 } });
    expect(down["problem"]).toBe("/usr/sbin/sshd cannot be run — saw ENOENT — hint: put it back; it is tried again");
    expect(await ask(container, "--healthcheck")).toMatchObject({ code: 1, stdout: expect.stringContaining("ENOENT") });
    expect((await ask(container, "--status")).stdout).toMatch(/^ {2}\S+ +error +sshd exited status=signal 9$/m);
    await container.exec(["mv", "/usr/sbin/sshd.away", "/usr/sbin/sshd"]);
  });
});

describe.each(bases)("on %s, without a supervisor", (base) => {
  let forged: Server;
  beforeAll(async () => {
    forged = createServer((socket) => socket.end(JSON.stringify({ schema: 1, ssh: "up", forged: true })));
    await new Promise<void>((resolve) => forged.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => forged.close());

  test("one that was killed is told, and whoever plays it is not believed: neither by root nor where another listens", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_FORWARDING: "yes" };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    await container.waitForReady();
    const { pid } = await findProcess(container, isSupervisor);
    await container.exec(["kill", "-KILL", String(pid)]);
    await waitForProcesses(container, (all) => !all.some((one) => one.pid === pid && one.state !== "Z"));
    const ended = "unhealthy: the supervisor has ended — saw /run/withssh/status";
    expect(await ask(container, "--healthcheck")).toMatchObject({ code: 1, stdout: expect.stringContaining(ended) });

    // nobody's own place, but it is root's sshd that listens there: a forwarded socket that answers with a forged document.
    const { stdout: uid } = await container.exec(["id", "-u", "nobody"]);
    const place = `/tmp/withssh-${uid.trim()}`;
    const make = `mkdir -m 700 ${place} && chown nobody ${place}`;
    expect((await container.exec(["sh", "-c", make])).code).toBe(0);
    const { port } = forged.address() as { port: number };
    const session = ssh(container, {
      key,
      args: ["-o", "ExitOnForwardFailure=yes", "-R", `${place}/status:127.0.0.1:${port}`],
      command: "mkfifo /tmp/begun /tmp/go; echo in > /tmp/begun; cat /tmp/go",
    });
    await container.exec(["sh", "-c", "while [ ! -p /tmp/begun ]; do :; done; cat /tmp/begun"]);
    expect((await container.exec(["chmod", "666", `${place}/status`])).code).toBe(0);
    for (const user of ["root", "nobody"]) {
      const { code, stdout, stderr } = await ask(container, "--status --json", user);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain("the supervisor has ended");
    }
    await container.exec(["rm", "-r", "/run/withssh"]);
    const told = await ask(container, "--status --json", "nobody");
    expect(told).toMatchObject({ code: 1, stdout: "" });
    expect(told.stderr).toContain(`another user listens at ${place}/status — saw uid 0, not ${uid.trim()}`);
    await container.exec(["sh", "-c", "echo > /tmp/go"]);
    await session;
  });

  test("SSH that waits for a key, or is switched off, is healthy and says so", async () => {
    const [waits, off] = await Promise.all([
      startContainer({ base, cmd: APP }),
      startContainer({ base, cmd: APP, env: { WITHSSH_ENABLED: "false" } }),
    ]);
    await waits.waitForLog(({ msg }) => msg.includes("no authorized key"));
    const status = await waitForStatusOf(waits);
    expect(status).toMatchObject({ ssh: "no keys", keys: [], sshd: { pid: null } });
    const health = await ask(waits, "--healthcheck", "nobody");
    expect(health).toEqual({ code: 0, stdout: "healthy: ssh waits for an authorized key\n", stderr: "" });
    const line = "ssh is switched off (WITHSSH_ENABLED=false, or a release command)\n";
    expect(await ask(off, "--healthcheck")).toEqual({ code: 0, stdout: `healthy: ${line}`, stderr: "" });
    expect(JSON.parse((await ask(off, "--status --json")).stdout)).toEqual({
      schema: 1,
      version: expect.any(String),
      ssh: "off",
    });
  });

  /** It answers a moment after it has told that there is no key. */
  async function waitForStatusOf(container: Container): Promise<unknown> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const { code, stdout, stderr } = await ask(container, "--status --json");
      if (code === 0) return JSON.parse(stdout);
      if (performance.now() > deadline) throw new Error(`nobody answered in time — saw ${stderr}`);
    }
  }
});

describe.each(bases)("on %s, as an unprivileged user", (base) => {
  let image = "";
  let key: TestKey;
  beforeAll(async () => {
    image = await sudoImage(base, [], SCOPED);
    key = await makeKey();
  });

  const start = async (env: Record<string, string> = {}) => {
    const container = await startContainer({
      image,
      cmd: APP,
      env: { AUTHORIZED_KEYS: key.publicLine, ...env },
      host: { Tmpfs: { "/volume": "mode=1777" } },
    });
    await container.waitForReady();
    return container;
  };

  test("sudo mode answers everybody, and the app's user hears of its own sessions", async () => {
    const container = await start();
    await container.exec(["sh", "-c", "mkfifo -m 666 /tmp/begun /tmp/go"], { user: "root" });
    const session = ssh(container, { key, user: "app", command: "echo in > /tmp/begun; cat /tmp/go" });
    await container.exec(["cat", "/tmp/begun"]);
    const seen = { mode: "sudo", ssh: "up", users: ["app"], app: { uid: 1000 }, answered_by_uid: 0 };
    const whole = { ...seen, sessions: [{ user: "app", source: "AUTHORIZED_KEYS", address: expect.any(String) }] };
    expect(await statusOf(container, "app")).toMatchObject(whole);
    expect(await statusOf(container, "root")).toMatchObject(whole);
    expect(await statusOf(container, "nobody")).toMatchObject({ ...seen, sessions: [{ user: "app", address: null }] });
    expect((await ask(container, "--healthcheck", "app")).code).toBe(0);
    await container.exec(["sh", "-c", "echo > /tmp/go"], { user: "root" });
    await session;
  });

  test("rootless it answers its own user and root, says that it could be forged, and tells others whom to ask as", async () => {
    const container = await start({ WITHSSH_PRIVILEGE: "rootless" });
    for (const user of ["app", "root"]) {
      expect(await statusOf(container, user)).toMatchObject({ mode: "rootless", ssh: "up", answered_by_uid: 1000 });
      expect((await ask(container, "--healthcheck", user)).code).toBe(0);
    }
    expect((await ask(container, "--status", "app")).stdout).toMatch(
      /^mode +rootless; uid 1000 answers, and could say anything$/m,
    );
    const refused = await ask(container, "--status", "nobody");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("docker exec --user 1000");
  });
});
