import { expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { repairShadow, unlockField } from "../../src/shadow-repair.ts";
import { createFakeHost } from "../support/fake-host.ts";

const REST = ":19000:0:99999:7:::\n";
const SEED = { mode: 0o640, gid: 42, text: `root:*${REST}app:!$6$old${REST}b:!:::::::\n` };
const world = (seed: object = SEED) => createFakeHost({ files: { "/etc/shadow": seed } });

test("a locked field becomes *, its old hash goes, and every other byte, owner and mode stay", () => {
  const host = world();
  expect(repairShadow(host, "app", 7)).toBe(true);
  expect(host.snapshot("/etc")).toEqual({
    "/etc/shadow": `file 0640 0:42 root:*${REST}app:*${REST}b:!:::::::\n`,
  });
  expect(host.openDirs()).toEqual([]);
});

test("bytes that are not UTF-8 survive", () => {
  const bytes = Buffer.concat([Buffer.from([0xe9, 0xff, 0x3a, 0x0a]), Buffer.from("app:!:::::::")]);
  const host = world({ bytes });
  repairShadow(host, "app", 7);
  expect(Buffer.from(host.bytes("/etc/shadow") ?? [])).toEqual(
    Buffer.concat([bytes.subarray(0, 8), Buffer.from("*:::::::")]),
  );
});

test.each([
  ["is not there", "root:!:::::::\nbapp:!:::::::\n"],
  ["is not locked", "app:*:::::::\n"],
  ["has a password", "app:$6$x:::::::\n"],
  ["is empty", "app::::::::\n"],
  ["has a torn line", "app:!\n"],
])("nothing is written when the field %s", (_name, text) => {
  const host = world({ text });
  expect(repairShadow(host, "app", 7)).toBe(false);
  expect(host.text("/etc/shadow")).toBe(text);
});

test("only the first line of a name counts, at the start of the file too", () => {
  expect(unlockField("app:!:1\napp:!:2\n", "app")).toBe("app:*:1\napp:!:2\n");
});

test("while another program holds the lock nothing is touched", () => {
  const host = world();
  host.put("/etc/shadow.lock", "99");
  expect(() => repairShadow(host, "app", 7)).toThrow(StageError);
  expect(host.text("/etc/shadow")).toBe(SEED.text);
  expect(host.text("/etc/shadow.lock")).toBe("99");
});

test("the lock holds our pid while the file is replaced", () => {
  const host = world();
  let lock: string | undefined;
  host.onCall = (call) => {
    if (call.call === "rename") lock = host.text("/etc/shadow.lock");
  };
  repairShadow(host, "app", 4711);
  expect(lock).toBe("4711\0withssh");
});

test("what somebody else wrote meanwhile stays", () => {
  const host = world();
  host.onCall = (call) => {
    if (call.call === "stat" && call.path === "/etc/shadow") host.put("/etc/shadow", "new:*:::::::\n");
  };
  expect(() => repairShadow(host, "app", 7)).toThrow("changed by somebody else");
  expect(host.snapshot("/etc")).toEqual({ "/etc/shadow": "file 0644 0:0 new:*:::::::\n" });
});

test.each(["create", "rename"])("a failing %s leaves the file as it was and nothing beside it", (call) => {
  const host = world();
  host.failOn({ call, path: /shadow\.withssh/ }, 1, "EBUSY");
  expect(() => repairShadow(host, "app", 7)).toThrow("EBUSY");
  expect(Object.keys(host.snapshot("/etc"))).toEqual(["/etc/shadow"]);
  expect(host.text("/etc/shadow")).toBe(SEED.text);
});
