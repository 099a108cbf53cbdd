import { expect, test } from "vitest";
import { listIfThere, readIfThere } from "../../src/if-there.ts";
import { createFakeHost } from "../support/fake-host.ts";

const FILE = { directory: "/etc", name: "doas.conf", maxBytes: 100 };

test("what is there is listed and read", () => {
  const host = createFakeHost({ files: { "/etc/doas.conf": "permit app" } });
  expect(listIfThere(host, "look", "/etc", [])).toEqual(["doas.conf"]);
  expect(Buffer.from(readIfThere(host, "look", FILE, []) ?? []).toString()).toBe("permit app");
});

test("what is not there is nothing, and only by the errors that were named", () => {
  const host = createFakeHost({ files: { "/etc/passwd": "" } });
  expect(listIfThere(host, "look", "/etc/doas.d", ["ENOENT"])).toEqual([]);
  expect(readIfThere(host, "look", FILE, ["ENOENT"])).toBeUndefined();
  expect(() => listIfThere(host, "look", "/etc/doas.d", ["EACCES"])).toThrow("ENOENT");
  expect(() => readIfThere(host, "look", FILE, [])).toThrow("ENOENT");
});
