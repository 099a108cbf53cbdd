/** The supervisor as a fork of the launcher: whatever that was given, nothing of it is to be seen of the supervisor. */
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, findProcess, isSupervisor } from "../support/inside.ts";
import { makeKey } from "../support/ssh.ts";

/** What /proc says of the supervisor: NULs as `@`. */
async function readSupervisor(container: Container, file: "cmdline" | "environ"): Promise<string> {
  const { pid } = await findProcess(container, isSupervisor);
  return (await container.exec(["sh", "-c", `tr '\\0' @ </proc/${pid}/${file}`])).stdout;
}

/** Under an app with these words, whose stdin stays open; ready. */
async function start(base: (typeof bases)[number], cmd: readonly string[], env: Readonly<Record<string, string>>) {
  const { publicLine } = await makeKey();
  const create = { OpenStdin: true };
  const container = await startContainer({ base, env: { AUTHORIZED_KEYS: publicLine, ...env }, cmd, create });
  await container.waitForReady();
  return container;
}

describe.concurrent.each(bases)("on %s", (base) => {
  test("its command line is its own, and what it has of the app's environment is erased", async () => {
    const container = await start(base, [...APP, "--token=sesame"], { SESAME: "open" });
    expect(await readSupervisor(container, "cmdline")).toMatch(/^withssh@--supervisor@+$/);
    // An exec would have left nothing at all.
    expect(await readSupervisor(container, "environ")).toMatch(/^@{20,}$/);
  });

  test("its name is whole where the launcher's words were shorter", async () => {
    const container = await start(base, ["cat"], {});
    expect(await readSupervisor(container, "cmdline")).toBe("withssh --supervisor@");
    // What is left there is the end of the name.
    expect(await readSupervisor(container, "environ")).toMatch(/^[a-z]{0,12}@+$/);
  });

  test("names that steer what it loads steer nothing", async () => {
    const container = await start(base, APP, { CHOKIDAR_USEPOLLING: "true", CHOKIDAR_INTERVAL: "1", ZX_SHELL: "/x" });
    await container.waitForLog("host key made and in use");
    expect(await readSupervisor(container, "environ")).toMatch(/^@+$/);
    const { pid } = await findProcess(container, isSupervisor);
    const { stdout } = await container.exec(["sh", "-c", `for fd in /proc/${pid}/fd/*; do readlink "$fd"; done; true`]);
    expect(stdout).toContain("anon_inode:inotify");
  });

  test("where a name could steer the runtime that it would be a copy of it is executed", async () => {
    const container = await start(base, APP, { NODE_OPTIONS: "--x" });
    expect(await readSupervisor(container, "cmdline")).toBe("withssh@--supervisor@");
    expect(await readSupervisor(container, "environ")).toBe("");
  });
});
