import { expect, test } from "vitest";
import type { KeyFileTrust } from "../../src/key-file.ts";
import { readKeyFile } from "../../src/key-file.ts";
import type { FakeHostOptions } from "../support/fake-host.ts";
import { createFakeHost } from "../support/fake-host.ts";

const PATH = "/volume/.ssh/authorized_keys";
const APP: KeyFileTrust = { user: "app", uid: 1000, mount: "writable" };
const READ_ONLY: KeyFileTrust = { ...APP, mount: "read-only" };

function read(files: FakeHostOptions["files"], trust = APP, path = PATH) {
  const host = createFakeHost({ files: files ?? {} });
  const result = readKeyFile(host, path, trust);
  expect(host.openDirs()).toEqual([]);
  expect(host.mutations()).toBe(0);
  return result.kind === "refused" ? result.problem : result;
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
  ["it is a directory", { [`${PATH}/`]: {} }, `${PATH} is no regular file`],
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
  expect(read(files, { user: "root", uid: 0, mount: "writable" })).toMatchObject({ saw: "uid 1000" });
});

test("below a sticky shared directory a trusted directory is trusted, a file right in it is not", () => {
  const tmp = { "/tmp/": { mode: 0o1777 } };
  expect(read({ ...tmp, "/tmp/k/a": "x" }, APP, "/tmp/k/a")).toMatchObject({ kind: "text" });
  expect(read({ ...tmp, "/tmp/a": "x" }, APP, "/tmp/a")).toMatchObject({ what: "/tmp can be written by others" });
  expect(read({ ...tmp, "/tmp/k/": { uid: 5 }, "/tmp/k/a": "x" }, APP, "/tmp/k/a")).toMatchObject({ saw: "uid 5" });
});

test("on a read-only mount owners and modes do not count, links still do", () => {
  const files = { "/volume/": { mode: 0o777, uid: 5 }, [PATH]: { mode: 0o666, uid: 5, text: "x" } };
  expect(read(files, READ_ONLY)).toEqual({ kind: "text", text: "x" });
  expect(read({ "/k": "x", [PATH]: { link: "/k" } }, READ_ONLY)).toMatchObject({ what: `${PATH} is a link` });
});

test("a path that is not plain is refused unread", () => {
  for (const path of ["keys", "/", "/a/../b", "/.."]) {
    expect(read({}, APP, path)).toMatchObject({ what: `${path}: not an absolute path to a file` });
  }
});
