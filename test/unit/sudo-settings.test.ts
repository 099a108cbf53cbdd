/** Which of the caller's settings count on root's side. */
import { expect, test } from "vitest";
import { vetEnvironment } from "../../src/sudo-settings.ts";

const caller = {
  uid: 1000,
  names: ["app"],
  cannotRead: (path: string) => (path.startsWith("/root") ? "EACCES" : path === "/none" ? "ENOENT" : undefined),
  cannotHold: (path: string) => (path === "/data" ? undefined : "neither a mount nor the app user's own"),
};
const vet = (environment: readonly string[], image: readonly string[] = []) =>
  vetEnvironment(environment, image, caller);

test.each([
  ["WITHSSH_SSHD=/tmp/own"],
  ["WITHSSH_SSHD_CONFIG=ForceCommand x"],
  ["WITHSSH_SSHD_CONFIG_FILE=/tmp/x"],
  ["WITHSSH_USERS=root"],
  ["WITHSSH_USERS=app, bob"],
  ["WITHSSH_USERS=0"],
  ["AUTHORIZED_KEYS_FILE=/root/keys"],
  ["WITHSSH_HOST_KEYS_FILE=/root/key"],
  ["WITHSSH_TRUSTED_USER_CA_FILE=/root/ca"],
  ["WITHSSH_VOLUME=/etc"],
])("what only root may have is refused by name, and does not count: %s", (entry) => {
  const { environment, refused } = vet(["A=b", entry]);
  expect(environment).toEqual(["A=b"]);
  expect(refused.map(({ what }) => what.split(" ")[0])).toEqual([entry.split("=")[0]]);
});

test.each([
  ["WITHSSH_USERS=app"],
  ["WITHSSH_USERS=1000"],
  ["AUTHORIZED_KEYS_FILE=/home/app/keys"],
  ["AUTHORIZED_KEYS_FILE=/none"],
  ["WITHSSH_VOLUME=/volume"],
  ["WITHSSH_VOLUME=/data"],
  ["WITHSSH_SSHD="],
  ["WITHSSH_PORT=2200"],
])("what the caller could have without root counts: %s", (entry) => {
  expect(vet([entry])).toEqual({ environment: [entry], refused: [] });
});

test("an authority from the environment is refused where the image lets others log in, and only there", () => {
  const ca = ["WITHSSH_TRUSTED_USER_CA=ssh-ed25519 AAAA"];
  expect(vet(ca, ["WITHSSH_USERS=app,bob"]).refused[0]?.what).toContain("would decide who logs in as bob");
  expect(vet(ca, ["WITHSSH_USERS=app"]).refused).toEqual([]);
  expect(vet(ca).refused).toEqual([]);
});

test("so are homes, unless they are refused anyway", () => {
  const image = ["WITHSSH_USERS=app,bob"];
  for (const value of ["true", "1"]) {
    expect(vet([`WITHSSH_HOME_KEYS=${value}`], image).refused[0]?.what).toContain("would decide who logs in as bob");
    expect(vet([`WITHSSH_HOME_KEYS=${value}`]).refused).toEqual([]);
  }
  for (const value of ["false", "0", ""]) expect(vet([`WITHSSH_HOME_KEYS=${value}`], image).refused).toEqual([]);
});

test("the image's own settings count before the caller's, which are not even looked at", () => {
  const image = ["WITHSSH_USERS=app,bob", "WITHSSH_SSHD=/opt/sshd"];
  expect(vet(["WITHSSH_USERS=root", "A=b", "WITHSSH_SSHD=/tmp/own"], image)).toEqual({
    environment: [...image, "A=b"],
    refused: [],
  });
});
