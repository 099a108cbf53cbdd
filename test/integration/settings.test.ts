/** Settings of where sshd listens, of its config and of our log, each as a container shows it. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import { APP, ourLines } from "../support/inside.ts";
import { makeKey, type TestKey } from "../support/ssh.ts";

describe.concurrent.each(bases)("on %s", (base) => {
  let key: TestKey;
  beforeAll(async () => {
    key = await makeKey();
  });

  /** A container whose app starts with SSH or not at all, and what it said. */
  const runRequired = async (env: Record<string, string>) => {
    const whole = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_REQUIRE: "true", ...env };
    const { code, stdout, stderr } = await runToEnd({ base, env: whole, cmd: ["echo", "the app ran"] });
    return { code, stdout, lines: ourLines(stderr) };
  };
  const downOf = (lines: ReturnType<typeof ourLines>) =>
    lines.filter(({ event }) => event === "ssh down").map(({ msg }) => msg);

  test("sshd listens on the addresses of WITHSSH_LISTEN and on no other", async () => {
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_LISTEN: "127.0.0.1", WITHSSH_PORT: "2022" };
    const container = await startContainer({ base, env, cmd: APP });
    await container.waitForReady();
    const listening = "cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A ' | tr -s ' ' | cut -d' ' -f3";
    expect((await container.exec(["sh", "-c", listening])).stdout).toBe("0100007F:07E6\n");
    const { stdout } = await container.exec(["withssh", "--status"]);
    expect(stdout).toMatch(/^port +2022 on 127\.0\.0\.1$/m);
  });

  test("an address that the container does not have is asked about, with sshd's own words", async () => {
    const { code, stdout, lines } = await runRequired({ WITHSSH_LISTEN: "192.0.2.1" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(downOf(lines).join("\n")).toMatch(/sshd ended before it listened — saw .*192\.0\.2\.1.*WITHSSH_LISTEN/);
  });

  test("a bad line of WITHSSH_SSHD_CONFIG is told by its number there, with sshd's own words, once", async () => {
    const { code, stdout, lines } = await runRequired({ WITHSSH_SSHD_CONFIG: "MaxSessions 2\n\nFnord yes" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(downOf(lines)).toEqual([
      expect.stringMatching(
        /^ssh is down: sshd refuses line 3 of WITHSSH_SSHD_CONFIG — saw Bad configuration option: F/,
      ),
    ]);
  });

  test("the log says no more than its level", async () => {
    const levelsOf = async (level: string) => {
      const { code, stdout, lines } = await runRequired({ WITHSSH_LOG_LEVEL: level });
      expect({ code, stdout }).toEqual({ code: 0, stdout: "the app ran\n" });
      return [...new Set(lines.map(({ level: said }) => said))].toSorted();
    };
    expect(await levelsOf("error")).toEqual([]);
    expect(await levelsOf("warn")).toEqual(["warn"]);
    expect(await levelsOf("debug")).toEqual(["debug", "info", "warn"]);
  });
});
