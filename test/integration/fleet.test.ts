/** A fleet: certificates of an authority log in under their principals, and what was revoked does not. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { bases, makeVolume, startContainer } from "../support/boot.ts";
import { keygen, sign } from "../support/certificates.ts";
import { APP, writeFiles } from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";

describe.each(bases)("on %s", (base) => {
  test("certificates of each authority log in as their principals; strangers', expired and revoked ones do not", async () => {
    const [ca, other, stranger] = await Promise.all([makeKey(), makeKey("ecdsa"), makeKey()]);
    const keys = await Promise.all(["ed25519", "ecdsa", "ed25519", "ed25519", "ed25519"].map((type) => makeKey(type)));
    const [ina, ben, mallory, late, deploy] = keys as [TestKey, TestKey, TestKey, TestKey, TestKey];
    await sign(ca, ina, "root,deploy");
    await sign(other, ben, "root");
    await sign(stranger, mallory, "root");
    await sign(ca, deploy, "deploy");
    await keygen("-q", "-s", ca.path, "-I", "late", "-n", "root", "-V", "-2h:-1h", `${late.path}.pub`);
    const container = await startContainer({
      base,
      cmd: APP,
      volume: await makeVolume(),
      env: { WITHSSH_TRUSTED_USER_CA: `${ca.publicLine}\n${other.publicLine}` },
    });
    await container.waitForLog("host key made and in use");
    const login = async (key: TestKey) => (await ssh(container, { key, command: "true" })).code;
    expect(await Promise.all([ina, ben].map(login))).toEqual([0, 0]);
    expect(await Promise.all([mallory, late, deploy].map(login))).toEqual([255, 255, 255]);

    await writeFiles(container, { "/volume/.ssh/revoked_keys": `${ben.publicLine}\n` });
    await container.waitForLog("sshd config changed");
    expect(await Promise.all([ina, ben].map(login))).toEqual([0, 255]);
    await keygen("-q", "-k", "-f", `${ina.path}.krl`, `${ina.path}.pub`);
    const krl = (await readFile(`${ina.path}.krl`)).toString("base64");
    const put = `echo ${krl} | base64 -d > /volume/.ssh/new && mv /volume/.ssh/new /volume/.ssh/revoked_keys`;
    let changes = 0;
    await container.exec(["sh", "-c", put]);
    await container.waitForLog(({ msg }) => msg === "sshd config changed" && ++changes === 2);
    expect(await Promise.all([ina, ben].map(login))).toEqual([255, 0]);
    await writeFiles(container, { "/volume/.ssh/revoked_keys": "SSHKRL\n\0not a list" });
    await container.waitForLog(({ msg }) => msg.includes("no list of revoked keys"));
    expect(await Promise.all([ina, ben].map(login))).toEqual([255, 0]);
  });

  test("machines that are given one identity have it, with its certificate, and no volume says otherwise", async () => {
    const [key, ca, hostKey] = await Promise.all([makeKey(), makeKey(), makeKey()]);
    await keygen(
      "-q",
      "-s",
      ca.path,
      "-I",
      "fleet",
      "-h",
      "-n",
      "withssh-test",
      "-V",
      "-1m:+1h",
      `${hostKey.path}.pub`,
    );
    const certificate = await readFile(`${hostKey.path}-cert.pub`, "utf8");
    const pem = await readFile(hostKey.path, "utf8");
    const volume = await makeVolume();
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const first = await startContainer({ base, cmd: APP, volume, env });
    await first.waitForReady();
    await first.remove();
    const text = Buffer.from(`${pem}${certificate}`).toString("base64");
    const given = await startContainer({ base, cmd: APP, volume, env: { ...env, WITHSSH_HOST_KEYS: text } });
    const ready = await given.waitForReady();
    expect(ready.host_keys).toHaveLength(1);
    expect(ready.known_hosts).toContain(hostKey.publicLine.split(" ")[1]);
    const plain = ["-o", "HostKeyAlgorithms=ssh-ed25519"];
    const knownHosts = `host ${hostKey.publicLine}`;
    expect((await ssh(given, { key, command: "true", knownHosts, args: plain })).code).toBe(0);
    const session = await ssh(given, { key, command: "env; tr '\\0' '\\n' < /proc/1/environ", knownHosts });
    expect(session.stdout).toContain("AUTHORIZED_KEYS=");
    expect(session.stdout).not.toContain("WITHSSH_HOST_KEYS");
    const authority = ["-o", "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"];
    const signed = `@cert-authority host ${ca.publicLine}`;
    const trusted = await ssh(given, { key, command: "true", knownHosts: signed, args: authority });
    expect(trusted).toMatchObject({ code: 0 });
    expect((await given.logs()).stderr).not.toContain(text.slice(200, 260));
  });
});
