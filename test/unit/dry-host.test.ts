/** A boot on a dry host: it comes to the same as a real one, and the world below stays as it was. */
import { describe, expect, test } from "vitest";
import { createDryHost, type DryHost, type MemoryFiles } from "../../src/dry-host.ts";
import { isOsError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import { bootOn, createImage, identityOf, PERSON } from "../support/boot-world.ts";
import type { FakeHost } from "../support/fake-host.ts";
import { storedKeys } from "../support/host-key-world.ts";

/** Where this world keeps memory files: helpers of the fake host can open them there. */
const MEMORY = "/memory";

function memoryOf(base: FakeHost): MemoryFiles & { readonly given: Map<string, string> } {
  const given = new Map<string, string>();
  return {
    given,
    put(bytes, mode) {
      const path = `${MEMORY}/${given.size}`;
      given.set(path, Buffer.from(bytes).toString("latin1"));
      if (bytes.length > 0) base.put(path, { bytes, mode });
      return path;
    },
    read: (path) => base.bytes(path) ?? new Uint8Array(),
  };
}

function dryOn(base: FakeHost, refuses: (path: string) => string | undefined = () => undefined) {
  const memory = memoryOf(base);
  return { memory, host: createDryHost(base, { refuses, memory }) };
}

const worldOf = (base: FakeHost) =>
  Object.fromEntries(Object.entries(base.snapshot()).filter(([path]) => !path.startsWith(MEMORY)));
const bootDry = (host: DryHost, environment?: Record<string, string>) => bootOn(host as never as FakeHost, environment);
const textOf = (host: Host, path: string, name: string) =>
  Buffer.from(host.openDir("look", path).read("look", name, 1 << 20).bytes).toString("latin1");

describe("a boot on a dry host", () => {
  test("of a fresh image makes an identity and a config in memory, and leaves every file as it was", async () => {
    const base = createImage({
      "/etc/shadow": { text: "root:*:1::::::\napp:!:1::::::\n", mode: 0o640 },
      "/home/app/": undefined,
    });
    const before = worldOf(base);
    const { host } = dryOn(base);
    const { plan, failure } = await bootDry(host, {
      AUTHORIZED_KEYS: PERSON.line,
      WITHSSH_USERS: "app",
      PATH: "/usr/bin",
    });
    expect(failure).toBeUndefined();
    expect(plan?.identity.keys.map(({ type }) => type)).toEqual(["ed25519", "ecdsa"]);
    expect(textOf(host, "/run/withssh/private", "sshd_config")).toContain("Port 2222\n");
    expect(textOf(host, "/run/withssh/keys", "app")).toContain("ssh-ed25519 ");
    expect(textOf(host, "/etc", "shadow")).toContain("app:*:");
    expect(host.openDir("look", "/home/app").facts("look").kind).toBe("directory");
    expect(worldOf(base)).toEqual(before);
  });

  test("of a volume with keys comes to the identity that a real start comes to", async () => {
    const real = await bootOn(createImage(storedKeys()));
    const base = createImage(storedKeys());
    const before = worldOf(base);
    const { plan } = await bootDry(dryOn(base).host);
    expect(identityOf(plan)).toEqual(identityOf(real.plan));
    expect(plan?.written).toEqual(real.plan?.written);
    expect(worldOf(base)).toEqual(before);
  });

  test("fails where a real one fails: on a read-only place", async () => {
    const refuses = (path: string) => (path === "/run" ? "EROFS" : undefined);
    const { failure } = await bootDry(dryOn(createImage(), refuses).host);
    expect(failure).toMatchObject({ stage: "openStateDirectory", problem: { saw: "/run/withssh: EROFS" } });
  });
});

describe("a helper", () => {
  test("gets memory files in place of ours, inside a config too, and its words name ours again", async () => {
    let asked = "";
    const sshd = (argv: readonly string[]) => {
      asked = argv.join(" ");
      return { code: 1, stderr: Buffer.from(`${argv[3]}: line 2: no\n`) };
    };
    const base = createImage({}, { helpers: { sshd } });
    const { host, memory } = dryOn(base);
    const run = host.openDir("make", "/run");
    run.create("make", "host_key", Buffer.from("KEY"), { mode: 0o600, sync: false });
    run.create("make", "config", Buffer.from("HostKey /run/host_key\nOther /run/host_key.pub\n"), {
      mode: 0o600,
      sync: false,
    });
    const { stderr } = await host.run("test", ["/usr/sbin/sshd", "-t", "-f", "/run/config"]);
    expect(asked).toBe(`/usr/sbin/sshd -t -f ${MEMORY}/1`);
    expect([...memory.given.values()]).toEqual(["KEY", `HostKey ${MEMORY}/0\nOther /run/host_key.pub\n`]);
    expect(Buffer.from(stderr).toString()).toBe("/run/config: line 2: no\n");
  });
});

describe("a dry directory", () => {
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (isOsError(error)) return error.code;
      throw error;
    }
    return "done";
  };

  test("sees its own writes, by every path that leads to it", () => {
    const base = createImage({ "/run/there": "old", "/var/run": { link: "/run" } });
    const { host } = dryOn(base);
    const run = host.openDir("x", "/run");
    run.rename("x", "there", "moved");
    run.makeDir("x", "made", 0o700);
    run.openDir("x", "made").create("x", "file", Buffer.from("new"), { mode: 0o600, sync: false });
    const other = host.openDir("x", "/var/run");
    expect(other.list("x")).toEqual(["made", "moved"]);
    expect(Buffer.from(other.read("x", "moved", 10).bytes).toString()).toBe("old");
    expect(host.openDir("x", "/run/made").stat("x", "file")).toMatchObject({ kind: "file", mode: 0o600, size: 3 });
    run.chmod("x", "moved", 0o600);
    run.chown("x", "moved", { uid: 5, gid: 6 });
    expect(run.stat("x", "moved")).toMatchObject({ mode: 0o600, uid: 5, gid: 6 });
    run.remove("x", "moved");
    expect(base.text("/run/there")).toBe("old");
    expect(run.list("x")).toEqual(["made"]);
  });

  test("refuses what a real one refuses", () => {
    const { host } = dryOn(createImage({ "/run/file": "x", "/run/link": { link: "file" }, "/run/dir/": {} }));
    const run = host.openDir("x", "/run");
    const make = (name: string) => () => run.create("x", name, new Uint8Array(), { mode: 0o600, sync: false });
    expect(codeOf(make("file"))).toBe("EEXIST");
    expect(codeOf(() => run.link("x", "file", "dir"))).toBe("EEXIST");
    expect(codeOf(() => run.remove("x", "dir"))).toBe("EISDIR");
    expect(codeOf(() => run.remove("x", "nothing"))).toBe("ENOENT");
    expect(codeOf(() => run.read("x", "link", 10))).toBe("ELOOP");
    expect(codeOf(() => run.chmod("x", "link", 0o600))).toBe("ELOOP");
    expect(codeOf(() => run.openDir("x", "nothing"))).toBe("ENOENT");
    expect(codeOf(() => host.openDir("x", "/run/no/such"))).toBe("ENOENT");
    run.remove("x", "file");
    expect(codeOf(() => run.read("x", "file", 10))).toBe("ENOENT");
    expect(codeOf(make("file"))).toBe("done");
  });
});
