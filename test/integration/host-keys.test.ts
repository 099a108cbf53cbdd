/** The identity that clients have seen stays: over restarts, new containers, damage and mistakes. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ReadyLine } from "../../scripts/container-log.ts";
import { run, ssh as runSsh } from "../../scripts/ssh-client.ts";
import { bases, buildImage, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import { type Container, DEADLINE_MS } from "../support/container.ts";
import { APP, errorsOf, ourLines, readInside, writeFiles } from "../support/inside.ts";
import { makeDir, makeKey, ssh } from "../support/ssh.ts";
import { readBanner } from "../support/tcp.ts";

const KEYS = "/volume/.ssh";
const LINE = (await makeKey()).publicLine;

/** One that has its keys, rsa too. */
async function startWithAllKeys(options: ContainerOptions): Promise<{ container: Container; ready: ReadyLine }> {
  const container = await start(options);
  const ready = await container.waitForReady();
  await waitForRsa(container);
  return { container, ready };
}

/** Until sshd itself shows its rsa key: by then it has taken up the signal by which that joins. */
async function waitForRsa(container: Container): Promise<void> {
  await container.waitForLog("host key made and in use");
  const args = ["-t", "rsa", "-p", String(container.port), "127.0.0.1"];
  const began = performance.now();
  while (!(await run("ssh-keyscan", args)).stdout.includes("ssh-rsa")) {
    if (performance.now() - began > DEADLINE_MS) throw new Error("sshd does not show its rsa key");
  }
}

const start = async (options: ContainerOptions) =>
  await startContainer({ cmd: APP, ...options, env: { AUTHORIZED_KEYS: LINE, ...options.env } });

const fingerprints = (ready: ReadyLine) => ready.host_keys.map(({ fingerprint }) => fingerprint);

/** Every type and fingerprint that the daemon itself shows, from inside. */
async function fingerprintOf(container: Container, path: string): Promise<string> {
  const { stdout } = await container.exec(["ssh-keygen", "-l", "-f", path]);
  return stdout.split(" ")[1] ?? "";
}

