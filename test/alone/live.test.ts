/** What changes on disk is in force while everything runs: keys, host keys, config; and what is no good changes nothing. */
import { appendFile, chmod, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bases, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, findProcess, isListener, isSupervisor, writeFiles } from "../support/inside.ts";
import { makeDir, makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { readBanner } from "../support/tcp.ts";

/** design: "in force within a second"; where there are no events a look every two seconds has to do. */
const WITH_EVENTS_MS = 1000;
const BY_LOOKING_MS = 3000;
/** What an idle supervisor may hold of its own. */
const MOST_KIB = 10 * 1024;
const KEYS = "/volume/.ssh/authorized_keys";

const start = async (options: ContainerOptions) => await startContainer({ cmd: APP, ...options });
/** Once rsa has joined: at that moment sshd refuses connections for some milliseconds. */
const settled = async (container: Container) => await container.waitForLog("host key made and in use");
const login = async (container: Container, key: TestKey) => {
  await settled(container);
  return (await ssh(container, { key, command: "true" })).code;
};

/** A directory that the container sees, with its parents fit for keys. */
async function makeShared(): Promise<string> {
  const dir = await makeDir();
  await chmod(dir, 0o755);
  return dir;
}

/** Makes a change and waits for the line that tells of it, with these facts; rejects unless it came in time. */
async function change(
  container: Container,
  limitMs: number,
  facts: { added?: readonly TestKey[]; removed?: readonly TestKey[] },
  act: () => Promise<unknown>,
): Promise<void> {
  const { added = [], removed = [] } = facts;
  const wanted = JSON.stringify([added, removed].map((keys) => keys.map(fingerprintOf)));
  await act();
  const done = Date.now();
  const line = await container.waitForLog((one) => JSON.stringify([one["added"], one["removed"]]) === wanted);
  expect(Date.parse(String(line["time"])) - done).toBeLessThan(limitMs);
}

const fingerprintOf = ({ publicLine }: TestKey) => {
  const blob = Buffer.from(publicLine.split(" ")[1] ?? "", "base64");
  return `SHA256:${new Bun.CryptoHasher("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
};

describe.each(bases)("on %s", (base) => {
  test("a key written on the volume logs in within a second, and one taken away does not", async () => {
    const [first, second] = await Promise.all([makeKey(), makeKey()]);
    const container = await start({ base, volume: await makeVolume(), env: { AUTHORIZED_KEYS: first.publicLine } });
    expect(await login(container, second)).toBe(255);
    await change(container, WITH_EVENTS_MS, { added: [second] }, () =>
      writeFiles(container, { [KEYS]: `${second.publicLine}\n` }),
    );
    expect(await login(container, second)).toBe(0);
    await change(container, WITH_EVENTS_MS, { removed: [second] }, () => container.exec(["rm", KEYS]));
    expect(await Promise.all([login(container, second), login(container, first)])).toEqual([255, 0]);
  });

  test("without a key SSH is down and the app runs; with the first key SSH comes up by itself", async () => {
    const key = await makeKey();
    const container = await start({ base, volume: await makeVolume() });
    const down = await container.waitForLog(({ event }) => event === "ssh down");
    expect(down.msg).toContain("no authorized key");
    expect(await readBanner(container)).toBeUndefined();
    await writeFiles(container, { [KEYS]: `${key.publicLine}\n` });
    expect(await login(container, key)).toBe(0);
  });

  test("in a directory of keys files come and go, each by itself", async () => {
    const keys = await Promise.all([makeKey(), makeKey()]);
    const [ina, ben] = keys;
    const env = { AUTHORIZED_KEYS_FILE: "/keys" };
    const container = await start({ base, env, host: { Tmpfs: { "/keys": "mode=755" } } });
    await container.waitForLog(({ event }) => event === "ssh down");
    await writeFiles(container, { "/keys/ina": `${ina.publicLine}\n`, "/keys/.ben.swp": `${ben.publicLine}\n` });
    expect(await Promise.all(keys.map((key) => login(container, key)))).toEqual([0, 255]);
    await change(container, WITH_EVENTS_MS, { added: [ben] }, () =>
      container.exec(["mv", "/keys/.ben.swp", "/keys/ben"]),
    );
    expect(await Promise.all(keys.map((key) => login(container, key)))).toEqual([0, 0]);
    await change(container, WITH_EVENTS_MS, { removed: [ina] }, () => container.exec(["rm", "/keys/ina"]));
    expect(await Promise.all(keys.map((key) => login(container, key)))).toEqual([255, 0]);
  });

  test("a read-only directory is followed through Kubernetes' swap of ..data, whoever owns what is in it", async () => {
    const [old, fresh] = await Promise.all([makeKey(), makeKey()]);
    const dir = await makeShared();
    const publish = async (name: string, key: TestKey) => {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, "app"), `${key.publicLine}\n`, { mode: 0o666 });
      await chmod(join(dir, name), 0o777);
      await symlink(name, join(dir, "..data_tmp"));
      await rename(join(dir, "..data_tmp"), join(dir, "..data"));
    };
    await publish("..2026_01", old);
    await symlink("..data/app", join(dir, "app"));
    await chmod(dir, 0o777);
    const env = { AUTHORIZED_KEYS_FILE: "/keys/app" };
    const container = await start({ base, env, binds: [`${dir}:/keys:ro`] });
    expect(await login(container, old)).toBe(0);
    await change(container, WITH_EVENTS_MS, { added: [fresh], removed: [old] }, () => publish("..2026_02", fresh));
    expect(await Promise.all([login(container, old), login(container, fresh)])).toEqual([255, 0]);
  });

  test("a file mounted by itself is followed as it is written, with a warning that a new file is never seen", async () => {
    const [old, fresh] = await Promise.all([makeKey(), makeKey()]);
    const path = join(await makeShared(), "keys");
    await writeFile(path, `${old.publicLine}\n`);
    const container = await start({ base, env: { AUTHORIZED_KEYS_FILE: "/keys" }, binds: [`${path}:/keys:ro`] });
    expect(await login(container, old)).toBe(0);
    const warning = await container.waitForLog(({ msg }) => msg.includes("mounted as a single file"));
    expect(warning).toMatchObject({ level: "warn", msg: expect.stringContaining("hint: mount the directory") });
    // Appended: a file that is written anew is empty for a moment, and may be seen so.
    await change(container, BY_LOOKING_MS, { added: [fresh] }, () => appendFile(path, `${fresh.publicLine}\n`));
    expect(await Promise.all([login(container, old), login(container, fresh)])).toEqual([0, 0]);
  });

  test("a source that cannot be read any more is told, and its keys stay", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS_FILE: "/keys/app" };
    const container = await start({ base, env, host: { Tmpfs: { "/keys": "mode=755" } } });
    await container.waitForLog(({ event }) => event === "ssh down");
    await writeFiles(container, { "/keys/app": `${key.publicLine}\n` });
    expect(await login(container, key)).toBe(0);
    await container.exec(["chmod", "0666", "/keys/app"]);
    const told = await container.waitForLog(({ msg }) => msg.includes("can be written by others"));
    expect(told).toMatchObject({ level: "error", source: "/keys/app" });
    expect(await login(container, key)).toBe(0);
    await container.exec(["rm", "/keys/app"]);
    await container.waitForLog(({ msg }) => msg.includes("/keys/app is not there"));
    expect(await login(container, key)).toBe(0);
  });

  test("a changed sshd config is in force by one SIGHUP; one that sshd would refuse is told and changes nothing", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_SSHD_CONFIG_FILE: "/etc/withssh-config" };
    const entrypoint = ["sh", "-c", 'echo "MaxSessions 3" > /etc/withssh-config && exec withssh "$@"', "sh"];
    const container = await start({ base, env, entrypoint });
    expect(await login(container, key)).toBe(0);
    await container.waitForLog("host key made and in use");
    const listener = await findProcess(container, isListener);
    await writeFiles(container, { "/etc/withssh-config": "Banner /etc/banner\n", "/etc/banner": "NEW BANNER\n" });
    await container.waitForLog("sshd config changed");
    expect((await ssh(container, { key, command: "true" })).stderr).toContain("NEW BANNER");
    await writeFiles(container, { "/etc/withssh-config": "NoSuchKeyword yes\n" });
    const told = await container.waitForLog(({ msg }) => msg.startsWith("change left out"));
    expect(told["level"]).toBe("error");
    expect((await ssh(container, { key, command: "true" })).stderr).toContain("NEW BANNER");
    expect((await findProcess(container, isListener)).pid).toBe(listener.pid);
    expect((await container.logs()).stderr).not.toContain("sshd exited");
  });

  test("a host key put on the volume is served at once; one that vanishes serves on, with a warning", async () => {
    const key = await makeKey();
    const container = await start({ base, volume: await makeVolume(), env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForLog("host key made and in use");
    const path = "/volume/.ssh/ssh_host_ed25519_key";
    const make = `ssh-keygen -q -t ed25519 -N '' -f /tmp/k && mv /tmp/k ${path} && cat /tmp/k.pub`;
    const { stdout } = await container.exec(["sh", "-c", make]);
    await container.waitForLog("host keys changed");
    const knownHosts = `host ${stdout.trim()}`;
    const only = ["-o", "HostKeyAlgorithms=ssh-ed25519"];
    expect(await ssh(container, { key, command: "true", knownHosts, args: only })).toMatchObject({ code: 0 });
    await container.exec(["rm", path]);
    const told = await container.waitForLog(({ msg }) => msg.includes("is gone"));
    expect(told["level"]).toBe("warn");
    expect(await ssh(container, { key, command: "true", knownHosts, args: only })).toMatchObject({ code: 0 });
  });

  test("the app's CHOKIDAR_ variables change nothing, and watching costs little memory", async () => {
    const [first, second] = await Promise.all([makeKey(), makeKey()]);
    const env = { AUTHORIZED_KEYS: first.publicLine, CHOKIDAR_USEPOLLING: "1", CHOKIDAR_INTERVAL: "60000" };
    const container = await start({ base, volume: await makeVolume(), env });
    await container.waitForLog("host key made and in use");
    await change(container, WITH_EVENTS_MS, { added: [second] }, () =>
      writeFiles(container, { [KEYS]: `${second.publicLine}\n` }),
    );
    expect(await login(container, second)).toBe(0);
    const { pid } = await findProcess(container, isSupervisor);
    // It gives back what the change took once it has been quiet for a second.
    const read = `grep ^Anonymous: /proc/${pid}/smaps_rollup`;
    const isThrifty = `for i in $(seq 50); do [ "$(${read} | tr -dc 0-9)" -lt ${MOST_KIB} ] && exit 0; sleep 0.1; done; ${read}; exit 1`;
    expect(await container.exec(["sh", "-c", isThrifty])).toMatchObject({ code: 0, stdout: "" });
  });
});
