/** What is put into our executables has the hash that the lockfile names, or is not used. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import lockfile from "../../package-lock.json" with { type: "json" };
import { isIntact, lockedPackage } from "../../scripts/foreign-runtime.ts";

const bytes = new TextEncoder().encode("a runtime");
const sha512 = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
const lock = (entry: object) => JSON.stringify({ packages: { "node_modules/@oven/x": entry } });

test("the lockfile pins the musl runtime at the version of bun itself", () => {
  const pinned = lockedPackage("@oven/bun-linux-x64-musl", JSON.stringify(lockfile));
  expect(pinned.version).toBe(lockfile.packages["node_modules/bun"].version);
});

test("a package that the lockfile does not pin by sha512 is refused", () => {
  expect(() => lockedPackage("@oven/y", lock({ version: "1.0.0", integrity: sha512 }))).toThrow("pins no sha512");
  expect(() => lockedPackage("@oven/x", lock({ version: "1.0.0" }))).toThrow("pins no sha512");
  expect(() => lockedPackage("@oven/x", lock({ version: "1.0.0", integrity: "sha1-AAAA" }))).toThrow("pins no sha512");
  expect(lockedPackage("@oven/x", lock({ version: "1.0.0", integrity: sha512 })).integrity).toBe(sha512);
});

test("one changed byte is seen", () => {
  expect(isIntact(bytes, sha512)).toBe(true);
  expect(isIntact(bytes.with(0, 0), sha512)).toBe(false);
  expect(isIntact(new Uint8Array(), sha512)).toBe(false);
});
