/** The world in memory behaves as src/host.ts promises: tests that stand on it are worth what this is worth. */
import { expect, test } from "vitest";
import { isOsError } from "../../src/errors.ts";
import { CrashError, createFakeHost } from "../support/fake-host.ts";

const OP = "test";
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
  } catch (error) {
    if (isOsError(error)) return error.code;
    throw error;
  }
  return undefined;
};
const bytes = (text: string) => new TextEncoder().encode(text);

test("reading refuses links, fifos, directories and what is too big, as Dir says", () => {
  const host = createFakeHost({
    files: {
      "/d/file": "12345",
      "/d/link": { link: "file" },
      "/d/fifo": { fifo: true },
      "/d/sub/": { directory: true },
    },
  });
  const dir = host.openDir(OP, "/d");
  expect(new TextDecoder().decode(dir.read(OP, "file", 5).bytes)).toBe("12345");
  expect(codeOf(() => dir.read(OP, "file", 4))).toBe("EFBIG");
  expect(codeOf(() => dir.read(OP, "link", 9))).toBe("ELOOP");
  expect(codeOf(() => dir.read(OP, "fifo", 9))).toBe("EINVAL");
  expect(codeOf(() => dir.read(OP, "sub", 9))).toBe("EINVAL");
  expect(codeOf(() => dir.read(OP, "none", 9))).toBe("ENOENT");
  expect(dir.stat(OP, "link")?.kind).toBe("link");
  expect(codeOf(() => dir.openDir(OP, "link"))).toBe("ELOOP");
  expect(codeOf(() => dir.openDir(OP, "file"))).toBe("ENOTDIR");
});

test("only the host's openDir follows links", () => {
  const host = createFakeHost({ files: { "/a/b/file": "x", "/l": { link: "a/../a/b" }, "/loop": { link: "/loop" } } });
  expect(host.openDir(OP, "/l").list(OP)).toEqual(["file"]);
  expect(codeOf(() => host.openDir(OP, "/loop"))).toBe("ELOOP");
});

test("create and link never replace, rename does, and two names of one file stay both", () => {
  const host = createFakeHost({ files: { "/d/old": "old" } });
  const dir = host.openDir(OP, "/d");
  const plain = { mode: 0o600, sync: true };
  expect(codeOf(() => dir.create(OP, "old", bytes("new"), plain))).toBe("EEXIST");
  dir.create(OP, "new", bytes("new"), plain);
  expect(codeOf(() => dir.link(OP, "new", "old"))).toBe("EEXIST");
  dir.link(OP, "new", "too");
  dir.rename(OP, "new", "too");
  expect(dir.list(OP)).toEqual(["new", "old", "too"]);
  dir.rename(OP, "new", "old");
  expect(host.text("/d/old")).toBe("new");
  expect(host.snapshot("/d")).toEqual({ "/d/old": "file 0600 0:0 new", "/d/too": "file 0600 0:0 new" });
});

test("an unprivileged self is stopped by modes, a read-only mount stops root too", () => {
  const host = createFakeHost({ files: { "/d/": { mode: 0o755 }, "/d/secret": { text: "s", mode: 0o600 } } });
  const user = host.restart({ self: { uid: 1000, gid: 1000 } }).openDir(OP, "/d");
  expect(codeOf(() => user.read(OP, "secret", 9))).toBe("EACCES");
  expect(codeOf(() => user.create(OP, "x", bytes(""), { mode: 0o600, sync: false }))).toBe("EACCES");
  host.mount("/d").readOnly = true;
  expect(codeOf(() => host.openDir(OP, "/d").remove(OP, "secret"))).toBe("EROFS");
});

test("the second call of an operation can be failed, and only that one", () => {
  const host = createFakeHost({ files: { "/d/": {} } });
  host.failOn("save", 2, "EIO");
  const dir = host.openDir(OP, "/d");
  const save = (name: string) => dir.create("save", name, bytes(name), { mode: 0o600, sync: false });
  expect([codeOf(() => save("a")), codeOf(() => save("b")), codeOf(() => save("c"))]).toEqual([
    undefined,
    "EIO",
    undefined,
  ]);
  expect(dir.list(OP)).toEqual(["a", "c"]);
});

test("a crash strikes before, halfway or after the chosen mutation, and nothing works afterwards", () => {
  for (const [when, left] of [
    ["before", undefined],
    ["halfway", "12"],
    ["after", "1234"],
  ] as const) {
    const host = createFakeHost({ files: { "/d/": {} } });
    host.crashAt(1, when);
    const dir = host.openDir(OP, "/d");
    expect(() => dir.create(OP, "f", bytes("1234"), { mode: 0o600, sync: true })).toThrow(CrashError);
    expect(() => dir.list(OP)).toThrow(CrashError);
    expect(host.restart().text("/d/f")).toBe(left);
  }
});

test("a power cut takes what was not synced", () => {
  const host = createFakeHost({ files: { "/d/": {} } });
  const dir = host.openDir(OP, "/d");
  dir.create(OP, "kept", bytes("kept"), { mode: 0o600, sync: true });
  dir.create(OP, "empty", bytes("lost"), { mode: 0o600, sync: false });
  dir.sync(OP);
  dir.create(OP, "gone", bytes("gone"), { mode: 0o600, sync: true });
  host.cutPower();
  expect(host.snapshot("/d")).toEqual({ "/d/empty": "file 0600 0:0 ", "/d/kept": "file 0600 0:0 kept" });
});

test("helpers are found by basename, see their stdin, and may change the world", async () => {
  const host = createFakeHost({
    helpers: {
      tool: (argv, { host: at, stdin }) => {
        at.put("/made", argv.slice(1).join(" "));
        return stdin === undefined ? {} : { stdout: stdin };
      },
    },
  });
  const result = await host.run(OP, ["/usr/bin/tool", "a", "b"], { stdin: bytes("in") });
  expect([result.code, new TextDecoder().decode(result.stdout), host.text("/made")]).toEqual([0, "in", "a b"]);
  expect((await host.run(OP, ["/bin/none"])).code).toBe(127);
});

test("two hosts can share one volume", () => {
  const one = createFakeHost({ files: { "/volume/": { mount: {} } } });
  const two = createFakeHost();
  two.share("/volume", one);
  one.openDir(OP, "/volume").create(OP, "f", bytes("x"), { mode: 0o644, sync: true });
  expect(two.text("/volume/f")).toBe("x");
  expect(two.openDir(OP, "/volume").facts(OP).dev).not.toBe(two.openDir(OP, "/").facts(OP).dev);
});
