/** Where a path of a setting may lead root. */
import { expect, test } from "vitest";
import { isOsError } from "../../src/errors.ts";
import { openOperatorDir } from "../../src/operator-dir.ts";
import { createFakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const open = (files: Record<string, Seed>, path: string, uid = 0) => {
  const host = createFakeHost({ files, self: { uid, gid: uid } });
  try {
    const dir = openOperatorDir(host, "look", path);
    const names = dir.list("look");
    dir.close();
    return names;
  } catch (error) {
    if (isOsError(error)) return error.code;
    throw error;
  } finally {
    expect(host.openDirs()).toEqual([]);
  }
};

const APPS = { "/home/app/": { uid: 1000, mode: 0o755 }, "/srv/v/there": "x" };

test.each<[string, Record<string, Seed>, string]>([
  ["a plain path", {}, "/srv/v"],
  ["slashes more than it needs", {}, "//srv/./v/"],
  ["a link of root's", { "/data": { link: "/srv/v" } }, "/data"],
  ["a link of root's that goes up", { "/srv/here": { link: "../srv/v" } }, "/srv/here"],
  ["a link on the way", { "/data": { link: "srv" } }, "/data/v"],
  [
    "a link on a read-only mount",
    { "/m/": { mount: { readOnly: true }, uid: 1000 }, "/m/l": { link: "/srv/v" } },
    "/m/l",
  ],
])("root reaches %s", (_, files, path) => {
  expect(open({ ...APPS, ...files }, path)).toEqual(["there"]);
});

test.each<[string, Record<string, Seed>, string]>([
  ["in a directory of the app's", { "/home/app/v": { link: "/srv/v" } }, "/home/app/v"],
  ["on the way there", { "/home/app/w": { link: "/srv" } }, "/home/app/w/v"],
  ["in one that all may write", { "/tmp/": { mode: 0o1777 }, "/tmp/v": { link: "/srv/v" } }, "/tmp/v"],
  ["that goes round", { "/a": { link: "/b" }, "/b": { link: "/a" } }, "/a"],
])("root follows no link %s", (_, files, path) => {
  expect(open({ ...APPS, ...files }, path)).toBe("ELOOP");
});

test("without root there is nothing to be led to: every link is followed", () => {
  expect(open({ ...APPS, "/home/app/v": { link: "/srv/v" } }, "/home/app/v", 1000)).toEqual(["there"]);
});

test("what is not there, or no directory, is told as that", () => {
  expect(open(APPS, "/srv/none")).toBe("ENOENT");
  expect(open(APPS, "/srv/v/there")).toBe("ENOTDIR");
});
