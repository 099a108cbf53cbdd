/**
 * One contract for `Dir`, held over both worlds: the real file system (src/native-dir.ts) and the one in memory that all
 * other tests trust (test/support/fake-dir.ts).
 */
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OsError } from "../../src/errors.ts";
import type { Dir } from "../../src/host.ts";
import { c, ptr } from "../../src/libc.ts";
import { openNativeDir } from "../../src/native-dir.ts";
import { createFakeHost } from "../support/fake-host.ts";

const OP = "test";
const RLIMIT_FSIZE = 1;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (dir: Dir, name: string) => new TextDecoder().decode(dir.read(OP, name, 1000).bytes);

interface World {
  readonly dir: Dir;
  /** Opens a directory by its whole path, here below our own. */
  open(path: string): Dir;
  file(name: string, content: string, mode?: number): void;
  directory(name: string): void;
  symlink(name: string, target: string): void;
  fifo(name: string): void;
  end(): void;
}

function createNativeWorld(): World {
  const root = mkdtempSync(`${tmpdir()}/withssh-dir-`);
  const dir = openNativeDir(OP, root);
  return {
    dir,
    open: (path) => openNativeDir(OP, `${root}${path}`),
    file: (name, content, mode = 0o644) => {
      writeFileSync(`${root}/${name}`, content);
      chmodSync(`${root}/${name}`, mode);
    },
    directory: (name) => mkdirSync(`${root}/${name}`, { mode: 0o755 }),
    symlink: (name, target) => symlinkSync(target, `${root}/${name}`),
    fifo: (name) => expect(Bun.spawnSync(["mkfifo", `${root}/${name}`]).exitCode).toBe(0),
    end: () => {
      dir.close();
      rmSync(root, { recursive: true });
    },
  };
}

function createFakeWorld(): World {
  const self = { uid: c.geteuid(), gid: c.getegid() };
  const host = createFakeHost({ files: { "/d/": { ...self } }, self });
  return {
    dir: host.openDir(OP, "/d"),
    open: (path) => host.openDir(OP, `/d${path}`),
    file: (name, content, mode = 0o644) => host.put(`/d/${name}`, { text: content, mode, ...self }),
    directory: (name) => host.put(`/d/${name}/`, { ...self }),
    symlink: (name, target) => host.put(`/d/${name}`, { link: target }),
    fifo: (name) => host.put(`/d/${name}`, { fifo: true, ...self }),
    end: () => {},
  };
}

