import { expect, test } from "vitest";
import type { KeyFileTrust } from "../../src/key-file.ts";
import { readKeyFile } from "../../src/key-file.ts";
import type { FakeHostOptions } from "../support/fake-host.ts";
import { createFakeHost } from "../support/fake-host.ts";

const PATH = "/volume/.ssh/authorized_keys";
const APP: KeyFileTrust = { user: "app", uid: 1000 };

function read(files: FakeHostOptions["files"], trust = APP, path = PATH) {
  const host = createFakeHost({ files: files ?? {} });
  const result = readKeyFile(host, path, trust);
  expect(host.openDirs()).toEqual([]);
  expect(host.mutations()).toBe(0);
  if (result.kind === "refused") return result.problem;
  const [file] = result.kind === "files" ? result.files : [];
  return file !== undefined && "text" in file ? { kind: "text", text: file.text } : result;
}

/** Every file of a directory source: its text, or what was wrong. */
function readAll(files: FakeHostOptions["files"], path = "/keys") {
  const host = createFakeHost({ files: files ?? {} });
  const result = readKeyFile(host, path, APP);
  expect(host.openDirs()).toEqual([]);
  if (result.kind !== "files") return result;
  return Object.fromEntries(result.files.map((file) => [file.path, "text" in file ? file.text : file.problem.what]));
}

test("a file of root or of the login user, in directories of theirs, is read", () => {
  expect(read({ [PATH]: "keys" })).toEqual({ kind: "text", text: "keys" });
  const his = { uid: 1000, mode: 0o600, text: "keys" };
  expect(read({ "/volume/": { uid: 1000 }, "/volume/.ssh/": { uid: 1000, mode: 0o700 }, [PATH]: his })).toEqual({
    kind: "text",
    text: "keys",
  });
});

test("a missing file or directory is absent, not refused", () => {
  expect(read({ "/volume/": {} })).toEqual({ kind: "absent" });
  expect(read({})).toEqual({ kind: "absent" });
});

test.each([
  ["the file belongs to another user", { [PATH]: { uid: 1001 } }, `${PATH} belongs to somebody else than root or app`],
  ["the file is group-writable", { [PATH]: { mode: 0o664 } }, `${PATH} can be written by others`],
  ["the file is world-writable", { [PATH]: { mode: 0o646 } }, `${PATH} can be written by others`],
  [
    "a parent is another user's",
    { "/volume/": { uid: 33 }, [PATH]: "x" },
    "/volume belongs to somebody else than root or app",
  ],
  ["a parent is writable", { "/volume/": { mode: 0o775 }, [PATH]: "x" }, "/volume can be written by others"],
  [
    "the nearest parent is writable",
    { "/volume/.ssh/": { mode: 0o777 }, [PATH]: "x" },
    "/volume/.ssh can be written by others",
  ],
  ["it is a link", { "/k": "x", [PATH]: { link: "/k" } }, `${PATH} is a link`],
  ["a parent is a link", { "/v/authorized_keys": "x", "/volume/.ssh": { link: "/v" } }, "/volume/.ssh is a link"],
  ["it is a fifo", { [PATH]: { fifo: true } }, `${PATH} is no regular file`],
  ["it is huge", { [PATH]: { bytes: new Uint8Array(16 * 1024 * 1024 + 1) } }, `${PATH} is too big for a file of keys`],
] as const)("refused when %s, with the path and what to do", (_name, files, what) => {
  const problem = read(files);
  expect(problem).toMatchObject({ what });
  expect(problem).toHaveProperty("hint");
});

test("a refusal for owner or mode says that a read-only mount would do", () => {
  for (const seed of [{ uid: 1001 }, { mode: 0o666 }]) {
    expect(read({ [PATH]: seed })).toMatchObject({ hint: expect.stringContaining("mount it read-only (:ro)") });
  }
});

test("a file of one login user does not decide about root", () => {
  const files = { [PATH]: { uid: 1000 } };
  expect(read(files)).toMatchObject({ kind: "text" });
  expect(read(files, { user: "root", uid: 0 })).toMatchObject({ saw: "uid 1000" });
});

test("below a sticky shared directory a trusted directory is trusted, a file right in it is not", () => {
  const tmp = { "/tmp/": { mode: 0o1777 } };
  expect(read({ ...tmp, "/tmp/k/a": "x" }, APP, "/tmp/k/a")).toMatchObject({ kind: "text" });
  expect(read({ ...tmp, "/tmp/a": "x" }, APP, "/tmp/a")).toMatchObject({ what: "/tmp can be written by others" });
  expect(read({ ...tmp, "/tmp/k/": { uid: 5 }, "/tmp/k/a": "x" }, APP, "/tmp/k/a")).toMatchObject({ saw: "uid 5" });
});

const READ_ONLY = { mount: { readOnly: true } };

