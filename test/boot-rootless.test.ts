/** Whole boots without root on the fake host: what is made, where, and what is never touched. */
import { describe, expect, test } from "vitest";
import { APP_UID, bootOn, createImage, identityOf, logOf, PERSON } from "./support/boot-world.ts";
import type { Seed } from "./support/fake-tree.ts";
import { storedKeys } from "./support/host-key-world.ts";

const SELF = { uid: APP_UID, gid: APP_UID };
const STATE = `/tmp/withssh-${APP_UID}`;
const ROOTLESS = { mode: "rootless", appUid: SELF.uid, appGid: SELF.gid } as const;

function image(files: Readonly<Record<string, Seed | undefined>> = {}) {
  const seeds = { "/tmp/": { mode: 0o1777 }, "/volume/": { mount: {}, ...SELF }, ...files };
  return createImage(seeds, { self: SELF });
}

const bootRootless = (host = image(), environment: Readonly<Record<string, string>> = {}) =>
  bootOn(host, { AUTHORIZED_KEYS: PERSON.line, ...environment }, ROOTLESS);

describe("a boot without root", () => {
  test("prepares all that sshd needs in a place of this user's own, and writes nowhere else but the volume", async () => {
    const host = image();
    const before = host.snapshot();
    const { plan, failure } = await bootRootless(host);
    expect(failure).toBeUndefined();
    expect(plan?.accounts.map(({ name }) => name)).toEqual(["app"]);
    const changed = Object.entries(host.snapshot()).filter(([path, line]) => before[path] !== line);
    const elsewhere = changed
      .map(([path]) => path)
      .filter((path) => !/^(\/tmp\/withssh-1000|\/volume\/\.ssh)/.test(path));
    expect(elsewhere).toEqual([]);
    expect(host.text(`${STATE}/keys/app`)).toContain(PERSON.line);
    expect(host.snapshot()[`${STATE}/private/sshd_config`]).toMatch(/^file 0600 1000:1000 Port 2222\n/);
  });

  test("gives sshd a config without PAM, with host keys and login keys of its own place", async () => {
    const host = image();
    const { plan } = await bootRootless(host, { WITHSSH_LOG_LEVEL: "info", COLOR: "blue" });
    const lines = (host.text(plan?.written.path ?? "") ?? "").split("\n");
    expect(lines.filter((line) => /usepam/i.test(line))).toEqual([]);
    expect(lines).toContain("Banner /etc/issue.net");
    expect(lines).toContain(`PidFile ${STATE}/private/sshd.pid`);
    expect(lines).toContain("StrictModes no");
    expect(lines).toContain(`AuthorizedKeysFile ${STATE}/keys/%u`);
    expect(lines).toContain(`HostKey ${STATE}/private/host-keys/ssh_host_ed25519_key`);
    expect(lines.filter((line) => line.startsWith("SetEnv "))).toEqual(['SetEnv "COLOR=blue"']);
  });

  test("puts no host key into /etc/ssh, not even where the image gave that to this user", async () => {
    const host = image({ "/etc/ssh/": SELF, "/etc/ssh/sshd_config": "" });
    expect((await bootRootless(host)).failure).toBeUndefined();
    expect(Object.keys(host.snapshot("/etc/ssh"))).toEqual(["/etc/ssh/sshd_config"]);
  });

  test("changes nothing of /etc as root either, where that is pinned", async () => {
    const host = createImage({ "/etc/shadow": "root:*:19000::::::\n" });
    const before = host.snapshot("/etc");
    const environment = { AUTHORIZED_KEYS: PERSON.line, PATH: "/app/bin:/bin" };
    const { plan, failure } = await bootOn(host, environment, { mode: "rootless" });
    expect(failure).toBeUndefined();
    expect(plan?.accounts.map(({ name }) => name)).toEqual(["root"]);
    expect(host.snapshot("/etc")).toEqual(before);
  });

  test("has the identity of the start before", async () => {
    const host = image();
    const first = await bootRootless(host);
    const again = host.restart();
    const second = await bootRootless(again);
    expect(identityOf(second.plan)).toEqual(identityOf(first.plan));
    expect(second.plan?.identity.keys.map(({ type, origin }) => `${origin} ${type}`)).toEqual([
      "restored ed25519",
      "restored ecdsa",
    ]);
  });

  test("makes no new identity beside host keys that it cannot read", async () => {
    const host = image({ ...storedKeys(), "/volume/.ssh/": SELF });
    const before = host.snapshot("/volume");
    const { plan, failure } = await bootRootless(host);
    expect(plan).toBeUndefined();
    expect(failure?.message).toContain("no host key on the volume can be used");
    expect(logOf(host).filter((line) => line.includes("no right to read it (EACCES)"))).toHaveLength(3);
    expect(host.snapshot("/volume")).toEqual(before);
  });

  test.each([
    ["a port below 1024", { WITHSSH_PORT: "22" }, "needs a port from 1024 on"],
    ["only other login users", { WITHSSH_USERS: "root,deploy" }, "nobody but app can log in"],
  ])("stops in words at %s", async (_, environment, words) => {
    const { plan, failure } = await bootRootless(image(), environment);
    expect(plan).toBeUndefined();
    expect(failure?.message).toContain(words);
  });
});
