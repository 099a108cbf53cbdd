/** What sudo says somebody may do, as sudo 1.9.13 (Debian 12) and 1.9.16 (Alpine) say it. */
import { expect, test } from "vitest";
import { isPasswordWanted, judgeListing } from "../../src/sudo-listing.ts";

const EXE = "/usr/local/bin/withssh";
const DEBIAN = `Matching Defaults entries for app on e55:
    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/bin, use_pty

User app may run the following commands on e55:
    (root) NOPASSWD: ${EXE} --supervise
`;
const ALPINE = `Matching Defaults entries for app on vm:
    secure_path=/usr/local/sbin\\:/usr/bin

Runas and Command-specific defaults for app:
    Defaults!/usr/sbin/visudo env_keep+="SUDO_EDITOR EDITOR VISUAL"

User app may run the following commands on vm:
    (root) NOPASSWD: ${EXE} --supervise
`;
const judge = (stdout: string, stderr = "") => judgeListing(stdout, stderr, EXE);

test("exactly our rule is scoped, in both releases", () => {
  expect(judge(DEBIAN)).toEqual({ kind: "scoped" });
  expect(judge(ALPINE)).toEqual({ kind: "scoped" });
});

test("a container whose name nothing resolves changes no verdict, and words that only look like that do", () => {
  const warning = "sudo: unable to resolve host 8ffc94313933: Temporary failure in name resolution\n";
  expect(judge(DEBIAN, warning)).toEqual({ kind: "scoped" });
  expect(judge("", `${warning}Sorry, user app may not run sudo on vm.\n`).kind).toBe("nothing");
  expect(isPasswordWanted({ stdout: "", stderr: `${warning}sudo: a password is required\n` })).toBe(true);
  expect(judge(DEBIAN, "sudo: unable to resolve host a b: x\n").kind).toBe("unclear");
  expect(judge(DEBIAN, "sudo: unable to resolve host a: (root) NOPASSWD: ALL\n").kind).toBe("unclear");
  expect(judge("", warning).kind).toBe("unclear");
});

test.each([
  ["User app is not allowed to run sudo on e55.\n", "", "nothing"],
  ["", "Sorry, user app may not run sudo on vm.\n", "nothing"],
  ["", "sudo: a password is required\n", "password"],
  ["", "sudo: interactive authentication is required\n", "password"],
  ["", "sudo: you do not exist in the passwd database\n", "stranger"],
  ["", "", "unclear"],
  ["", "sudo: error in /etc/sudoers.d/x near line 1\n", "unclear"],
  ["Leider darf der Benutzer app sudo nicht ausführen.\n", "", "unclear"],
  ["User app is not allowed to run sudo on e55.\n", "sudo: something else\n", "unclear"],
  [`User app is not allowed to run sudo on e55.\n${DEBIAN}`, "", "unclear"],
])("the words decide: %j %j", (stdout, stderr, kind) => {
  expect(judge(stdout, stderr).kind).toBe(kind);
});

test.each([
  [`    (root) NOPASSWD: ${EXE} --supervise\n    (ALL : ALL) ALL\n`, true],
  ["    (ALL) NOPASSWD: ALL\n", true],
  [`    (root) NOPASSWD: ${EXE}\n`, true],
  [`    (ALL) NOPASSWD: ${EXE} --supervise\n`, true],
  [`    (root) SETENV: NOPASSWD: ${EXE} --supervise\n`, true],
  [`    (root) NOPASSWD: ${EXE} --supervise, /bin/ls\n`, true],
  ["    (root) NOPASSWD: /usr/local/bin/*\n", true],
  ["    (root) NOPASSWD: /usr/local/bin/\n", true],
  ["    (root) NOPASSWD: /opt/withssh --supervise\n", true],
  ["    (root) NOPASSWD: /opt/door --supervise\n", true],
  ["    (root) NOPASSWD: /opt/withssh-linux-x64, /bin/ls\n", true],
  ["    (ALL : ALL) ALL\n", false],
  ["    (root) NOPASSWD: /bin/ls\n", false],
])("any other rule is another, and told whether it could run us: %j", (rules, coversUs) => {
  const text = DEBIAN.replace(/^ {4}\(root\).*\n/m, rules);
  const verdict = judge(text);
  expect(verdict).toMatchObject({ kind: "other" });
  // Our own rule beside another: the whole is judged.
  if (!rules.includes("(ALL : ALL)") || !coversUs) expect(verdict).toMatchObject({ coversUs });
});

test.each([
  [`    (root) NOPASSWD: /bin/ls\n    (root) ${EXE} --supervise\n`, true],
  ["    (root) NOPASSWD: /bin/ls\n    (ALL) ALL\n", true],
  ["    (root) NOPASSWD: /bin/ls\n", false],
  [`    (root) NOPASSWD: /bin/ls\n    (ALL) NOPASSWD: ALL\n    (root) ${EXE} --supervise\n`, false],
])("a rule for us that wants a password is told from no rule for us: %j", (rules, wantsPassword) => {
  expect(judge(DEBIAN.replace(/^ {4}\(root\).*\n/m, rules))).toMatchObject({ kind: "other", wantsPassword });
});

test.each([
  ["", "sudo: a password is required\n", true],
  ["", "sudo: interactive authentication is required\n", true],
  ["", "", false],
  ['{"refused":"x","spent":false}\n', "sudo: a password is required\n", false],
  ["", "sudo: a password is required\nand more\n", false],
])("a call that wanted a password has run nothing: %j %j", (stdout, stderr, wanted) => {
  expect(isPasswordWanted({ stdout, stderr })).toBe(wanted);
});

test.each([
  ["!env_reset"],
  ["setenv"],
  ['env_keep+="FOO BUN_OPTIONS"'],
  ["env_keep+=LD_PRELOAD"],
  ["env_keep=*"],
  ['env_keep+="BU*"'],
  ["env_check+=NODE_OPTIONS"],
  ['env_keep+="BUN_OPTIONS=() *"'],
  ["env_file=/etc/env"],
  ["runchroot=*"],
])("our rule under a default that lets its caller steer us is unsafe: %s", (entry) => {
  expect(judge(DEBIAN.replace("use_pty", `use_pty, ${entry}`))).toMatchObject({ kind: "unsafe" });
  expect(judge(ALPINE.replace(/Defaults!.*/, `Defaults!${EXE} ${entry}`))).toMatchObject({ kind: "unsafe" });
});

test.each([['env_keep+="LANG LC_* XBUN_"'], ["!setenv"], ["listpw=never"]])(
  "other defaults do not matter: %s",
  (entry) => {
    expect(judge(DEBIAN.replace("use_pty", `use_pty, ${entry}`))).toEqual({ kind: "scoped" });
  },
);
