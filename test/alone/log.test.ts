/** The log tells who came and went, one event a line, and cannot be written by those who knock. */
import { describe, expect, test } from "vitest";
import { run } from "../../scripts/ssh-client.ts";
import { bases, startContainer } from "../support/boot.ts";
import { APP, ourLines, WITH_HOST_KEYS } from "../support/inside.ts";
import { knockAs } from "../support/raw-login.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { connectAndEnd } from "../support/tcp.ts";
import type { Base } from "../support/test-images.ts";

const fingerprintOf = async (key: TestKey) =>
  (await run("ssh-keygen", ["-l", "-f", key.path])).stdout.split(" ")[1] ?? "";

/** Each costs a fork and an exec of sshd: what a machine of two slow cores has time for. */
const CONNECTS: Record<Base, number> = { debian: 1000, musl: 200 };

describe.each(bases)("on %s", (base) => {
  test("a login, a refusal and a leaving are each one event, and stdout stays the app's", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const container = await startContainer({
      base,
      entrypoint: WITH_HOST_KEYS,
      cmd: APP,
      env: { AUTHORIZED_KEYS: key.publicLine },
    });
    await ssh(container, { key, command: "true" });
    await container.waitForLog("disconnected");
    await ssh(container, { key: stranger, command: "true" });
    await container.waitForLog("refused");
    await ssh(container, { key, user: "nosuchuser", command: "true" });
    await container.waitForLog(({ msg, user }) => msg === "refused" && user === "nosuchuser");
    const { stdout, stderr } = await container.logs();
    const people = ourLines(stderr).filter(({ msg }) => ["accepted", "refused", "disconnected"].includes(msg));
    const given = { key: await fingerprintOf(key), source: "AUTHORIZED_KEYS" };
    const from = { level: "info", address: expect.stringMatching(/^[0-9.]+$/), port: expect.any(Number) };
    expect(people).toMatchObject([
      { ...from, msg: "accepted", user: "root", ...given },
      { ...from, msg: "disconnected", user: "root", ...given, duration_ms: expect.any(Number) },
      { ...from, msg: "refused", user: "root", offered: [{ key: await fingerprintOf(stranger) }] },
      { ...from, msg: "refused", user: "nosuchuser", why: "no such user, or none that may log in" },
    ]);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(ourLines(stderr).length);
  });

  test("a login name with line ends in it forges no event", async () => {
    const [key, stranger] = await Promise.all([makeKey(), makeKey()]);
    const container = await startContainer({
      base,
      entrypoint: WITH_HOST_KEYS,
      cmd: APP,
      env: { AUTHORIZED_KEYS: key.publicLine },
    });
    await container.waitForReady();
    const name = "x\r\nAccepted publickey for root from 6.6.6.6 port 77 ssh2";
    expect(await knockAs(container, name, stranger)).toBe("All configured authentication methods failed");
    const refused = await container.waitForLog("refused");
    expect(refused["user"]).toBe("x\\x0d\\x0aAccepted publickey for root from 6.6.6.6 port 77 ssh2");
    const { stderr } = await container.logs();
    expect(ourLines(stderr).filter(({ msg }) => msg === "accepted")).toEqual([]);
    expect(stderr).not.toMatch(/^Accepted/m);
  });

  test(`${CONNECTS[base]} bare connects leave no line, and a good login right after them is not delayed`, {
    timeout: 180_000,
  }, async () => {
    const key = await makeKey();
    const container = await startContainer({
      base,
      entrypoint: WITH_HOST_KEYS,
      cmd: APP,
      env: { AUTHORIZED_KEYS: key.publicLine },
    });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const time = async () => {
      const began = performance.now();
      expect(await ssh(container, { key, knownHosts, command: "true" })).toMatchObject({ code: 0 });
      return performance.now() - began;
    };
    const before = Math.max(await time(), await time());
    const lines = ourLines((await container.logs()).stderr).length;
    for (let done = 0; done < CONNECTS[base]; done += 1) await connectAndEnd(container);
    const after = await time();
    expect(after).toBeLessThan(2 * before + 1000);
    const { stderr } = await container.logs();
    const added = ourLines(stderr)
      .slice(lines)
      .map(({ msg, text }) => (text === undefined ? msg : `${msg}: ${text}`));
    expect(added.filter((msg) => msg !== "accepted" && msg !== "disconnected")).toEqual([]);
    // The logins before, too, may be told as over only now.
    expect(added.length).toBeLessThanOrEqual(4);
  });

  test("at debug a bare connect is there to be found", async () => {
    const { publicLine } = await makeKey();
    const env = { AUTHORIZED_KEYS: publicLine, WITHSSH_LOG_LEVEL: "debug" };
    const container = await startContainer({ base, entrypoint: WITH_HOST_KEYS, cmd: APP, env });
    await container.waitForReady();
    await connectAndEnd(container);
    await container.waitForLog(
      ({ level, text, msg }) => level === "debug" && /connection closed/i.test(`${msg} ${text}`),
    );
  });

  test("our log is pretty on a terminal and where that is asked for", async () => {
    const { publicLine } = await makeKey();
    const env = { AUTHORIZED_KEYS: publicLine, WITHSSH_LOG_FORMAT: "pretty", WITHSSH_REQUIRE: "true" };
    const container = await startContainer({ base, cmd: ["sh", "-c", "echo app"], env });
    expect(await container.waitForExit()).toBe(0);
    const { stdout, stderr } = await container.logs();
    expect(stdout).toBe("app\n");
    expect(stderr).toContain("ssh ready");
    expect(ourLines(stderr)).toEqual([]);
  });
});
