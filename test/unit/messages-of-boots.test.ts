/** Messages of a start and of what changes while it runs, each met as it would be: on a whole image in memory. */
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { type Problem, renderProblem, StageError } from "../../src/errors.ts";
import { refreshHostKeys } from "../../src/host-key-refresh.ts";
import { parseKeyLine } from "../../src/key-line.ts";
import { parseKeyOptions } from "../../src/key-options.ts";
import { assertRootlessServes } from "../../src/pinned-rootless.ts";
import { openRootlessState } from "../../src/state-rootless.ts";
import { describeSudo } from "../../src/sudo-check.ts";
import { findOtherDoors } from "../../src/sudo-doors.ts";
import { planTaking, takeAway } from "../../src/sudo-grants.ts";
import { readImageSettings } from "../../src/sudo-settings.ts";
import { assertReady } from "../../src/supervisor-reply.ts";
import { readUrlRoots } from "../../src/url-roots.ts";
import { bootOn, createImage, logOf, PERSON } from "../support/boot-world.ts";
import { createFakeHost, type FakeHost } from "../support/fake-host.ts";

/** The problem of what this throws. */
async function problemOf(run: () => unknown): Promise<Problem> {
  try {
    await run();
  } catch (error) {
    if (error instanceof StageError) return error.problem;
    throw error;
  }
  throw new Error("nothing was refused");
}
const wordsOf = async (run: () => unknown) => renderProblem(await problemOf(run));

test("a URL that has given no key yet is waited for, and the log says that SSH comes", async () => {
  const { failure } = await bootOn(createImage(), { AUTHORIZED_KEYS_URL: "https://keys.example/app.keys" });
  expect(failure?.message).toMatch(
    /^no authorized key yet: SSH starts when AUTHORIZED_KEYS_URL has given one — hint: /,
  );
});

test("in sudo mode a user of the image who gets no key from the environment is named, with the place for one", async () => {
  const host = createImage({}, { caller: { uid: 1000, imageSettings: ["WITHSSH_USERS"] } });
  await bootOn(host, { AUTHORIZED_KEYS: PERSON.line, WITHSSH_USERS: "app,deploy" }, { appUid: 1000 });
  expect(logOf(host).join("\n")).toMatch(
    /warn deploy has no key: in sudo mode .* hint: AUTHORIZED_KEYS=… in \/etc\/withssh/,
  );
});

test("variables with a line end are named, since SSH sessions do not get them", async () => {
  const host = createImage();
  await bootOn(host, { AUTHORIZED_KEYS: PERSON.line, WITHSSH_SESSION_ENV: "*", NOTE: "two\nlines" });
  expect(logOf(host).join("\n")).toMatch(/warn variables that SSH sessions do not get: NOTE — saw a line end/);
});

test("an authority without a usable key, and a list of revoked keys that is none, keep SSH down in words", async () => {
  const env = { AUTHORIZED_KEYS: PERSON.line, WITHSSH_TRUSTED_USER_CA: "ssh-ed25519 AAAA" };
  expect((await bootOn(createImage(), env)).failure?.message).toMatch(/^WITHSSH_TRUSTED_USER_CA holds no usable key/);
  const long = "# no key\n".repeat(200_001);
  const host = createImage({ "/volume/.ssh/revoked_keys": { text: long, mode: 0o644 } });
  const { failure } = await bootOn(host);
  expect(failure?.message).toMatch(/^\/volume\/\.ssh\/revoked_keys is no list of revoked keys — saw more than/);
});

test("a host key that is gone from the volume while it serves is missed in words, with what happens next", async () => {
  const host = createImage();
  const { plan } = await bootOn(host);
  if (plan === undefined) throw new Error("the boot failed");
  host.delete("/volume/.ssh/ssh_host_ed25519_key");
  const { problems } = await refreshHostKeys({ ...plan.hostKeySettings, host }, "/volume", plan.identity);
  expect(problems.map(renderProblem)).toEqual([
    expect.stringMatching(/^\/volume\/\.ssh\/ssh_host_ed25519_key is gone: it still serves.* hint: put it back/),
  ]);
});

