/** The Dockerfiles that people copy from: as they come, and booted as the first lines of README boot them. */
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ensureDebianBase, ensureMuslBase } from "../../scripts/base-images.ts";
import { run } from "../../scripts/ssh-client.ts";
import { bases, makeVolume, startContainer } from "../support/boot.ts";
import { errorsOf, findProcess, isSupervisor } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";
import { buildTestImage, removeImage, SHOWN_DOCKERFILES } from "../support/test-images.ts";

const ensureBase = { debian: () => ensureDebianBase(), musl: ensureMuslBase } as const;

describe.each(bases)("on %s", (base) => {
  let image = "";
  beforeAll(async () => {
    const from = (await ensureBase[base]()) ?? "";
    image = await buildTestImage(base, from, inject("runId"), `shown-${base}`, SHOWN_DOCKERFILES[base]);
  });
  afterAll(async () => await removeImage(image));

  test("the app runs unprivileged, SSH is ready as that user, again after a restart, and forwards", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ image, env, volume: await makeVolume() });
    const { users, known_hosts: knownHosts } = await container.waitForLogins();
    expect(users).toEqual(["app"]);
    const owner = await container.exec(["sh", "-c", "id -u app; stat -c %u /proc/1"]);
    expect(owner.stdout).toMatch(/^([1-9]\d*)\n\1\n$/);

    await container.restart();
    await container.waitForReady();
    const login = { key, user: "app", knownHosts };
    expect(await ssh(container, { ...login, command: "id -un" })).toMatchObject({ code: 0, stdout: "app\n" });
    const forwarded = await ssh(container, { ...login, args: ["-W", "127.0.0.1:2222"] });
    expect(forwarded.stdout).toMatch(/^SSH-2\.0-OpenSSH_/);
    expect(await errorsOf(container)).toEqual([]);
  });

  test("the one sudo rule is spent: neither the app nor who is in by SSH gets root", async () => {
    const key = await makeKey();
    const container = await startContainer({ image, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForReady();
    const sudo =
      "sudo -n id -u; sudo -n sh -c 'id -u'; sudo -n /usr/local/bin/withssh --supervise </dev/null; echo over";
    for (const tried of [
      await container.exec(["sh", "-c", sudo], { user: "app" }),
      await ssh(container, { key, user: "app", command: sudo }),
    ]) {
      expect(tried).toMatchObject({ code: 0, stdout: expect.stringMatching(/over\n$/) });
      expect(tried.stdout).not.toMatch(/^0$/m);
    }
    // And hearing of it does not keep the supervisor awake: of three seconds it takes a few hundredths.
    const { pid } = await findProcess(container, isSupervisor);
    const stat = `cut -d ' ' -f 14,15 /proc/${pid}/stat`;
    const { stdout } = await container.exec(["sh", "-c", `${stat}; sleep 3; ${stat}`]);
    const [before = [], after = []] = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ").map(Number));
    const ticks = after.reduce((sum, value, at) => sum + value - (before[at] ?? 0), 0);
    expect(ticks).toBeLessThan(25);
  });

  test("it works as root as well", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_APP_USER: "app" };
    const container = await startContainer({ image, env, user: "root" });
    expect(await ssh(container, { key, user: "app", command: "id -un" })).toMatchObject({ code: 0, stdout: "app\n" });
  });

  test("it lacks nothing, by its own check as in a RUN line, and is healthy", async () => {
    const checked = await run("docker", ["run", "--rm", image, "--check", "--build"], { timeoutMs: 60_000 });
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(checked.stdout).toContain("the one sudo rule is there");
    expect(checked.stdout).not.toMatch(/^(warn|fail)/m);
    const inspected = await run("docker", ["image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", image]);
    expect(JSON.parse(inspected.stdout)).toEqual(["CMD", "withssh", "--healthcheck"]);
  });

  test("no host key is in any layer's view, and no package list", async () => {
    const look = "ls /etc/ssh/ssh_host_* /var/lib/apt/lists/* /var/cache/apk/* 2>/dev/null; true";
    expect(await run("docker", ["run", "--rm", "--entrypoint", "sh", image, "-c", look])).toMatchObject({
      code: 0,
      stdout: "",
    });
  });
});