describe.concurrent.each(bases)("on %s", (base) => {
  test("the identity is the same after a restart and in a new container on the same volume", async () => {
    const volume = await makeVolume();
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const { container, ready } = await startWithAllKeys({ base, volume, env });
    const { host_key } = await container.waitForLog("host key made and in use");
    expect(ready.host_keys.map(({ type }) => type)).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    const all = [...ready.host_keys, host_key];
    await container.restart();
    expect((await container.waitForReady()).host_keys).toEqual(all);
    await container.remove();
    const next = await start({ base, volume, env });
    expect(await next.waitForReady()).toMatchObject({ host_keys: all, known_hosts: ready.known_hosts });
    expect((await ssh(next, { key, command: "true", knownHosts: ready.known_hosts })).code).toBe(0);
    expect(await errorsOf(next)).toEqual([]);
  });

  test("on a first start rsa joins by a signal, and what runs is the same sshd", async () => {
    const container = await start({ base });
    await container.waitForReady();
    const sshd = "cat /proc/[0-9]*/stat | grep '(sshd)' | cut -d' ' -f1,22";
    const before = await container.exec(["sh", "-c", sshd]);
    const joined = await container.waitForLog("host key made and in use");
    expect(joined["host_key"]).toMatchObject({ type: "ssh-rsa" });
    const { stdout } = await container.exec(["ssh-keygen", "-l", "-f", `${KEYS}/ssh_host_rsa_key`]);
    expect(stdout).toContain((joined["host_key"] as { fingerprint: string }).fingerprint);
    const after = await container.exec(["sh", "-c", sshd]);
    expect(after.stdout.split(" ")[0]).toBe(before.stdout.split(" ")[0]);
    await waitForRsa(container);
    expect((await container.logs()).stderr).not.toContain("sshd exited");
  });

  test("damaged, encrypted and foreign keys on the volume are kept as they are and told; the good one serves", async () => {
    const volume = await makeVolume();
    const { container, ready } = await startWithAllKeys({ base, volume });
    const rsa = `${KEYS}/ssh_host_rsa_key`;
    const ecdsa = `${KEYS}/ssh_host_ecdsa_key`;
    const foreign = "PuTTY-User-Key-File-3: ssh-ed25519\n";
    await container.exec(["ssh-keygen", "-q", "-p", "-N", "pass phrase", "-f", ecdsa]);
    await container.exec(["sh", "-c", `head -c 700 ${rsa} > /tmp/k && cat /tmp/k > ${rsa}`]);
    await writeFiles(container, { [`${KEYS}/my_key`]: foreign, [`${KEYS}/ssh_host_dsa_key`]: foreign });
    const before = await container.exec(["sh", "-c", `cd ${KEYS} && sha256sum *_key && stat -c '%n %a %u %Y' *_key`]);
    await container.restart();
    const again = await container.waitForReady();
    expect(fingerprints(again)).toEqual(fingerprints(ready).slice(0, 1));
    const after = await container.exec(["sh", "-c", `cd ${KEYS} && sha256sum *_key && stat -c '%n %a %u %Y' *_key`]);
    expect(after.stdout).toBe(before.stdout);
    const told = await errorsOf(container);
    expect(told.map(({ path }) => path)).toEqual([ecdsa, rsa]);
    expect(told[0]?.msg).toMatch(/left alone: .*(passphrase|encrypted)/);
  });

  test("with no good key on the volume SSH stays down, no new identity is made, and the app runs", async () => {
    const volume = await makeVolume();
    const container = await start({ base, volume, entrypoint: ["sh", "-c", "exec sleep 1000"], cmd: [] });
    await writeFiles(container, { [`${KEYS}/ssh_host_ed25519_key`]: "junk\n" });
    const next = await start({ base, volume });
    const down = await next.waitForLog(({ event }) => event === "ssh down");
    expect(down.msg).toMatch(/no host key on the volume can be used.*hint: /);
    expect((await next.exec(["ls", "-A", KEYS])).stdout).toBe("ssh_host_ed25519_key\n");
    expect(await readBanner(next)).toBe(undefined);
    await next.signal("TERM");
    expect(await next.waitForExit()).toBe(143);
  });

  test("an image made the guide's way starts with fresh keys, on one port, and without an error line", async () => {
    const key = await makeKey();
    const image = await buildImage({
      base,
      lines: [
        "RUN rm -f /etc/ssh/ssh_host_* && ssh-keygen -A && cp /etc/ssh/ssh_host_ed25519_key.pub /baked.pub",
        "RUN sed -i 's/^#\\?\\s*Port .*/Port 2222/' /etc/ssh/sshd_config && grep -q '^Port 2222$' /etc/ssh/sshd_config",
      ],
    });
    const container = await start({ image, env: { AUTHORIZED_KEYS: key.publicLine } });
    const ready = await container.waitForReady();
    expect(fingerprints(ready)).not.toContain(await fingerprintOf(container, "/baked.pub"));
    await waitForRsa(container);
    expect((await ssh(container, { key, command: "true" })).code).toBe(0);
    expect(await errorsOf(container)).toEqual([]);
    expect((await container.logs()).stderr).not.toContain("Bind to port");
    const listening = "cat /proc/net/tcp /proc/net/tcp6 | grep -c ' 0A '";
    expect((await container.exec(["sh", "-c", listening])).stdout).toBe("2\n");
    const scanned = await ssh(container, {
      key,
      command: "true",
      knownHosts: `baked ${await readInside(container, "/baked.pub")}`,
    });
    expect(scanned.stderr).toContain("Host key verification failed");
  });

  test("the image's keys are adopted only where that is wanted, and only on a first start", async () => {
    const image = await buildImage({
      base,
      lines: ["RUN rm -f /etc/ssh/ssh_host_* && ssh-keygen -A && cp -r /etc/ssh /baked"],
    });
    const env = { WITHSSH_ADOPT_IMAGE_KEYS: "true" };
    const volume = await makeVolume();
    const container = await start({ image, volume, env });
    const ready = await container.waitForReady();
    expect(fingerprints(ready)).toEqual(
      await Promise.all(
        ["ed25519", "ecdsa", "rsa"].map((type) => fingerprintOf(container, `/baked/ssh_host_${type}_key.pub`)),
      ),
    );
    const line = await container.waitForLog("host keys");
    expect(line).toMatchObject({ adopted: ["ed25519", "ecdsa", "rsa"], made: [], restored: [] });

    const other = await makeVolume();
    const first = await startWithAllKeys({ image, volume: other });
    await first.container.remove();
    const second = await start({ image, volume: other, env });
    expect(fingerprints(await second.waitForReady()).slice(0, 2)).toEqual(fingerprints(first.ready));
    expect((await second.waitForLog("host keys"))["adopted"]).toEqual([]);
    expect(ourLines((await second.logs()).stderr).map(({ msg }) => msg)).toContainEqual(
      expect.stringContaining("WITHSSH_ADOPT_IMAGE_KEYS"),
    );
  });

  test("where nothing is mounted it works and warns; where something is, it does not", async () => {
    const bare = await start({ base });
    const mounted = await start({ base, volume: await makeVolume() });
    await Promise.all([bare.waitForReady(), mounted.waitForReady()]);
    expect((await bare.logs()).stderr).toMatch(/"level":"warn".*nothing is mounted at \/volume.*hint: /);
    expect((await mounted.logs()).stderr).not.toContain('"level":"warn"');
    const where = await start({ base, env: { WITHSSH_VOLUME: "/data" }, host: { Tmpfs: { "/data": "" } } });
    expect(await where.waitForReady()).toMatchObject({ port: 2222 });
    expect((await where.exec(["ls", "/data/.ssh"])).stdout).toContain("ssh_host_ed25519_key\n");
  });

  test("a read-only volume with keys serves them; an empty one serves keys from memory and warns", async () => {
    const volume = await makeVolume();
    const { container, ready } = await startWithAllKeys({ base, volume });
    await container.remove();
    const again = await start({ base, binds: [`${volume}:/volume:ro`] });
    expect(fingerprints(await again.waitForReady())).toEqual(expect.arrayContaining(fingerprints(ready)));
    expect(await errorsOf(again)).toEqual([]);
    const empty = await start({ base, binds: [`${await makeVolume()}:/volume:ro`] });
    expect(fingerprints(await empty.waitForReady())).toHaveLength(2);
    expect(await empty.waitForLog("host keys")).toMatchObject({ where: "memory" });
    expect((await empty.logs()).stderr).toMatch(/"level":"warn".*cannot be saved/);
  });

  test("the private copy that sshd reads is root's alone, and the volume's modes are left as they are", async () => {
    const volume = await makeVolume();
    const { container, ready } = await startWithAllKeys({ base, volume });
    const change = `cd ${KEYS} && chmod 0644 *_key && chown 12345 ssh_host_ed25519_key && rm ssh_host_ecdsa_key.pub && echo stale > ssh_host_rsa_key.pub`;
    await container.exec(["sh", "-c", change]);
    await container.restart();
    expect(fingerprints(await container.waitForReady())).toEqual(expect.arrayContaining(fingerprints(ready)));
    const modes = await container.exec(["sh", "-c", `stat -c '%a %u' ${KEYS}/*_key /etc/ssh/*_key`]);
    expect(modes.stdout).toBe("644 0\n644 12345\n644 0\n600 0\n600 0\n600 0\n");
  });

  test("the known_hosts line names the public address and can be used word for word", async () => {
    const key = await makeKey();
    const port = await findFreePort();
    const container = await start({
      base,
      env: { AUTHORIZED_KEYS: key.publicLine, WITHSSH_PUBLIC_ADDRESS: `127.0.0.1:${port}` },
      host: { PortBindings: { "2222/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] } },
    });
    const ready = await container.waitForReady();
    expect(ready).toMatchObject({ known_hosts_exact: true });
    await waitForRsa(container);
    const knownHosts = join(await makeDir(), "known_hosts");
    await writeFile(knownHosts, `${ready.known_hosts}\n`);
    const target = { host: "127.0.0.1", port, user: "root", key: key.path, knownHosts };
    expect(await runSsh(target, "echo in")).toEqual({ code: 0, stdout: "in\n", stderr: "" });

    const unknown = await start({ base });
    expect(await unknown.waitForReady()).toMatchObject({ known_hosts_exact: false });
  });
});

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
