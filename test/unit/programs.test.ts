import { describe, expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { findSshd } from "../../src/find-sshd.ts";
import type { Host } from "../../src/host.ts";
import { findPrograms, makePrivsepDirectory } from "../../src/programs.ts";
import { createFakeHost, type FakeHostOptions } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const PROGRAM = { mode: 0o755 };
const sshd = (text: string) => ({ text, ...PROGRAM });
const world = (files: Record<string, Seed>, options: FakeHostOptions = {}) => createFakeHost({ files, ...options });
/** Both stages, as a boot runs them. */
const find = async (host: Host, named?: string) => await findPrograms(host, findSshd(host, named));

describe("sshd's release", () => {
  test.each([
    ["Debian's words in the file", "junk\0OpenSSH_9.2p1 Debian-2+deb12u3\0", { major: 9, minor: 2 }],
    [
      "the file's own among others' that it is compatible with",
      "OpenSSH_6.6*\0OpenSSH_7.0\0OpenSSH_10.0p2\0",
      { major: 10, minor: 0 },
    ],
  ])("is read from %s, and nothing is run for it", async (_title, text, version) => {
    const host = world({ "/usr/sbin/sshd": sshd(text) });
    expect((await find(host)).version).toEqual(version);
    expect(host.calls.filter(({ call }) => call === "run")).toEqual([]);
  });

  test("is asked for where the file does not say it, on stderr as old ones do", async () => {
    const stderr = new TextEncoder().encode("unknown option -- V\nOpenSSH_8.9p1 Ubuntu-3, OpenSSL 3\n");
    const host = world({ "/usr/sbin/sshd": sshd("") }, { helpers: { sshd: () => ({ code: 1, stderr }) } });
    expect((await find(host)).version).toEqual({ major: 8, minor: 9 });
    expect(host.calls.flatMap(({ argv }) => argv ?? [])).toEqual(["/usr/sbin/sshd", "-V"]);
  });

  test("is read from the file that a link ends at, with its privilege separation directory", async () => {
    const real = "/opt/openssh/sbin/sshd";
    const files = {
      [real]: sshd("OpenSSH_9.7p1\0/run/sshd\0"),
      "/usr/sbin/sshd": { link: real },
    };
    const found = await find(world(files, { helpers: { sshd: () => ({ code: 1 }) } }));
    expect(found).toMatchObject({ version: { major: 9, minor: 7 }, privsepDirectory: "/run/sshd" });
  });

  test("is the oldest that we know where nobody says it", async () => {
    const host = world({ "/usr/sbin/sshd": sshd("") }, { helpers: { sshd: () => ({ code: 1 }) } });
    expect((await find(host)).version).toEqual({ major: 8, minor: 4 });
  });
});

describe("the programs", () => {
  test("are found where distributions put them; what is missing is undefined", async () => {
    const host = world({
      "/usr/local/sbin/sshd": sshd("OpenSSH_9.9p1\0"),
      "/usr/lib/ssh/sftp-server": PROGRAM,
      "/usr/bin/ssh-keygen": { mode: 0o644 },
    });
    expect(await find(host)).toEqual({
      sshd: "/usr/local/sbin/sshd",
      version: { major: 9, minor: 9 },
      keygen: undefined,
      sftpServer: "/usr/lib/ssh/sftp-server",
      privsepDirectory: undefined,
    });
  });

  test("a named sshd is taken, and beside it no other", async () => {
    const files = { "/usr/sbin/sshd": sshd("OpenSSH_9.2p1\0"), "/opt/sshd": sshd("OpenSSH_8.8p1\0") };
    expect(await find(world(files), "/opt/sshd")).toMatchObject({ sshd: "/opt/sshd", version: { minor: 8 } });
    await expect(find(world(files), "/opt/none")).rejects.toThrow("WITHSSH_SSHD: /opt/none cannot be run");
  });

  test("without sshd it is a stage that failed, with what to install", async () => {
    const error = await find(world({})).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StageError);
    expect((error as StageError).problem.hint).toMatch(/Debian.*Alpine.*Fedora/);
  });
});

describe("what sshd executes for each connection", () => {
  const words = "OpenSSH_10.0p1\0/usr/lib/ssh/sshd-session\0/usr/lib/ssh/sshd-auth\0";

  test("is looked for where this sshd's file says", async () => {
    const files = {
      "/usr/sbin/sshd": sshd(words),
      "/usr/lib/ssh/sshd-session": PROGRAM,
      "/usr/lib/ssh/sshd-auth": PROGRAM,
    };
    expect(await find(world(files))).toMatchObject({ version: { major: 10 } });
  });

  test.each([
    ["sshd-session", { "/usr/lib/ssh/sshd-auth": PROGRAM, "/usr/lib/openssh/sshd-session": PROGRAM }],
    ["sshd-auth", { "/usr/lib/ssh/sshd-session": PROGRAM, "/usr/lib/ssh/sshd-auth": { mode: 0o644 } }],
  ])("is named with its package when %s is not there", async (name, files) => {
    const error = await find(world({ "/usr/sbin/sshd": sshd(words), ...files })).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StageError);
    expect((error as StageError).problem).toEqual({
      what: `/usr/sbin/sshd needs /usr/lib/ssh/${name}, which cannot be run`,
      hint: expect.stringMatching(/Debian: .*openssh-server · Alpine: .*openssh · Fedora: .*openssh-server/),
    });
  });

  test("is not asked of an sshd that does all by itself, whatever else its file speaks of", async () => {
    const host = world({ "/usr/sbin/sshd": sshd("OpenSSH_9.2p1\0see lib/sshd-session\0") });
    expect(await find(host)).toMatchObject({ version: { major: 9, minor: 2 } });
  });
});

describe("the privilege separation directory", () => {
  test.each([
    ["/run/sshd", "Debian"],
    ["/var/empty", "Alpine"],
    ["/usr/share/empty.sshd", "Fedora"],
  ])("%s is read from the file of %s's sshd", async (path) => {
    const host = world({ "/usr/sbin/sshd": sshd(`OpenSSH_9.2p1\0${path}\0`) });
    expect((await find(host)).privsepDirectory).toBe(path);
  });

  test("a path that only begins so is not it", async () => {
    const host = world({ "/usr/sbin/sshd": sshd("OpenSSH_9.2p1\0/run/sshd.pid\0/x/run/sshd\0") });
    expect((await find(host)).privsepDirectory).toBeUndefined();
  });

  test("is made where it is missing and left alone where it is", () => {
    const host = world({ "/run/": {}, "/var/empty/": { mode: 0o555 } });
    makePrivsepDirectory(host, "/run/sshd");
    makePrivsepDirectory(host, "/var/empty");
    expect([host.snapshot("/run"), host.snapshot("/var")]).toEqual([
      { "/run/sshd": "directory 0755 0:0" },
      { "/var/empty": "directory 0555 0:0" },
    ]);
    expect(host.openDirs()).toEqual([]);
  });
});
