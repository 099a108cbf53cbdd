import { expect, test } from "vitest";
import { writeProfileDropIn } from "../../src/session-path.ts";
import { createFakeHost } from "../support/fake-host.ts";

const PATH = [{ name: "PATH", value: "/opt/it's/bin:/usr/bin" }];
const FILE = "/etc/profile.d/00-withssh.sh";
const world = (files = {}) => createFakeHost({ files: { "/etc/profile.d/": {}, ...files } });

test("the drop-in is root's, readable by all, and puts PATH back in SSH sessions alone", () => {
  const host = world();
  writeProfileDropIn(host, [...PATH, { name: "SECRET", value: "hunter2" }]);
  expect(host.snapshot("/etc/profile.d")).toEqual({
    [FILE]: expect.stringMatching(/^file 0644 0:0 # Written by withssh/),
  });
  expect(host.text(FILE)).toContain(
    `if [ -n "\${SSH_CONNECTION-}" ]; then PATH='/opt/it'\\''s/bin:/usr/bin'; export PATH; fi`,
  );
  expect(host.text(FILE)).not.toContain("hunter2");
});

test("for some users alone it puts PATH back in no other's shell, and for none it is not there", () => {
  const host = world({ [FILE]: "old" });
  writeProfileDropIn(host, PATH, ["app", "o'neil"]);
  expect(host.text(FILE)).toContain(
    `if [ -n "\${SSH_CONNECTION-}" ] && { [ "\${USER-}" = 'app' ] || [ "\${USER-}" = 'o'\\''neil' ]; }; then PATH=`,
  );
  writeProfileDropIn(host, PATH, []);
  expect(host.snapshot("/etc/profile.d")).toEqual({});
});

test("without a PATH to keep ours is removed, and nobody else's", () => {
  const host = world({ [FILE]: "old", "/etc/profile.d/other.sh": "theirs" });
  writeProfileDropIn(host, [{ name: "LANG", value: "C" }]);
  expect(host.snapshot("/etc/profile.d")).toEqual({ "/etc/profile.d/other.sh": "file 0644 0:0 theirs" });
});

test("an image without the directory does not get one, and that is no trouble", () => {
  const host = createFakeHost({ files: { "/etc/": {} } });
  writeProfileDropIn(host, PATH);
  expect(host.snapshot("/etc")).toEqual({});
  expect(host.events).toEqual([{ type: "debug", text: `${FILE} was not written: ENOENT` }]);
});

test("a read-only /etc only means that login shells have the distribution's PATH", () => {
  const host = world({ [FILE]: "old" });
  host.mount("/etc/profile.d").readOnly = true;
  writeProfileDropIn(host, PATH);
  expect([host.text(FILE), host.openDirs()]).toEqual(["old", []]);
  expect(host.events).toEqual([{ type: "debug", text: `${FILE} was not written: EROFS` }]);
});
