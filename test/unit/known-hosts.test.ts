import { expect, test } from "vitest";
import { pickKnownHostsKey, renderKnownHostsLine } from "../../src/known-hosts.ts";

const key = { keyType: "ssh-ed25519", blob: "AAAAC3Nz" };

test.each([
  [[{ host: "app.fly.dev", port: 22 }], "app.fly.dev ssh-ed25519 AAAAC3Nz"],
  [[{ host: "App.Example", port: 2222 }], "[app.example]:2222 ssh-ed25519 AAAAC3Nz"],
  [[{ host: "::1", port: 22 }], "::1 ssh-ed25519 AAAAC3Nz"],
  [[{ host: "[::1]", port: 2222 }], "[::1]:2222 ssh-ed25519 AAAAC3Nz"],
  [
    [
      { host: "a", port: 22 },
      { host: "10.0.0.1", port: 2222 },
    ],
    "a,[10.0.0.1]:2222 ssh-ed25519 AAAAC3Nz",
  ],
])("a line is spelled as ssh looks it up: %j", (addresses, line) => {
  expect(renderKnownHostsLine(addresses, key)).toBe(line);
});

test("the ed25519 key is named where there is one, else the first, else none", () => {
  const rsa = { keyType: "ssh-rsa", blob: "AAAAB3Nz" };
  expect(pickKnownHostsKey([rsa, key])).toBe(key);
  expect(pickKnownHostsKey([rsa])).toBe(rsa);
  expect(pickKnownHostsKey([])).toBeUndefined();
});