test("on a read-only mount owners and modes do not count, also where its own parents are anybody's", () => {
  const theirs = { mode: 0o777, uid: 5 };
  const files = { "/volume/": theirs, "/volume/.ssh/": { ...READ_ONLY, ...theirs }, [PATH]: { ...theirs, text: "x" } };
  expect(read(files)).toEqual({ kind: "text", text: "x" });
});

test("a read-only parent says nothing of a writable mount below it", () => {
  const files = { "/volume/": READ_ONLY, "/volume/.ssh/": { mount: {} }, [PATH]: { uid: 5, text: "x" } };
  expect(read(files)).toMatchObject({ saw: "uid 5" });
});

test("links inside a read-only mount are followed, as Kubernetes swaps them", () => {
  const mount = {
    "/keys/": { ...READ_ONLY, mode: 0o777, uid: 5 },
    "/keys/..data": { link: "..2026_01" },
    "/keys/..2026_01/": {},
    "/keys/deep/": {},
    "/keys/..2026_01/app": { uid: 5, text: "x" },
    "/keys/app": { link: "..data/app" },
    "/keys/absolute": { link: "/keys/deep/../..data/app" },
    "/keys/deep/up": { link: "../..data/app" },
    "/keys/directory": { link: "..data" },
    "/keys/loop": { link: "loop" },
  };
  for (const path of ["/keys/app", "/keys/absolute", "/keys/deep/up", "/keys/directory/app"]) {
    expect(read(mount, APP, path)).toEqual({ kind: "text", text: "x" });
  }
  expect(read(mount, APP, "/keys/loop")).toMatchObject({ what: "/keys/loop is a link" });
});

test("no link leads out of its read-only mount, not even to a file that is trusted there", () => {
  const mount = {
    "/etc/keys": "x",
    "/other/": READ_ONLY,
    "/other/keys": "x",
    "/keys/": READ_ONLY,
    "/keys/up": { link: "../etc/keys" },
    "/keys/absolute": { link: "/etc/keys" },
    "/keys/prefix": { link: "/keys-2/keys" },
    "/keys-2/keys": "x",
    "/keys/other": { link: "/other/keys" },
    "/keys/inner": { link: "sub/keys" },
    "/keys/sub/": { mount: {} },
    "/keys/sub/keys": "x",
  };
  for (const name of ["up", "absolute", "prefix", "other", "inner"]) {
    expect(read(mount, APP, `/keys/${name}`)).toMatchObject({
      what: expect.stringContaining("leads out of its mount"),
    });
  }
});

test("a directory gives its regular files in byte order, and nothing else", () => {
  const files = {
    "/keys/b": "2",
    "/keys/B": "1",
    "/keys/sub/c": "no",
    "/keys/.hidden": "no",
    "/keys/b~": "no",
    "/keys/#b#": "no",
    "/keys/b.swp": "no",
    "/keys/b.bak": "no",
    "/keys/fifo": { fifo: true },
  } as const;
  expect(Object.entries(readAll(files) as Record<string, string>)).toEqual([
    ["/keys/B", "1"],
    ["/keys/b", "2"],
  ]);
  expect(readAll({ "/keys/": {} })).toEqual({});
});

test("in a directory each file is trusted by itself, and a bad one leaves the others", () => {
  const files = { "/keys/a": { uid: 5 }, "/keys/b": "good", "/keys/c": { link: "b" } };
  expect(readAll(files)).toEqual({
    "/keys/a": "/keys/a belongs to somebody else than root or app",
    "/keys/b": "good",
    "/keys/c": "/keys/c is a link",
  });
});

test("a directory that others can write to gives nothing, and one of a thousand and one files is refused", () => {
  expect(readAll({ "/keys/": { mode: 0o777 }, "/keys/a": "x" })).toEqual({
    "/keys/a": "/keys can be written by others",
  });
  const files = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`/keys/${at}`, "x"]));
  expect(readAll(files)).toMatchObject({ kind: "refused", problem: { saw: "1001 files" } });
});

test("a path that is not plain is refused unread", () => {
  for (const path of ["keys", "/", "/a/../b", "/.."]) {
    expect(read({}, APP, path)).toMatchObject({ what: `${path}: not an absolute path to a file` });
  }
});

test("the files of a directory share what one file may have: the rest are told, and the first count", () => {
  const half = new Uint8Array(9 * 1024 * 1024);
  expect(readAll({ "/keys/a": { bytes: half }, "/keys/b": { bytes: half }, "/keys/c": "x" })).toMatchObject({
    "/keys/b": "/keys/b is too big for a file of keys",
    "/keys/c": "x",
  });
  const lines = "x\n".repeat(60_000);
  expect(readAll({ "/keys/a": lines, "/keys/b": lines })).toEqual({
    "/keys/a": lines,
    "/keys/b": "/keys/b is too long for a file of keys",
  });
});