test("a few names that look like service links are all told, and the cure", () => {
  const { warnings } = parseConfig(new Map([["WITHSSH_SERVICE_HOST", "10.0.0.1"]]));
  expect(warnings.map(renderProblem)).toEqual([
    "variables that look like Kubernetes service links are ignored: WITHSSH_SERVICE_HOST — hint: set enableServiceLinks: false in the pod, or rename the Service",
  ]);
});

test("a key file below what is no directory is told", async () => {
  const host = createImage({ "/keys": { text: "x" } });
  await bootOn(host, { AUTHORIZED_KEYS: PERSON.line, AUTHORIZED_KEYS_FILE: "/keys/app" });
  expect(logOf(host).join("\n")).toMatch(/key source failed: \/keys is a link or no directory — hint: /);
});

test("SSL_CERT_FILE that cannot be read is told, with what would do", async () => {
  const host = createImage();
  expect(readUrlRoots(host, ["SSL_CERT_FILE=/none.pem"])).toBeUndefined();
  expect(logOf(host).join("\n")).toMatch(/^warn SSL_CERT_FILE cannot be read — saw .* hint: /);
});

test("the image's settings file that does not count says which line, or who else could write it", () => {
  const settingsOf = (text: string, mode = 0o644) => {
    const found = readImageSettings(createFakeHost({ files: { "/etc/withssh/settings": { text, mode } } }));
    return "problem" in found ? renderProblem(found.problem) : found;
  };
  expect(settingsOf("WITHSSH_USERS=app")).toEqual(["WITHSSH_USERS=app"]);
  expect(settingsOf("FNORD")).toMatch(
    /^\/etc\/withssh\/settings does not count — saw line 1 — hint: each line is NAME=/,
  );
  expect(settingsOf("", 0o666)).toMatch(/does not count — saw it is not root's alone — hint: chown root/);
});

test("a rootless state directory that somebody else could have made is not taken", async () => {
  const host = createFakeHost({
    self: { uid: 1000, gid: 1000 },
    files: { "/run/user/": { mode: 0o755 }, "/run/user/1000/": { uid: 1000, gid: 1000, mode: 0o755 } },
  });
  const facts = { runtimeDirectory: "/run/user/1000", home: undefined, homeKeys: false };
  expect(await wordsOf(() => openRootlessState(host, facts))).toContain(
    "/run/user/1000 is not ours alone (uid 1000, mode 755)",
  );
  host.put("/home/app/", { uid: 0, mode: 0o755 });
  expect(await wordsOf(() => openRootlessState(host, { ...facts, home: "/home/app" }))).toContain(
    "/home/app is not ours (uid 0, mode 755)",
  );
});

test.each([
  [undefined, "no supervisor"],
  [{ ready: false, why: "port 2222 is taken" } as const, "port 2222 is taken"],
])("required SSH that is not to be had says why, and what would let the app start: %j", async (reply, why) => {
  expect(await wordsOf(() => assertReady(reply))).toBe(
    `SSH is required and not to be had — saw ${why} — hint: see the lines before this one; without WITHSSH_REQUIRE=true the app starts without SSH`,
  );
});

test("a pinned rootless mode that cannot serve says so before the app starts", async () => {
  const { config } = parseConfig(new Map([["WITHSSH_PORT", "80"]]));
  expect(await wordsOf(() => assertRootlessServes(config, 1000))).toMatch(
    /^WITHSSH_PRIVILEGE=rootless is not to be had: without root sshd needs a port from 1024 on — saw WITHSSH_PORT=80/,
  );
});

test.each([
  ["AGE-SECRET-KEY-1QQQ", "a private age key was pasted"],
  ["ssh-ed25519 AAAA!AAA", "the key is not base64"],
  [PERSON.line.split(" ")[1]?.slice(8) ?? "", "a piece of base64, not a key line"],
])("a line that is no key is named for what it is: %#", (line, reason) => {
  expect(parseKeyLine(line)).toMatchObject({ verdict: "bad", reason });
});

test("options that sshd would count out are refused by their number", () => {
  const text = Array.from({ length: 1025 }, () => 'environment="A=b"').join(",");
  expect(parseKeyOptions(text)).toMatchObject({ reason: "option 1025 (environment) is given too often" });
});

const GRANTEE = { names: ["app"], uid: 1000, primaryGroup: { names: ["app"], gid: 1000 }, otherGroups: [] };

test("other doors to root are named, each with what closes it", () => {
  const found = findOtherDoors(
    createFakeHost({
      files: {
        "/usr/bin/doas": { mode: 0o4755 },
        "/etc/doas.conf": "permit nopass app\n",
        "/bin/su": { mode: 0o4755 },
        "/etc/passwd": ["root:x:0:0", "ops:x:7:7", "app:x:1000:1000", "eve:x:9:9"]
          .map((user) => `${user}::/:/bin/sh\n`)
          .join(""),
        "/etc/shadow": ["root", "ops", "app", "eve"].map((user) => `${user}::19000::::::\n`).join(""),
        "/etc/group": "wheel:x:27:ops\n",
        "/etc/sudoers": { text: "%wheel ALL=(ALL) ALL\napp ALL=(ALL) ALL\n", mode: 0o440 },
        "/usr/sbin/visudo": { mode: 0o755 },
        "/etc/nsswitch.conf": "sudoers: files ldap\n",
      },
    }),
    GRANTEE,
  );
  expect(found.map(renderProblem)).toEqual([
    "/etc/doas.conf, line 1: doas may give the app's user root — hint: remove the line from the image",
    "root has an empty password: su makes anyone root — hint: lock it in the image: RUN passwd -l root",
    "ops has an empty password and a sudo rule: su makes anyone ops — hint: lock it in the image: RUN passwd -l ops",
    "/etc/nsswitch.conf has sudo rules come from elsewhere — saw ldap — hint: in the image, let its line read: sudoers: files",
  ]);
});

/** An image with sudo's files; visudo finds them good unless said. */
const sudoWorld = (files: Readonly<Record<string, string | { text: string; mode: number }>>, visudo = 0): FakeHost =>
  createFakeHost({ files: { "/run/withssh/": {}, ...files }, helpers: { visudo: () => ({ code: visudo }) } });

test("sudo rules that cannot be taken away keep the app from starting, and the file is named", async () => {
  const broad = { "/etc/sudoers": { text: "app ALL=(ALL) NOPASSWD: ALL\n", mode: 0o440 } };
  const without = createFakeHost({ files: broad });
  expect(await wordsOf(() => planTaking(without, GRANTEE))).toMatch(
    /^there is no visudo to check sudoers with — hint: /,
  );
  expect(await wordsOf(() => planTaking(sudoWorld({}), GRANTEE))).toMatch(
    /^what sudo allows cannot be read — saw .*ENOENT/,
  );
  const open = sudoWorld({ "/etc/sudoers": { text: "", mode: 0o666 } });
  expect(await wordsOf(() => planTaking(open, GRANTEE))).toMatch(
    /^\/etc\/sudoers is not root's alone — saw uid 0, mode 666/,
  );
  const refused = sudoWorld(broad, 1);
  expect(await wordsOf(() => takeAway(refused, planTaking(refused, GRANTEE)))).toMatch(
    /^\/etc\/sudoers: the app user's rule cannot be taken away — hint: visudo refuses/,
  );
  const fixed = sudoWorld(broad);
  fixed.failOn({ call: "rename" }, "every", "EROFS");
  expect(await wordsOf(() => takeAway(fixed, planTaking(fixed, GRANTEE)))).toMatch(
    /^\/etc\/sudoers: the app user's rule cannot be taken away — saw EROFS — hint: the file must be the image's own/,
  );
});

test("--check tells what sudo gives in words, and whether sudo mode would be had", () => {
  const told = (listing: Parameters<typeof describeSudo>[0]) => {
    const { serves, problem } = describeSudo(listing);
    return `${serves} ${problem.what}`;
  };
  const other = { kind: "other", rules: ["(ALL) NOPASSWD: ALL"], wantsPassword: false } as const;
  expect(told({ kind: "scoped" })).toBe("true the one sudo rule is there: it serves at each start");
  expect(told({ ...other, coversUs: true })).toMatch(/^true a broad sudo rule: it is taken away at the first start/);
  expect(told({ ...other, coversUs: false })).toBe("false no sudo rule names withssh");
  expect(told({ kind: "unsafe", saw: "setenv" })).toBe("false the sudo rule would let its caller steer us");
  expect(told({ kind: "unclear", saw: "?" })).toBe("false sudo's words are not understood");
  expect(told({ kind: "nothing" })).toBe("false sudo gives this user nothing");
});
