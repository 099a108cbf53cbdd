/** What the launcher says of sudo's answers: a program in sudo's place that answers as sudo and our root side may. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { byteString } from "../../src/byte-strings.ts";
import { readAll } from "../../src/descriptors.ts";
import { renderProblem } from "../../src/errors.ts";
import { c } from "../../src/libc.ts";
import { findOwnPath } from "../../src/own-executable.ts";
import type { Request } from "../../src/request.ts";
import { beginCall } from "../../src/sudo-begin.ts";
import { finishCall } from "../../src/sudo-call.ts";

const place = vi.hoisted(() => ({ sudo: "", passwd: "", isTimeUp: false, replyEnd: -1 }));
vi.mock("../../src/poll.ts", async (original) => {
  const real = await original<typeof import("../../src/poll.ts")>();
  return { ...real, leftUntil: (deadline: number) => (place.isTimeUp ? 0 : real.leftUntil(deadline)) };
});
vi.mock("../../src/paths.ts", async (original) => {
  const real = await original<typeof import("../../src/paths.ts")>();
  return Object.defineProperty({ ...real }, "PASSWD", { get: () => place.passwd, enumerable: true });
});
vi.mock("../../src/sudo-binary.ts", () => ({ findSudo: () => ({ path: place.sudo }) }));

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "withssh-sudo-"));
  Object.assign(place, { sudo: join(directory, "sudo"), passwd: join(directory, "none"), isTimeUp: false });
  // What it says on stderr is no business of the test's reader: as where 2 came closed.
  const control = c.fcntl;
  vi.spyOn(c, "fcntl").mockImplementation((fd, ...args) => (fd === 2 ? -1 : control(fd, ...args)));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const REQUEST: Request = {
  mode: "sudo",
  appPid: process.pid,
  appUid: 1000,
  appGid: 1000,
  appGroups: [],
  hasCommand: true,
  wantsReply: false,
  environment: [],
  imageSettings: [],
};
const may = (rule: string) => `echo 'User app may run the following commands on box:'; echo '    ${rule}'`;
const SCOPED = may(`(root) NOPASSWD: ${findOwnPath()} --supervise`);
const NOTHING = "echo 'Sorry, user app may not run sudo on box.' >&2; exit 1";
const PASSWORD = "echo 'sudo: a password is required' >&2; exit 1";
/** The reply of our root side: the nonce is in the call, on stdin. */
const proved = (how: string) =>
  `nonce=$(sed 's/.*"nonce":"\\([0-9a-f]*\\)".*/\\1/'); echo '{"nonce":"'$nonce'","proved":"${how}"}'`;
const refused = (spent: boolean) => `echo '{"refused":"this start has its supervisor","spent":${spent}}'; exit 1`;

interface Others {
  /** What `sudo -n -l -u` does, asked as oneself. */
  readonly asSelf?: string;
  /** What `sudo -S` does, given a password. */
  readonly given?: string;
}

/** What is said where `sudo -n withssh --supervise` does `call` and `sudo -n -l` does `list`. */
function wordsOf(
  call: string,
  list: string,
  request: Partial<Request> = {},
  { asSelf = NOTHING, given = PASSWORD }: Others = {},
): string {
  const script = `#!/bin/sh
case "$*" in
  "-S -k -p  -v") ${given} ;;
  "-n -l") ${list} ;;
  "-n -l -u "*) ${asSelf} ;;
  *) ${call} ;;
esac
`;
  writeFileSync(place.sudo, script);
  chmodSync(place.sudo, 0o755);
  try {
    const begun = beginCall();
    place.replyEnd = "kind" in begun ? -1 : begun.replyEnd;
    const outcome = "kind" in begun ? begun : finishCall(begun, { ...REQUEST, ...request }, true);
    return outcome.kind === "unavailable" ? renderProblem(outcome.problem) : outcome.kind;
  } catch (error) {
    return (error as Error).message;
  }
}

test("an answer that proves that rights are gone lets the app start", () => {
  expect(wordsOf(proved("scoped"), SCOPED)).toBe("gone");
});

test("of what follows the answer nothing is read: it is for who waits for SSH", () => {
  const both = proved("scoped").replace(/echo '(.*)'$/, "printf '%s\\nmore' '$1'");
  expect(wordsOf(both, SCOPED)).toBe("gone");
  expect(byteString(readAll(place.replyEnd, "test", 64))).toBe("more");
});

