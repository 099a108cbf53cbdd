/** The app is what the container is about: it is PID 1, as if we had never been there, whatever becomes of SSH. */
import { describe, expect, test } from "vitest";
import { run } from "../../scripts/ssh-client.ts";
import { bases, buildImage, type ContainerOptions, runToEnd, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
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
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";

/** Gives one that SSH is ready in, with a key of its own. */
async function startReady(options: ContainerOptions): Promise<{ container: Container; key: TestKey }> {
  const key = await makeKey();
  const container = await startContainer({
    entrypoint: WITH_HOST_KEYS,
    ...options,
    env: { AUTHORIZED_KEYS: key.publicLine, ...options.env },
  });
  await container.waitForReady();
  return { container, key };
}

/** `docker stop`, which gives ten seconds before it kills. */
async function timeStop(container: Container): Promise<{ code: number; ms: number }> {
  const began = performance.now();
  const code = await container.stop();
  return { code, ms: performance.now() - began };
}

describe.concurrent.each(bases)("on %s", (base) => {
  test("the app is PID 1 and nothing of ours is in it", async () => {
    const { container } = await startReady({ base, cmd: APP });
    expect(await readInside(container, "/proc/1/cmdline")).toBe(`${APP.join("\0")}\0`);
    const shell = await container.exec(["readlink", "-f", "/bin/sh"]);
    expect((await container.exec(["readlink", "/proc/1/exe"])).stdout).toBe(shell.stdout);
    expect(await readInside(container, "/proc/1/maps")).not.toContain("withssh");
    // dash keeps the terminal at 10, where there is one.
    expect((await container.exec(["ls", "/proc/1/fd"])).stdout).toMatch(/^0\n1\n2\n(10\n)?$/);
  });

  test("the app sees the same arguments and environment, byte for byte, as without us", async () => {
    const env = { AUTHORIZED_KEYS: "not a key", EMPTY: "", SPOKEN: "grüß dich, 'welt'  \t$HOME\nnext" };
    const script =
      "export RAW=$(printf 'a\\377b'); exec \"$@\" sh -c 'cat /proc/$$/cmdline /proc/$$/environ | base64' a '' 'ü '";
    const same = { base, env, create: { Hostname: "same" }, cmd: [] };
    const [bare, ours] = await Promise.all([
      runToEnd({ ...same, entrypoint: ["sh", "-c", script, "sh", "env"] }),
      runToEnd({ ...same, entrypoint: ["sh", "-c", script, "sh", "withssh"] }),
    ]);
    const seen = Buffer.from(ours.stdout, "base64").toString("latin1");
    expect(seen).toBe(Buffer.from(bare.stdout, "base64").toString("latin1"));
    expect(seen).toContain("\0RAW=a\xffb\0");
    expect(Buffer.from(seen, "latin1").toString("utf8")).toContain(`\0SPOKEN=${env.SPOKEN}\0`);
  });

  test("without a key SSH is down with a hint, and the app runs", async () => {
    const container = await startContainer({ base, cmd: APP });
    const down = await container.waitForLog(({ event }) => event === "ssh down");
    expect(down).toMatchObject({
      level: "error",
      msg: expect.stringMatching(/no authorized key.*hint: .*AUTHORIZED_KEYS/),
    });
    expect((await listProcesses(container)).filter(isListener)).toEqual([]);
    await container.signal("TERM");
    expect(await container.waitForExit()).toBe(143);
  });

  test("switched off, the app runs and no process of ours beside it", async () => {
    const { publicLine } = await makeKey();
    const ended = await runToEnd({
      base,
      env: { AUTHORIZED_KEYS: publicLine, WITHSSH_ENABLED: "false" },
      cmd: ["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls -d /run/withssh /volume; exit 5"],
    });
    expect(ended.code).toBe(5);
    expect(ended.stdout).toMatch(/^sh -c [^\n]*\n?[^\n]*$/);
    expect(ended.stdout).not.toMatch(/withssh --|sshd:|^\//m);
    expect(ourLines(ended.stderr)).toEqual([]);
  });

  test("without a command SSH alone runs, warned about, and docker stop ends it at once", async () => {
    const { container, key } = await startReady({ base, entrypoint: WITH_HOST_KEYS, cmd: [] });
    expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    const warnings = ourLines((await container.logs()).stderr).filter(({ level }) => level === "warn");
    expect(warnings.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(/no command was given.*WITHSSH_SSH_ONLY/),
    );
    const { code, ms } = await timeStop(container);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(5000);
  });

  test("SSH alone that is meant is not warned about", async () => {
    const { container } = await startReady({
      base,
      entrypoint: ["withssh"],
      cmd: [],
      env: { WITHSSH_SSH_ONLY: "true" },
    });
    expect((await container.logs()).stderr).not.toContain("no command was given");
  });

  test("TERM reaches the app, and docker stop is as quick as the app is, with a session open", async () => {
    const cmd = ["sh", "-c", "trap 'echo got TERM; exit 9' TERM; while :; do sleep 1000 & wait $!; done"];
    const { container, key } = await startReady({ base, cmd });
    await container.exec(["mkfifo", "/tmp/begun"]);
    const session = ssh(container, { key, command: "echo in > /tmp/begun; exec sleep 1000" });
    await container.exec(["cat", "/tmp/begun"]);
    const { code, ms } = await timeStop(container);
    expect(code).toBe(9);
    expect(ms).toBeLessThan(5000);
    expect((await container.logs()).stdout).toBe("got TERM\n");
    expect((await session).code).not.toBe(0);
  });

  test("the supervisor killed by SIGKILL takes neither the app nor sshd nor sessions along", async () => {
    const { container, key } = await startReady({ base, cmd: APP });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    await container.exec(["mkfifo", "/tmp/begun", "/tmp/go"]);
    const session = ssh(container, { key, command: "echo in > /tmp/begun; cat /tmp/go" });
    await container.exec(["cat", "/tmp/begun"]);
    const { pid } = await findProcess(container, isSupervisor);
    await container.exec(["kill", "-KILL", String(pid)]);
    await waitForProcesses(container, (all) => !all.some((one) => isSupervisor(one) && one.state !== "Z"));
    expect(await ssh(container, { key, knownHosts, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    await container.exec(["sh", "-c", "echo still here > /tmp/go"]);
    expect(await session).toMatchObject({ code: 0, stdout: "still here\n" });
    await container.signal("TERM");
    expect(await container.waitForExit()).toBe(143);
  });

  test("refused logins, key scans and background jobs leave no zombie under an app that reaps nothing", async () => {
    const { container, key } = await startReady({ base, cmd: ["sleep", "1000"] });
    const stranger = await makeKey();
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const scan = () => run("ssh-keyscan", ["-p", String(container.port), "127.0.0.1"]);
    for (let round = 0; round < 5; round += 1) {
      const refused = Array.from({ length: 4 }, () => ssh(container, { key: stranger, knownHosts, command: "true" }));
      expect((await Promise.all(refused)).map(({ code }) => code)).toEqual([255, 255, 255, 255]);
      expect((await scan()).stdout).toContain("ssh-ed25519");
    }
    const jobs = "for i in 1 2 3 4 5; do sleep 0.5 >/dev/null 2>&1 </dev/null & done";
    for (const command of [jobs, jobs]) expect((await ssh(container, { key, knownHosts, command })).code).toBe(0);
    const left = await waitForProcesses(container, (all) => all.length <= 3);
    expect(left.map(({ state, command }) => `${state === "Z" ? "zombie " : ""}${command.split(" ")[0]}`)).toEqual([
      "sleep",
      "withssh",
      "sshd:",
    ]);
  });

  test("an entrypoint of the image's own is chained and becomes the app", async () => {
    const script = '#!/bin/sh\\necho "own: $*"\\nexec "$@"';
    const image = await buildImage({
      base,
      lines: [
        `RUN printf '${script.replaceAll("'", "'\\''")}\\n' > /own-entrypoint && chmod +x /own-entrypoint`,
        'ENTRYPOINT ["withssh", "/own-entrypoint"]',
        'CMD ["sh", "-c", "echo app; exit 6"]',
      ],
    });
    const { publicLine } = await makeKey();
    const ended = await runToEnd({ image, env: { AUTHORIZED_KEYS: publicLine } });
    expect(ended).toMatchObject({ code: 6, stdout: "own: sh -c echo app; exit 6\napp\n" });
  });

  test("a CMD in shell form runs as docker runs it", async () => {
    const image = await buildImage({ base, lines: ["ENV GREETING='hello  there'", 'CMD echo "$GREETING" && exit 8'] });
    expect(await runToEnd({ image })).toMatchObject({ code: 8, stdout: "hello  there\n" });
  });

  test("a start is at most five lines at info, the last of them the ready line, and none is an error", async () => {
    const { container } = await startReady({ base, cmd: APP, host: { Tmpfs: { "/volume": "" } } });
    const lines = ourLines((await container.logs()).stderr);
    const start = lines.slice(0, lines.findIndex(({ msg }) => msg === "ssh ready") + 1);
    expect(start.length).toBeLessThanOrEqual(5);
    expect(start.at(-1)).toMatchObject({ msg: "ssh ready" });
    expect(await errorsOf(container)).toEqual([]);
  });
});
