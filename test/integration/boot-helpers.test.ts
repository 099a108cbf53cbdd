/** What the other integration tests stand on: containers start, speak, restart and end under the helpers' eyes. */
import { describe, expect, test } from "vitest";
import { bases, buildImage, makeVolume, runToEnd, startContainer } from "../support/boot.ts";
import { makeKey, ssh } from "../support/ssh.ts";

describe.each(bases)("on %s", (base) => {
  test("a key that is named logs in by the known_hosts line of the log, also after a restart", async () => {
    const key = await makeKey();
    const volume = await makeVolume();
    const container = await startContainer({ base, volume, env: { AUTHORIZED_KEYS: key.publicLine } });
    const first = await container.waitForReady();
    expect(await ssh(container, { key, command: "echo in; echo err >&2; exit 3" })).toEqual({
      code: 3,
      stdout: "in\n",
      stderr: "err\n",
    });
    await container.restart();
    await container.waitForReady();
    expect(await ssh(container, { key, command: "echo again", knownHosts: first.known_hosts })).toMatchObject({
      code: 0,
      stdout: "again\n",
    });
  });

  test("another host key than the one in the log is not logged in to", async () => {
    const key = await makeKey();
    const container = await startContainer({ base, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForLogins();
    const login = await ssh(container, { key, command: "true", knownHosts: `somewhere ${key.publicLine}` });
    expect(login).toMatchObject({ code: 255, stdout: "" });
    expect(login.stderr).toContain("Host key verification failed");
  });

  test("the end of a container gives its code and both of its streams apart", async () => {
    const ended = await runToEnd({ base, entrypoint: ["sh", "-c"], cmd: ["echo out; echo err >&2; exit 7"] });
    expect(ended).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
  });

  test("a log line that does not come is told with what came instead", async () => {
    const say = 'echo \'{"msg":"something else"}\' >&2; exec sleep 60';
    const container = await startContainer({ base, entrypoint: ["sh", "-c", say] });
    await container.waitForLog("something else");
    await expect(container.waitForLog("ssh ready", 300)).rejects.toThrow(/within 300 ms — saw:.*something else/s);
    await container.signal("KILL");
    await expect(container.waitForLog("ssh ready")).rejects.toThrow("before the container ended");
  });

  test("a test's own image stands on the test image", async () => {
    const image = await buildImage({ base, lines: ["ENTRYPOINT []", "RUN echo here >/made", 'CMD ["cat", "/made"]'] });
    expect(await runToEnd({ image })).toEqual({ code: 0, stdout: "here\n", stderr: "" });
  });
});