test.each([
  ["the answer of sudo's side is not ours", "echo fnord", SCOPED],
  ["the answer of sudo's side is not ours", `printf '{"refused":"x","spent":false}\nmore'`, SCOPED],
  ["sudo's side refused — saw this start has its supervisor", refused(false), SCOPED],
  ["sudo's side failed after its answer — saw exit status 3", `${proved("scoped")}; exit 3`, SCOPED],
  ["sudo still gives this process something — saw (ALL) ALL", proved("broad"), may("(ALL) ALL")],
  ["sudo ended without an answer — saw exit status 9", "exit 9", SCOPED],
  ["sudo may run withssh, and it did not answer — saw scoped", "exit 1", SCOPED],
])("the app does not start where rights may be left: %s", (words, call, list) => {
  expect(wordsOf(call, list)).toMatch(
    new RegExp(`^${words.replace(/[()]/g, ".")} — hint: the app does not start with `),
  );
});

test("a sudo that wants a terminal is told as that, and no app starts: it can make itself one", () => {
  const noTerminal = "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1";
  for (const call of [noTerminal, proved("scoped")]) {
    expect(wordsOf(call, noTerminal)).toMatch(
      /^sudo wants a terminal of its caller — saw sudo: sorry, .* — hint: write to .*: Defaults:app !requiretty/,
    );
  }
});

test.each([
  ["echo 'app NP 11/27/2026 0 99999 7 -1'", PASSWORD, "saw app NP 11/27/2026 0 99999 7 -1"],
  ["exit 1", 'read line && test -z "$line"', "saw it takes an empty line for one"],
])("a password that is none is no barrier, as passwd(1) or sudo itself says: %s", (said, given, words) => {
  place.passwd = join(directory, "passwd");
  writeFileSync(place.passwd, `#!/bin/sh\n${said}`);
  chmodSync(place.passwd, 0o755);
  const some = may("(ALL) ALL");
  for (const list of [PASSWORD, may(`(root) ${findOwnPath()} --supervise`)]) {
    expect(wordsOf(PASSWORD, list, {}, { asSelf: some, given })).toMatch(
      new RegExp(`^the password that sudo wants of this user is empty — ${words} — hint: lock it`),
    );
  }
});

test("a call that is too big for the pipe is not made", () => {
  const environment = [`A=${"a".repeat(2 << 20)}`];
  expect(wordsOf(proved("scoped"), SCOPED, { environment })).toMatch(
    /^the environment is too big for sudo mode — saw \d+ bytes/,
  );
});

test("a sudo that says nothing is given up", () => {
  const wait = c.wait4;
  // Time is up once the listing has ended.
  vi.spyOn(c, "wait4").mockImplementation((...args) => {
    place.isTimeUp = true;
    return wait(...args);
  });
  expect(wordsOf("exec sleep 1", SCOPED)).toMatch(/^sudo did not answer — saw nothing in 10 s/);
});

test("a listing that does not come is given up", () => {
  place.isTimeUp = true;
  expect(wordsOf(proved("scoped"), "exec sleep 1")).toMatch(/^sudo did not say in time what is left — hint: /);
});

test("an end of sudo that nobody can know proves nothing", () => {
  vi.spyOn(c, "wait4").mockReturnValue(-1);
  expect(wordsOf(proved("scoped"), SCOPED)).toMatch(/^sudo's end cannot be known — hint: /);
});

test("a spent rule is told, and the app may start without it", () => {
  expect(wordsOf(refused(true), SCOPED)).toMatch(
    /^the sudo rule is spent for this start — saw this start has its supervisor/,
  );
});

test.each([
  [
    /^no sudo rule names this user — hint: write to \/etc\/sudoers\.d\/withssh: app ALL=\(root\) NOPASSWD: /,
    NOTHING,
    NOTHING,
  ],
  [/^no sudo rule names this user/, PASSWORD, NOTHING],
  [/^sudo wants a password of this user — saw a rule without NOPASSWD — hint: /, PASSWORD, may("(ALL) ALL")],
  [
    /^sudo does not know uid \d+ — hint: give it a line in \/etc\/passwd/,
    "echo 'sudo: you do not exist in the passwd database' >&2; exit 1",
    NOTHING,
  ],
  [/^the sudo rule that names withssh wants a password — saw \(ALL\) ALL — hint: /, may("(ALL) ALL"), NOTHING],
  [
    /^no sudo rule names withssh for this user — saw \(root\) NOPASSWD: \/bin\/id — hint: /,
    may("(root) NOPASSWD: /bin/id"),
    NOTHING,
  ],
])("why sudo gave nothing is told, with the rule to grant: %s", (words, list, asSelf) => {
  vi.spyOn(c, "faccessat").mockReturnValue(-1);
  vi.spyOn(c, "geteuid").mockReturnValue(4242);
  expect(wordsOf(PASSWORD, list, {}, { asSelf })).toMatch(words);
});

test("a broad rule that an earlier start took away is told as that", () => {
  vi.spyOn(c, "faccessat").mockReturnValue(0);
  expect(wordsOf(PASSWORD, NOTHING)).toMatch(
    /^an earlier start of this container took the broad sudo rule away: a broad rule serves one start — hint: /,
  );
});
