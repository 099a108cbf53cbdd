/** A container ends as its app ends; and where no app could run, its exit code says why and nothing was run. */
import { describe, expect, test } from "vitest";
import { bases, makeVolume, runToEnd, startContainer } from "../support/boot.ts";
import { APP, ourLines } from "../support/inside.ts";
import { makeKey } from "../support/ssh.ts";

describe.concurrent.each(bases)("on %s", (base) => {
  test.each([0, 7])(
    "an app that ends with %d ends the container with it, and stdout is the app's alone",
    async (code) => {
      const { publicLine } = await makeKey();
      const env = { AUTHORIZED_KEYS: publicLine, WITHSSH_REQUIRE: "true" };
      const ended = await runToEnd({ base, env, cmd: ["sh", "-c", `echo out; echo err >&2; exit ${code}`] });
      expect(ended).toMatchObject({ code, stdout: "out\n" });
      expect(ended.stderr).toMatch(/^err$/m);
      expect(ourLines(ended.stderr).map(({ msg }) => msg)).toContain("ssh ready");
    },
  );

  test.each([
    ["nosuch", 127, 'the command "nosuch" is not there'],
    ["/no/such", 127, 'the command "/no/such" is not there'],
    ["/etc/passwd", 126, 'the command "/etc/passwd" cannot be run'],
    ["/etc", 126, 'the command "/etc" cannot be run'],
  ])("the command %s ends with %d and is named", async (command, code, words) => {
    const ended = await runToEnd({ base, cmd: [command, "argument"] });
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ourLines(ended.stderr).filter(({ level, msg }) => level === "error" && msg.startsWith(words))).toHaveLength(
      1,
    );
  });

  test("the app's own answer to TERM is the container's exit code", async () => {
    const { publicLine } = await makeKey();
    const container = await startContainer({ base, env: { AUTHORIZED_KEYS: publicLine }, cmd: APP });
    await container.waitForReady();
    await container.signal("TERM");
    expect(await container.waitForExit(5000)).toBe(143);
    expect((await container.logs()).stdout).toBe("");
  });

  test("settings that are wrong in three ways are told all at once, and no app runs", async () => {
    const env = { WITHSSH_PROT: "22", WITHSSH_PORT: "70000", WITHSSH_INIT: "yes" };
    const ended = await runToEnd({ base, env, cmd: ["echo", "the app ran"] });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    const said = ourLines(ended.stderr).map(({ level, msg }) => `${level}: ${msg}`);
    expect(said.toSorted()).toEqual([
      expect.stringMatching(/^error: WITHSSH_INIT .*"yes"/),
      expect.stringMatching(/^error: WITHSSH_PORT .*"70000"/),
      expect.stringMatching(/^error: WITHSSH_PROT .*WITHSSH_PORT/),
    ]);
  });

  test("SSH that is required and has no key keeps the app from running, and the reason is told", async () => {
    const ended = await runToEnd({ base, env: { WITHSSH_REQUIRE: "true" }, cmd: ["echo", "the app ran"] });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    const errors = ourLines(ended.stderr).filter(({ level }) => level === "error");
    expect(errors.map(({ msg }) => msg).join("\n")).toMatch(/no authorized key.*hint: /);
  });

  test("SSH that is required and whose port is taken keeps the app from running, and the port is told", async () => {
    const { publicLine } = await makeKey();
    const take =
      "mkdir -p /run/sshd && ssh-keygen -q -t ed25519 -N '' -f /tmp/k && /usr/sbin/sshd -f /dev/null -h /tmp/k -p 2222";
    const env = { AUTHORIZED_KEYS: publicLine, WITHSSH_REQUIRE: "true" };
    const entrypoint = ["sh", "-c", `${take} && exec withssh echo the app ran`];
    const ended = await runToEnd({ base, env, entrypoint, cmd: [] });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(
      ourLines(ended.stderr)
        .map(({ msg }) => msg)
        .join("\n"),
    ).toMatch(/ssh is down: port 2222 is taken: sshd cannot listen — saw sshd \(pid \d+\)/);
  });

  test("--help and --version answer on stdout and need nothing else", async () => {
    const env = { WITHSSH_REQUIRE: "true" };
    const version = await runToEnd({ base, env, cmd: ["--version"] });
    expect(version).toEqual({ code: 0, stdout: expect.stringMatching(/^withssh \d+\.\d+\.\d+\n$/), stderr: "" });
    const help = await runToEnd({ base, env, cmd: ["--help"] });
    expect(help).toEqual({ code: 0, stdout: expect.stringContaining("usage: withssh "), stderr: "" });
    expect(help.stdout).toContain("AUTHORIZED_KEYS");
  });

  test("a volume full of somebody else's files changes no exit code", async () => {
    const volume = await makeVolume();
    const { publicLine } = await makeKey();
    const env = { AUTHORIZED_KEYS: publicLine };
    const fill = ["sh", "-c", "mkdir -p /volume/.ssh/ssh_host_rsa_key && echo x > /volume/.ssh/other_key && exit 3"];
    expect(await runToEnd({ base, env, volume, cmd: fill })).toMatchObject({ code: 3 });
    expect(await runToEnd({ base, env, volume, cmd: ["sh", "-c", "exit 4"] })).toMatchObject({ code: 4, stdout: "" });
  });
});
