/**
 * Everything that a busy container says on stderr is ours line by line: one JSON object each, or all pretty. What sshd
 * says, what helpers say, and what strangers make sshd say included. And a storm of refusals stays readable.
 */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, findProcess, isListener, ourLines, WITH_HOST_KEYS, waitForProcesses } from "../support/inside.ts";
import { knockAs, tryAndWait } from "../support/raw-login.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { readBanner, waitForBanner } from "../support/tcp.ts";

const PRETTY = /^\d\d:\d\d:\d\d (debug|info |warn |error) withssh: [^\p{Cc}]+$/u;

/** Says this to the port and waits for the end of the connection. */
async function say({ port }: Container, text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(text));
    socket.on("error", () => {}).on("close", () => resolve());
    socket.resume();
  });
}

/** A morning's work of people, scanners and an operator. */
async function makeBusy(container: Container, key: TestKey, stranger: TestKey): Promise<void> {
  const { known_hosts: knownHosts } = await container.waitForLogins();
  const login = (options: Partial<Parameters<typeof ssh>[1]>) => ssh(container, { key, knownHosts, ...options });
  await Promise.all([
    login({ command: "echo out; echo err >&2; logger hello; exit 3" }),
    login({ args: ["-tt"], command: "tty; kill -9 $PPID" }),
    login({ args: ["-s"], command: "nosuchsubsystem" }),
    login({ key: stranger, command: "true" }),
    login({ user: "nosuchuser", command: "true" }),
    login({ user: "nobody", command: "true" }),
    login({ args: ["-o", "KexAlgorithms=diffie-hellman-group14-sha1"], command: "true" }),
    knockAs(container, 'x\r\n{"msg":"forged"}\u001b[2J\u009b\0y', stranger),
    say(container, "GET / HTTP/1.1\r\n\r\n"),
    say(container, "SSH-2.0-x\r\n\0\0\0\0\xff\xff"),
    readBanner(container),
  ]);
  const { pid } = await findProcess(container, isListener);
  await container.exec(["kill", "-KILL", String(pid)]);
  await waitForProcesses(container, (all) => all.some((one) => isListener(one) && one.pid !== pid));
  await waitForBanner(container, 20_000);
  await login({ command: "true" });
}

describe.concurrent.each(bases)("on %s", (base) => {
  test("every line of a busy container's stderr is one JSON object with level, time and msg, at debug too", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const env = { AUTHORIZED_KEYS: `${key.publicLine}\nnot a key`, WITHSSH_LOG_LEVEL: "debug" };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    await makeBusy(container, key, stranger);
    await container.waitForLog(({ msg, duration_ms }) => msg === "disconnected" && duration_ms !== undefined);
    await container.stop();
    const { stdout, stderr } = await container.logs();
    expect(stdout).toBe("");
    const lines = stderr.split("\n").slice(0, -1);
    expect(lines.filter((line) => ourLines(line).length !== 1)).toEqual([]);
    for (const line of ourLines(stderr)) {
      expect(line["level"]).toMatch(/^(debug|info|warn|error)$/);
      expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const words = new Set(ourLines(stderr).map(({ msg }) => msg));
    for (const msg of ["accepted", "refused", "disconnected", "sshd", "sshd exited", "ssh ready"]) {
      expect([...words]).toContain(msg);
    }
    expect(words).not.toContain("forged");
  });

  test("where pretty is asked for every line is, and none can move a reader's cursor", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const env = {
      AUTHORIZED_KEYS: `${key.publicLine}\nnot a key`,
      WITHSSH_LOG_LEVEL: "debug",
      WITHSSH_LOG_FORMAT: "pretty",
    };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    // Before that line the log may still be kept in memory, and goes with the container.
    await container.waitForLine((text) => text.includes("ssh ready"));
    await knockAs(container, "x\r\n\u001b[2J\u009by", stranger);
    await container.waitForLine((text) => text.includes(": refused "));
    await say(container, "GET / HTTP/1.1\r\n\r\n");
    await container.waitForLine((text) => text.includes("GET /"));
    await container.stop();
    const { stdout, stderr } = await container.logs();
    expect(stdout).toBe("");
    const lines = Bun.stripANSI(stderr).split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => !PRETTY.test(line))).toEqual([]);
  });

  test("a session that is killed, and a stranger whose time runs out, are told too", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_SSHD_CONFIG: "LoginGraceTime 2" };
    const container = await startContainer({ base, env, entrypoint: WITH_HOST_KEYS, cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const end = await tryAndWait(container, stranger);
    const killed = await ssh(container, { key, knownHosts, command: "kill -9 $PPID" });
    expect(killed.code).toBe(255);
    const line = await container.waitForLog("disconnected");
    expect(line).toMatchObject({ user: "root", source: "AUTHORIZED_KEYS", duration_ms: expect.any(Number) });
    expect(await container.waitForLog("refused")).toMatchObject({
      user: "root",
      offered: [{ key: expect.stringMatching(/^SHA256:/) }],
    });
    end();
  });
});
