import { expect, test } from "vitest";
import { findHome, makeHome } from "../../src/login-home.ts";
import { createFakeHost } from "../support/fake-host.ts";

const APP = { name: "app", uid: 1000, gid: 1001, home: "/home/app" };

test("a missing home is made, his and private, with its parents root's", () => {
  const host = createFakeHost();
  makeHome(host, APP);
  expect(host.snapshot()).toEqual({ "/home": "directory 0755 0:0", "/home/app": "directory 0700 1000:1001" });
  expect(host.openDirs()).toEqual([]);
});

test("a home that is there is left alone", () => {
  const host = createFakeHost({ files: { "/home/app/": { mode: 0o777, uid: 5 } } });
  makeHome(host, APP);
  expect(host.snapshot("/home")).toEqual({ "/home/app": "directory 0777 5:0" });
});

test.each([
  ["others can write a parent", { "/home/": { mode: 0o777 } }],
  ["a parent is somebody else's", { "/home/": { uid: 5 } }],
  ["a parent is a link", { "/elsewhere/": {}, "/home": { link: "/elsewhere" } }],
])("no home is made where %s", (_name, files) => {
  const host = createFakeHost({ files });
  expect(() => makeHome(host, APP)).toThrow("cannot be made: /home/app");
  expect(host.node("/home/app")).toBeUndefined();
  expect(host.node("/elsewhere/app")).toBeUndefined();
  expect(host.openDirs()).toEqual([]);
});

test("no path with .. is followed", () => {
  expect(() => makeHome(createFakeHost(), { ...APP, home: "/home/../app" })).toThrow("a path with ..");
});

test("what stands at a home is known", () => {
  const host = createFakeHost({ files: { "/d/": {}, "/l": { link: "/d" }, "/f": "x" } });
  expect(["/d", "/l", "/", "/f", "/none/below", "relative"].map((home) => findHome(host, home))).toEqual([
    "directory",
    "directory",
    "directory",
    "not a directory",
    "missing",
    "not a directory",
  ]);
});
