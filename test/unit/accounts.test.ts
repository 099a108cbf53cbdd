import { expect, test } from "vitest";
import { inspectAccount } from "../../src/accounts.ts";
import { createFakeHost } from "../support/fake-host.ts";

const TODAY = 20_000;
const SHELL = { "/bin/sh": { mode: 0o755 }, "/usr/sbin/nologin": { mode: 0o755 } };

function inspect({
  passwd = "app:x:1000:1001::/home/app:/bin/sh",
  shadow = "app:*:19000:0:99999:7:::",
  home = true,
  user = "app",
  files = {} as Record<string, string | object>,
} = {}) {
  const host = createFakeHost({
    now: TODAY * 86_400_000 + 5,
    files: {
      ...SHELL,
      "/etc/passwd": `root:x:0:0:root:/root:/bin/sh\n${passwd}\n`,
      "/etc/shadow": `root:*:19000:0:99999:7:::\n${shadow}\n`,
      ...(home ? { "/home/app/": {} } : {}),
      ...files,
    },
  });
  const verdict = inspectAccount(host, user);
  expect(host.mutations()).toBe(0);
  expect(host.openDirs()).toEqual([]);
  if (verdict.kind === "unknown") return { unknown: verdict.problem };
  const { problems, warnings, repairs } = verdict.account;
  return {
    account: verdict.account,
    problems: problems.map((p) => p.what),
    warnings: warnings.map((p) => p.what),
    repairs,
  };
}

test("an account that sshd takes has nothing to tell", () => {
  expect(inspect()).toEqual({
    account: {
      name: "app",
      uid: 1000,
      gid: 1001,
      home: "/home/app",
      shell: "/bin/sh",
      problems: [],
      warnings: [],
      repairs: [],
    },
    problems: [],
    warnings: [],
    repairs: [],
  });
});

test("an unknown name and a uid without a name are told with what to do", () => {
  expect(inspect({ user: "bob" }).unknown).toMatchObject({ what: "there is no user bob" });
  expect(inspect({ user: "4711" }).unknown).toMatchObject({ hint: expect.stringContaining("useradd --uid 4711") });
});

test("a uid finds its name", () => {
  expect(inspect({ user: "1000" }).account).toMatchObject({ name: "app" });
});

test.each([
  ["nologin", "/usr/sbin/nologin", "app has no login shell: sessions end at once"],
  ["false", "/bin/false", "app has no login shell: sessions end at once"],
  ["a missing shell", "/bin/zsh", "the shell of app is not there or cannot be run: sshd lets nobody in without"],
])("%s is a problem", (_name, shell, what) => {
  expect(inspect({ passwd: `app:x:1000:1001::/home/app:${shell}` }).problems).toEqual([what]);
});

test("an empty shell field is /bin/sh", () => {
  expect(inspect({ passwd: "app:x:1000:1001::/home/app:" })).toMatchObject({
    problems: [],
    account: { shell: "/bin/sh" },
  });
});

test.each(["!", "!!", "!*", "!$6$salt$hash"])("a field %s is locked and can be repaired", (field) => {
  expect(inspect({ shadow: `app:${field}:19000:0:99999:7:::` })).toMatchObject({ problems: [], repairs: ["unlock"] });
});

test("an account that is locked in passwd itself is a problem", () => {
  const locked = inspect({ passwd: "app:!:1000:1001::/home/app:/bin/sh", shadow: "" });
  expect(locked).toMatchObject({ problems: ["app is locked in /etc/passwd itself"], repairs: [] });
});

test("an empty password is told", () => {
  expect(inspect({ shadow: "app::19000:0:99999:7:::" })).toMatchObject({
    problems: [],
    repairs: [],
    warnings: ["app has an empty password: su and others let anybody in as app"],
  });
});

test("an account expires on the day after its last", () => {
  const expiring = (day: number) => inspect({ shadow: `app:*:19000:0:99999:7::${day}:` }).problems;
  expect(expiring(TODAY)).toEqual([]);
  expect(expiring(TODAY - 1)).toEqual(["the account app has expired"]);
});

test("a password that must be changed is told, since PAM asks for it", () => {
  const what = "the password of app has to be changed: with UsePAM yes that spoils key logins too";
  expect(inspect({ shadow: "app:*:0:0:99999:7:::" }).warnings).toEqual([what]);
  expect(inspect({ shadow: `app:*:${TODAY - 11}:0:10:7:::` }).warnings).toEqual([what]);
  expect(inspect({ shadow: `app:*:${TODAY - 10}:0:10:7:::` }).warnings).toEqual([]);
});

test("a missing home is made, one that is missing on purpose is not", () => {
  expect(inspect({ home: false })).toMatchObject({ repairs: ["make home"], warnings: [] });
  expect(inspect({ passwd: "app:x:1000:1001::/nonexistent:/bin/sh" })).toMatchObject({
    repairs: [],
    warnings: ["app has no home: sessions start in /"],
  });
});

test("a home that is no directory is told and left alone", () => {
  expect(inspect({ home: false, files: { "/home/app": "x" } })).toMatchObject({
    repairs: [],
    warnings: ["the home of app is no directory: sessions start in /"],
  });
});

test("/etc/nologin keeps all but root out", () => {
  expect(inspect({ files: { "/etc/nologin": "" } }).problems).toEqual([
    "/etc/nologin is there: sshd lets nobody but root in",
  ]);
  expect(inspect({ files: { "/etc/nologin": "", "/root/": {} }, user: "root" }).problems).toEqual([]);
});

test("where shadow may not be read nothing is said about it", () => {
  const host = createFakeHost({
    self: { uid: 1000, gid: 1001 },
    files: {
      ...SHELL,
      "/home/app/": {},
      "/etc/passwd": "app:x:1000:1001::/home/app:/bin/sh\n",
      "/etc/shadow": { text: "app:!:::::::\n", mode: 0o600 },
    },
  });
  expect(inspectAccount(host, "app")).toMatchObject({ kind: "account", account: { problems: [], repairs: [] } });
});
