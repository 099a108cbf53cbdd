import { describe, expect, test } from "vitest";
import { OsError, StageError } from "../../src/errors.ts";
import { openPrivatePart, openStateDirectory, putFile, replaceFile } from "../../src/state-directory.ts";
import { createFakeHost, type FakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const world = (files: Record<string, Seed> = { "/run/": {} }) => createFakeHost({ files });
const OURS = {
  "/run/withssh": "directory 0755 0:0",
  "/run/withssh/keys": "directory 0755 0:0",
  "/run/withssh/private": "directory 0700 0:0",
};

describe("the state directory", () => {
  test("is made with its two parts, and found again", () => {
    const host = world();
    for (const at of [host, host.restart()]) {
      const { keys, private: own } = openStateDirectory(at);
      expect([keys.path, own.path, at.openDirs()]).toEqual([
        "/run/withssh/keys",
        "/run/withssh/private",
        ["/run/withssh/keys", "/run/withssh/private"],
      ]);
      expect(at.snapshot("/run")).toEqual(OURS);
    }
  });

  test("an image without /run gets it", () => {
    const host = world({});
    openStateDirectory(host);
    expect(host.snapshot()).toEqual({ "/run": "directory 0755 0:0", ...OURS });
  });

  test.each<[string, Record<string, Seed>, RegExp]>([
    ["a /run that everyone may write", { "/run/": { mode: 0o777 } }, /^\/run is there.*mode 777/],
    ["a /run of somebody else", { "/run/": { uid: 7, mode: 0o1777 } }, /^\/run is there.*uid 7/],
    ["a state directory of somebody else", { "/run/withssh/": { uid: 7 } }, /^\/run\/withssh is there.*uid 7/],
    ["a state directory that a group may write", { "/run/withssh/": { mode: 0o775 } }, /mode 775/],
    [
      "keys of somebody else",
      { "/run/withssh/": {}, "/run/withssh/keys/": { uid: 7 } },
      /^\/run\/withssh\/keys is there/,
    ],
    [
      "a private part that others may read",
      { "/run/withssh/": {}, "/run/withssh/private/": { mode: 0o740 } },
      /mode 740/,
    ],
    ["a file in its place", { "/run/withssh": "x" }, /cannot be used.*ENOTDIR/],
    ["a link in its place", { "/run/withssh": { link: "/tmp" }, "/tmp/": {} }, /cannot be used.*(?:ELOOP|ENOTDIR)/],
    [
      "a link in the place of its private part",
      { "/run/withssh/": {}, "/run/withssh/private": { link: "/tmp" }, "/tmp/": {} },
      /ELOOP|ENOTDIR/,
    ],
  ])("%s is refused, and nothing is written there", (_title, files, message) => {
    const host = world(files);
    const before = JSON.stringify(host.snapshot("/tmp"));
    expect(() => openStateDirectory(host)).toThrow(message);
    expect(() => openStateDirectory(host.restart())).toThrow(StageError);
    expect(JSON.stringify(host.snapshot("/tmp"))).toBe(before);
  });
});

describe("its private part alone", () => {
  test("is made without the other, with the same mode", () => {
    const host = world();
    openPrivatePart(host).close();
    expect(host.openDirs()).toEqual([]);
    const { "/run/withssh/keys": _, ...without } = OURS;
    expect(host.snapshot("/run")).toEqual(without);
  });

  test("is refused where others can look into it", () => {
    const host = world({ "/run/": {}, "/run/withssh/": {}, "/run/withssh/private/": { mode: 0o755 } });
    expect(() => openPrivatePart(host)).toThrow(/others can write to it/);
  });
});

describe("replacing a file", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test("gives a reader the old or the new, and the new has the given mode", () => {
    const host = world({ "/d/": {}, "/d/f": { text: "old", mode: 0o644 } });
    const seen: (string | undefined)[] = [];
    host.onCall = () => void seen.push(host.text("/d/f"));
    replaceFile(host.openDir("test", "/d"), "test", "f", bytes("new"), 0o600);
    expect(new Set(seen)).toEqual(new Set(["old"]));
    expect(host.snapshot("/d")).toEqual({ "/d/f": "file 0600 0:0 new" });
  });

  test("replaces a link and never writes through it", () => {
    const host = world({ "/d/": {}, "/d/f": { link: "/etc/passwd" }, "/etc/passwd": "p" });
    replaceFile(host.openDir("test", "/d"), "test", "f", bytes("new"), 0o600);
    expect([host.text("/d/f"), host.text("/etc/passwd")]).toEqual(["new", "p"]);
  });

  test("begins anew over what a killed start left", () => {
    const host = world({ "/d/": {}, "/d/.f.new": { text: "ha", mode: 0o666 } });
    replaceFile(host.openDir("test", "/d"), "test", "f", bytes("new"), 0o600);
    expect(host.snapshot("/d")).toEqual({ "/d/f": "file 0600 0:0 new" });
  });

  test("that fails leaves the old one and nothing beside it", () => {
    const host = world({ "/d/": {}, "/d/f": "old" });
    host.failOn({ call: "rename" }, 1, "EIO");
    expect(() => replaceFile(host.openDir("test", "/d"), "test", "f", bytes("new"), 0o600)).toThrow(OsError);
    expect(host.snapshot("/d")).toEqual({ "/d/f": "file 0644 0:0 old" });
  });
});

describe("putting a file where nobody reads one yet", () => {
  const bytes = new TextEncoder().encode("new");
  const put = (host: FakeHost) => putFile(host.openDir("test", "/d"), "test", "f", bytes, 0o600);

  test("makes it in its place, without another name", () => {
    const host = world({ "/d/": {} });
    const names = new Set<string>();
    host.onCall = () => {
      for (const name of Object.keys(host.snapshot("/d"))) names.add(name);
    };
    put(host);
    expect(host.snapshot("/d")).toEqual({ "/d/f": "file 0600 0:0 new" });
    expect([...names]).not.toContain("/d/.f.new");
  });

  test("replaces what is there in one step, a link as well", () => {
    const host = world({ "/d/": {}, "/d/f": { link: "/etc/passwd" }, "/etc/passwd": "p" });
    put(host);
    expect(host.snapshot("/d")).toEqual({ "/d/f": "file 0600 0:0 new" });
    expect(host.text("/etc/passwd")).toBe("p");
  });

  test("that fails leaves nothing there", () => {
    const host = world({ "/d/": { mount: { full: true } } });
    expect(() => put(host)).toThrow(OsError);
    expect(host.snapshot("/d")).toEqual({});
  });
});
