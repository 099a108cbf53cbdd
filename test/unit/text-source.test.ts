/** Which file that a NAME_FILE setting names counts: what is in it decides who logs in, or what sshd reads as root. */
import { expect, test } from "vitest";
import { readTextSource } from "../../src/text-source.ts";
import { createFakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const NAME = "WITHSSH_TRUSTED_USER_CA";

function read(files: Record<string, Seed>, file: string, uid = 0): string {
  const host = createFakeHost({ files, self: { uid, gid: uid } });
  const text = readTextSource(host, { file }, NAME);
  expect(host.openDirs()).toEqual([]);
  if ("problem" in text) return `${text.problem.what} — ${text.problem.saw}`;
  return Buffer.from(text.bytes).toString();
}

const CA = { text: "ca", mode: 0o644 };

test.each<[string, Record<string, Seed>, string]>([
  ["root's, below root's directories", { "/etc/ca": CA }, "/etc/ca"],
  [
    "on a read-only mount, whosever it is",
    { "/m/": { mount: { readOnly: true } }, "/m/ca": { ...CA, uid: 1000 } },
    "/m/ca",
  ],
  [
    "below a sticky directory, in one of root's",
    { "/tmp/": { mode: 0o1777 }, "/tmp/d/": { mode: 0o755 }, "/tmp/d/ca": CA },
    "/tmp/d/ca",
  ],
  ["by a link of root's on the way", { "/run/ca": CA, "/var/run": { link: "/run" } }, "/var/run/ca"],
  [
    "by a Kubernetes secret's links",
    { "/s/": { mount: { readOnly: true } }, "/s/1/": {}, "/s/1/ca": CA, "/s/ca": { link: "1/ca" } },
    "/s/ca",
  ],
])("counts: %s", (_, files, path) => {
  expect(read(files, path)).toBe("ca");
});

const changeable = (path: string) => `${path}, which ${NAME}_FILE names, can be changed by others than root`;
test.each<[string, Record<string, Seed>, string, string]>([
  ["the app's", { "/etc/ca": { ...CA, uid: 1000 } }, "/etc/ca", "uid 1000, mode 644"],
  ["one that a group may write", { "/etc/ca": { ...CA, mode: 0o664 } }, "/etc/ca", "uid 0, mode 664"],
  ["root's in a directory of the app's", { "/v/": { uid: 1000 }, "/v/ca": CA }, "/v/ca", "/v"],
  [
    "root's, whose directory the app can put another in the place of",
    { "/v/": { uid: 1000 }, "/v/d/ca": CA },
    "/v/d/ca",
    "/v",
  ],
  ["root's, below what all may write", { "/w/": { mode: 0o777 }, "/w/d/ca": CA }, "/w/d/ca", "/w"],
  ["root's right in a sticky directory", { "/tmp/": { mode: 0o1777 }, "/tmp/ca": CA }, "/tmp/ca", "/tmp"],
])("does not count as root: %s", (_, files, path, saw) => {
  expect(read(files, path)).toBe(`${changeable(path)} — ${saw}`);
});

test("no link of others is followed as root, to nowhere", () => {
  const files: Record<string, Seed> = {
    "/v/": { uid: 1000 },
    "/v/d": { link: "/root" },
    "/root/ca": CA,
    "/v/l": { link: "/root/ca" },
  };
  for (const path of ["/v/d/ca", "/v/l"]) expect(read(files, path)).toMatch(/cannot be read — .*: ELOOP$/);
});

test("without root everything is the app's own, and counts", () => {
  expect(read({ "/v/": { uid: 1000 }, "/v/ca": { ...CA, uid: 1000 } }, "/v/ca", 1000)).toBe("ca");
});
