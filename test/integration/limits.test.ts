/** What sshd and its sessions inherit from the supervisor, and what they must not. */
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import { APP, findProcess, isListener } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";

describe.concurrent.each(bases)("on %s", (base) => {
  test("sessions have the app's limit on open files, and sshd has no descriptor of ours but its log", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_NOFILE: "512:2048" };
    const container = await startContainer({ base, env, cmd: APP });
    await container.waitForReady();
    expect(await ssh(container, { key, command: "ulimit -Sn; ulimit -Hn" })).toMatchObject({ stdout: "512\n2048\n" });
    const { pid } = await findProcess(container, isListener);
    const { stdout } = await container.exec(["ls", "-l", `/proc/${pid}/fd`]);
    expect(stdout).toContain("socket:");
    expect(stdout).not.toContain("pidfd");
  });
});