/** The errno name that a call failed with; undefined when it did not fail. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof OsError) return error.code;
    throw error;
  }
}

describe.each([
  ["on the real file system", createNativeWorld],
  ["in memory", createFakeWorld],
])("an open directory %s", (_name, createWorld) => {
  let world: World;
  let dir: Dir;
  let umask: number;
  beforeEach(() => {
    world = createWorld();
    dir = world.dir;
    umask = c.umask(0o022);
  });
  afterEach(() => {
    c.umask(umask);
    world.end();
  });

  test.each([0, 0o022, 0o027, 0o077])("gives new files and directories exactly their mode under umask %i", (mask) => {
    c.umask(mask);
    for (const mode of [0o600, 0o640, 0o644, 0o755, 0o700]) {
      dir.create(OP, `f${mode}`, bytes("x"), { mode, sync: true });
      expect(dir.makeDir(OP, `d${mode}`, mode)).toBe(true);
      expect([dir.stat(OP, `f${mode}`)?.mode, dir.stat(OP, `d${mode}`)?.mode]).toEqual([mode, mode]);
    }
  });

  test("creates a file whole and new: what stands there is never written to, a link least of all", () => {
    world.file("old", "old");
    world.symlink("dangling", "nowhere");
    world.directory("sub");
    for (const name of ["old", "dangling", "sub"]) {
      expect(codeOf(() => dir.create(OP, name, bytes("new"), { mode: 0o600, sync: false }))).toBe("EEXIST");
    }
    dir.create(OP, "new", bytes("new"), { mode: 0o600, sync: false });
    expect([text(dir, "old"), text(dir, "new")]).toEqual(["old", "new"]);
    expect(dir.list(OP)).toEqual(["dangling", "new", "old", "sub"]);
  });

  test.skipIf(c.geteuid() !== 0)("gives a new file its owner before its mode, and an old one another", () => {
    dir.create(OP, "f", bytes("x"), { mode: 0o640, owner: { uid: 12, gid: 34 }, sync: false });
    expect(dir.stat(OP, "f")).toMatchObject({ uid: 12, gid: 34, mode: 0o640 });
    dir.chown(OP, "f", { uid: 56, gid: 78 });
    expect(dir.stat(OP, "f")).toMatchObject({ uid: 56, gid: 78, mode: 0o640 });
  });

  test("reads regular files only: no link, no directory, and a fifo without a writer does not hang", () => {
    world.file("file", "content");
    world.symlink("link", "file");
    world.symlink("dangling", "nowhere");
    world.directory("sub");
    world.fifo("fifo");
    expect(text(dir, "file")).toBe("content");
    const read = (name: string) => codeOf(() => dir.read(OP, name, 1000));
    expect({
      ...Object.fromEntries(["link", "dangling", "sub", "fifo", "none"].map((name) => [name, read(name)])),
    }).toEqual({
      link: "ELOOP",
      dangling: "ELOOP",
      sub: "EINVAL",
      fifo: "EINVAL",
      none: "ENOENT",
    });
  });

  test("reads up to its limit and not one byte more", () => {
    world.file("ten", "0123456789");
    world.file("empty", "");
    expect(dir.read(OP, "ten", 10).bytes).toHaveLength(10);
    expect(codeOf(() => dir.read(OP, "ten", 9))).toBe("EFBIG");
    expect(dir.read(OP, "empty", 0).bytes).toHaveLength(0);
  });

  test("tells the mount of a file on demand, which is its directory's own", () => {
    world.file("file", "content");
    const { mount, ...content } = dir.readMounted(OP, "file", 9);
    expect(mount).toEqual(dir.mount(OP));
    expect(content).toEqual(dir.read(OP, "file", 9));
  });

  test("tells what is there without following a link", () => {
    world.file("file", "12345", 0o640);
    world.symlink("link", "file");
    world.fifo("fifo");
    expect(dir.stat(OP, "file")).toMatchObject({ kind: "file", mode: 0o640, size: 5 });
    expect(dir.read(OP, "file", 9).facts).toEqual(dir.stat(OP, "file"));
    expect(dir.stat(OP, "link")).toMatchObject({ kind: "link", size: 4 });
    expect(dir.stat(OP, "fifo")?.kind).toBe("other");
    expect(dir.stat(OP, "none")).toBeUndefined();
    expect(dir.facts(OP)).toMatchObject({ kind: "directory", uid: c.geteuid() });
    expect(dir.stat(OP, "file")?.dev).toBe(dir.facts(OP).dev);
  });

  test("opens a directory below, never through a link, and makes one once", () => {
    world.file("file", "x");
    expect([dir.makeDir(OP, "sub", 0o700), dir.makeDir(OP, "sub", 0o755)]).toEqual([true, false]);
    world.symlink("link", "sub");
    expect(dir.stat(OP, "sub")?.mode).toBe(0o700);
    const sub = dir.openDir(OP, "sub");
    sub.create(OP, "in", bytes("x"), { mode: 0o600, sync: false });
    expect([sub.list(OP), sub.path]).toEqual([["in"], `${dir.path}/sub`]);
    sub.close();
    expect(codeOf(() => dir.openDir(OP, "link"))).toMatch(/^(?:ELOOP|ENOTDIR)$/);
    expect(codeOf(() => dir.openDir(OP, "file"))).toBe("ENOTDIR");
    expect(codeOf(() => dir.openDir(OP, "none"))).toBe("ENOENT");
    expect([dir.makeDir(OP, "link", 0o755), dir.makeDir(OP, "file", 0o755)]).toEqual([false, false]);
    const through = world.open("/link");
    expect(through.list(OP)).toEqual(["in"]);
    through.close();
  });

  test("links without replacing, and renames with replacing a link itself", () => {
    world.file("a", "a");
    world.file("b", "b");
    world.symlink("link", "b");
    expect(codeOf(() => dir.link(OP, "a", "b"))).toBe("EEXIST");
    expect(codeOf(() => dir.link(OP, "a", "link"))).toBe("EEXIST");
    expect(codeOf(() => dir.link(OP, "none", "c"))).toBe("ENOENT");
    dir.link(OP, "a", "c");
    expect(dir.stat(OP, "a")?.ino).toBe(dir.stat(OP, "c")?.ino);
    dir.rename(OP, "a", "c");
    expect(dir.list(OP)).toEqual(["a", "b", "c", "link"]);
    dir.rename(OP, "a", "link");
    expect([text(dir, "link"), text(dir, "b"), dir.list(OP)]).toEqual(["a", "b", ["b", "c", "link"]]);
  });

  test("puts no file in a directory's place, nor a directory in a file's", () => {
    world.file("file", "x");
    world.directory("sub");
    world.directory("full");
    const full = dir.openDir(OP, "full");
    full.create(OP, "in", bytes("x"), { mode: 0o600, sync: false });
    full.close();
    expect(codeOf(() => dir.rename(OP, "file", "sub"))).toBe("EISDIR");
    expect(codeOf(() => dir.rename(OP, "sub", "file"))).toBe("ENOTDIR");
    expect(codeOf(() => dir.rename(OP, "sub", "full"))).toBe("ENOTEMPTY");
    expect(codeOf(() => dir.rename(OP, "none", "file"))).toBe("ENOENT");
  });

  test("removes files and links, not what a link points to, and no directory", () => {
    world.file("file", "x");
    world.symlink("link", "file");
    world.directory("sub");
    dir.remove(OP, "link");
    expect(codeOf(() => dir.remove(OP, "sub"))).toBe("EISDIR");
    expect(codeOf(() => dir.remove(OP, "none"))).toBe("ENOENT");
    expect(dir.list(OP)).toEqual(["file", "sub"]);
  });

  test("changes modes and owners of what is there, never through a link", () => {
    world.file("file", "x", 0o600);
    world.symlink("link", "file");
    const { uid, gid } = dir.facts(OP);
    expect(codeOf(() => dir.chmod(OP, "link", 0o777))).toBe("ELOOP");
    expect(codeOf(() => dir.chown(OP, "link", { uid, gid }))).toBe("ELOOP");
    expect(dir.stat(OP, "file")?.mode).toBe(0o600);
    dir.chmod(OP, "file", 0o444);
    expect(dir.stat(OP, "file")?.mode).toBe(0o444);
  });

  test("lists names by their bytes, also where text would sort otherwise", () => {
    const names = ["\u{1f511}", "\uff5e", "é", "z", "Z", "a", "_", ".dot", "a b"];
    for (const name of names) world.file(name, "");
    expect(dir.list(OP)).toEqual([".dot", "Z", "_", "a", "a b", "z", "é", "\uff5e", "\u{1f511}"]);
    expect(dir.list(OP)).toEqual([".dot", "Z", "_", "a", "a b", "z", "é", "\uff5e", "\u{1f511}"]);
  });

  test.each(["", ".", "..", "a/b", "../x", "/etc/passwd"])("refuses %j as a name in every call", (name) => {
    world.directory("a");
    world.file("f", "x");
    const before = dir.list(OP);
    const calls = [
      () => dir.openDir(OP, name),
      () => dir.makeDir(OP, name, 0o755),
      () => dir.read(OP, name, 9),
      () => dir.stat(OP, name),
      () => dir.create(OP, name, bytes(""), { mode: 0o600, sync: false }),
      () => dir.link(OP, "f", name),
      () => dir.link(OP, name, "g"),
      () => dir.rename(OP, "f", name),
      () => dir.rename(OP, name, "g"),
      () => dir.remove(OP, name),
      () => dir.chmod(OP, name, 0o600),
      () => dir.chown(OP, name, { uid: 0, gid: 0 }),
    ];
    for (const [at, call] of calls.entries()) expect(call, String(at)).toThrow();
    expect(dir.list(OP)).toEqual(before);
  });
});

test("an open directory stays the same one when its path becomes a link to another", () => {
  const world = createNativeWorld();
  world.directory("mine");
  world.directory("theirs");
  const mine = world.dir.openDir(OP, "mine");
  world.dir.rename(OP, "mine", "moved");
  world.symlink("mine", "theirs");
  mine.create(OP, "secret", bytes("s"), { mode: 0o600, sync: true });
  mine.sync(OP);
  mine.close();
  const [theirs, moved] = [world.open("/theirs"), world.open("/moved")];
  expect([theirs.list(OP), moved.list(OP), readlinkSync(`${world.dir.path}/mine`)]).toEqual([[], ["secret"], "theirs"]);
  theirs.close();
  moved.close();
  world.end();
});

test("a file that cannot be written to its end is not left behind half", () => {
  const world = createNativeWorld();
  const limit = new BigUint64Array(2);
  c.prlimit(0, RLIMIT_FSIZE, null, ptr(limit));
  // A write beyond RLIMIT_FSIZE is cut there, and the next fails (setrlimit(2)); SIGXFSZ is ignored by the runtime.
  c.prlimit(0, RLIMIT_FSIZE, ptr(new BigUint64Array([4n, limit[1] ?? 0n])), null);
  try {
    expect(codeOf(() => world.dir.create(OP, "half", bytes("12345678"), { mode: 0o600, sync: false }))).toBe("EFBIG");
  } finally {
    c.prlimit(0, RLIMIT_FSIZE, ptr(limit), null);
  }
  expect(world.dir.list(OP)).toEqual([]);
  world.end();
});
