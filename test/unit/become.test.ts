import { expect, test } from "vitest";
import { environmentOfApp } from "../../src/become.ts";

test("secret settings do not reach the app, in none of their copies, and everything else does in its order", () => {
  const kept = [
    "A=1",
    "WITHSSH_LOG_LEVEL=error",
    "A=2",
    "WITHSSH_HOST_KEYS_FILE=/run/keys",
    "AUTHORIZED_KEYS=ssh-ed25519 x",
  ];
  const secret = ["WITHSSH_HOST_KEYS=one", "WITHSSH_HOST_KEYS=two"];
  expect(environmentOfApp([...kept.slice(0, 2), ...secret, ...kept.slice(2)])).toEqual(kept);
});

test("an entry that is no NAME=value is nobody's setting, whatever it looks like", () => {
  const entries = ["WITHSSH_HOST_KEYS", "WITHSSH_HOST_KEYSx", "=WITHSSH_HOST_KEYS=1", ""];
  expect(environmentOfApp(entries)).toEqual(entries);
});
