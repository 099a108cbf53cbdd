import { expect, test } from "vitest";
import { findKeyOrigin } from "../../src/key-origin.ts";

const keys = [
  { type: "ssh-ed25519", fingerprint: "SHA256:a", comment: "", options: false, sources: ["AUTHORIZED_KEYS", "/f"] },
];
const closed = { trustedUserCa: undefined, homeKeys: false };

test("a key's source is every setting and file that has it", () => {
  expect(findKeyOrigin(keys, closed, "SHA256:a", { isAccepted: true })).toBe("AUTHORIZED_KEYS, /f");
  expect(findKeyOrigin(keys, closed, "SHA256:b", { isAccepted: true })).toBe(undefined);
});

test("a certificate's source is its authority's: a cert-authority line, else the setting", () => {
  const open = { ...closed, trustedUserCa: { text: "x" } } as Parameters<typeof findKeyOrigin>[1];
  expect(findKeyOrigin(keys, open, "SHA256:k", { isAccepted: true, authority: "SHA256:a" })).toBe(
    "AUTHORIZED_KEYS, /f",
  );
  expect(findKeyOrigin(keys, open, "SHA256:a", { isAccepted: true, authority: "SHA256:c" })).toBe(
    "WITHSSH_TRUSTED_USER_CA",
  );
});

test("with home keys an accepted key of nobody else is the home's, and a refused one nobody's", () => {
  const homes = { ...closed, homeKeys: true };
  expect(findKeyOrigin(keys, homes, "SHA256:b", { isAccepted: true })).toBe("~/.ssh/authorized_keys");
  expect(findKeyOrigin(keys, homes, "SHA256:b", { isAccepted: false })).toBe(undefined);
});
