/** Messages for what the kernel refuses: single system calls fail here as they fail in a container that lacks something. */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { asCaller, type Caller, findLauncher, identifyCaller } from "../../src/caller.ts";
import { claimStart } from "../../src/claim.ts";
import { printKnownHosts } from "../../src/client-lines.ts";
import { dropRights, setNoNewPrivs } from "../../src/drop-rights.ts";
import { renderProblem } from "../../src/errors.ts";
import { becomeCommand, setNofile } from "../../src/exec.ts";
import { putRight } from "../../src/first-acts.ts";
import { c, ptr } from "../../src/libc.ts";
import { startLive } from "../../src/live.ts";
import { findOwnPath, readOwnExecutable } from "../../src/own-executable.ts";
import { findSudo } from "../../src/sudo-binary.ts";
import { takeLaunchersStderr } from "../../src/sudo-relayed-log.ts";
import { hearOfRefusedCalls, problemOf } from "../../src/supervise.ts";
import { startSupervisor } from "../../src/supervisor-start.ts";
import { createFakeHost } from "../support/fake-host.ts";

const watched = vi.hoisted(() => ({ isMounted: false }));
vi.mock("../../src/capabilities.ts", async (original) => ({
  ...(await original<typeof import("../../src/capabilities.ts")>()),
  readEffectiveCapabilities: () => 0n,
  isInBoundingSet: () => false,
}));
/** What /proc says of the process above sudo; undefined: as it is. */
const above = vi.hoisted(() => ({ status: undefined as string | undefined }));
vi.mock("../../src/descriptors.ts", async (original) => {
  const descriptors = await original<typeof import("../../src/descriptors.ts")>();
  const slurp = (path: string, operation: string) =>
    above.status === undefined ? descriptors.slurp(path, operation) : Buffer.from(above.status);
  return { ...descriptors, slurp };
});
vi.mock("../../src/watcher.ts", async (original) => ({
  ...(await original<typeof import("../../src/watcher.ts")>()),
  isMountedFile: () => watched.isMounted,
  startWatcher: () => ({ close: () => {} }),
  hasChangedSince: () => false,
}));

const [EPERM, ENOENT, EACCES, EMFILE] = [1, 2, 13, 24];
/** The calls that this process must never make here, each as if it had been made. */
const HARMLESS = [
  "chdir",
  "umask",
  "setresgid",
  "setresuid",
  "setgroups",
  "sigaction",
  "sigprocmask",
  "setpriority",
] as const;

/** All calls alike: their types differ too much to be asked for by a name. */
const calls = c as unknown as Record<string, () => unknown>;

/** Makes this call fail with this errno. */
function fail(call: keyof typeof c, code: number): void {
  const at = new Int32Array([code]);
  vi.spyOn(c, "__errno_location").mockReturnValue(ptr(at) as never);
  vi.spyOn(calls, call).mockReturnValue(-1);
}

beforeEach(() => {
  // The first call of all but the core loads them; only then they can be replaced.
  void c.setresuid;
  for (const call of HARMLESS) vi.spyOn(calls, call).mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

function wordsOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}

test("a command that is not there, or cannot be run, is named with what to do", () => {
  expect(wordsOf(() => becomeCommand(["/no/such"], []))).toBe(
    'the command "/no/such" is not there — hint: name a file of the image',
  );
  expect(wordsOf(() => becomeCommand(["no-such"], ["PATH=/usr/bin"]))).toMatch(
    /is not there — hint: no directory of PATH/,
  );
  expect(wordsOf(() => becomeCommand(["/etc/passwd"], []))).toMatch(
    /^the command "\/etc\/passwd" cannot be run — saw \/etc\/passwd: permission denied .* hint: chmod \+x it/,
  );
});

test("a limit on open files that the container does not allow is named", () => {
  fail("prlimit", EPERM);
  expect(wordsOf(() => setNofile({ soft: 1024, hard: 4096 }))).toMatch(
    /^WITHSSH_NOFILE: the limit cannot be set: .* hint: /,
  );
});

test("no_new_privs that is not to be had is named", () => {
  fail("prctl", EPERM);
  expect(wordsOf(setNoNewPrivs)).toMatch(/^WITHSSH_NO_NEW_PRIVS=true is not to be had — saw .* hint: remove it$/);
});

test("an app user that cannot be become is told with the call", () => {
  vi.spyOn(c, "isatty").mockReturnValue(0);
  vi.spyOn(c, "fchown").mockReturnValue(0);
  fail("setgroups", EPERM);
  const user = { uid: 4242, gid: 4242, groups: [4242], name: "app", home: "/" };
  expect(wordsOf(() => dropRights(user))).toMatch(
    /^the app cannot be made to run as WITHSSH_APP_USER \(setgroups\) — saw /,
  );
});

test("withssh's own call through sudo refuses in words what it cannot put right", () => {
  vi.spyOn(c, "geteuid").mockReturnValue(1000);
  expect(wordsOf(putRight)).toBe(
    "this must run as root through sudo — saw euid 1000 — hint: withssh makes this call itself: run withssh COMMAND",
  );
  fail("chdir", EACCES);
  expect(wordsOf(putRight)).toMatch(/^a first act failed: chdir — saw .* hint: look at the container's seccomp/);
});

test("limits under which no promise can be kept are named by docker's word for them", () => {
  vi.spyOn(c, "geteuid").mockReturnValue(0);
  vi.spyOn(c, "getresuid").mockReturnValue(0);
  vi.spyOn(c, "getresgid").mockReturnValue(0);
  vi.spyOn(c, "getgroups").mockImplementation(() => 1);
  // Every limit that is asked for is 0, and none can be raised.
  vi.spyOn(c, "prlimit").mockImplementation((_pid, _resource, wanted) => (wanted === null ? 0 : -1));
  expect(wordsOf(putRight)).toMatch(
    /^the caller's limits are too low to be safe under — saw cpu 0 — hint: docker run --ulimit cpu=…/,
  );
});

test("a call of --supervise that no user made through sudo is refused by what gives it away", () => {
  const host = createFakeHost({
    files: { "/etc/passwd": "app:x:1000:1000::/:/bin/sh\n", "/etc/group": "app:x:1000:\n" },
  });
  const refusal = (...environ: string[]) => wordsOf(() => identifyCaller(host, findLauncher(environ)));
  expect(refusal("LD_PRELOAD=/tmp/x.so", "SUDO_UID=1000")).toMatch(
    /^sudo let a variable through that steers us — saw LD_PRELOAD/,
  );
  expect(refusal()).toBe(
    "not called through sudo by a user — saw no SUDO_UID — hint: withssh makes this call itself: run withssh COMMAND",
  );
  expect(refusal("SUDO_UID=1000", "SUDO_USER=app")).toMatch(/^no process of the caller is above sudo — saw uid 1000/);
  above.status = "Name:\tsh\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t1000\n";
  expect(refusal("SUDO_UID=1000", "SUDO_USER=bob")).toMatch(
    /^uid 1000 has no name that sudo and \/etc\/passwd agree on/,
  );
  above.status = "Name:\tchage\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t42\t42\t42\nGroups:\t1000\n";
  expect(refusal("SUDO_UID=1000", "SUDO_USER=app")).toBe(
    "called from a program with a group of its own — saw gids 1000 42 42 42 — hint: withssh makes this call itself: run withssh COMMAND",
  );
  above.status = undefined;
});

test("the caller's rights that cannot be taken on are told with the capability", () => {
  const caller = { uid: 1000, gid: 1000, kernelGroups: [1000] };
  vi.spyOn(c, "setfsuid").mockReturnValue(0);
  vi.spyOn(c, "setfsgid").mockReturnValue(0);
  const syscall = vi.spyOn(c, "syscall").mockReturnValue(0);
  expect(wordsOf(() => asCaller(caller, () => {}))).toBe(
    "the caller's ids cannot be taken on — hint: the container lacks CAP_SETUID: docker run --cap-add SETUID",
  );
  syscall.mockReturnValue(-1);
  expect(wordsOf(() => asCaller(caller, () => {}))).toMatch(
    /^the caller's groups cannot be taken on — .*CAP_SETGID: docker run --cap-add SETGID$/,
  );
});

test("a log that sudo relays, and that cannot be had without, is told while it still is", () => {
  vi.spyOn(c, "setfsuid").mockReturnValue(1000);
  vi.spyOn(c, "setfsgid").mockReturnValue(1000);
  vi.spyOn(c, "syscall").mockReturnValue(0);
  fail("openat", EACCES);
  const said = vi.spyOn(c, "write").mockReturnValue(0);
  takeLaunchersStderr({ uid: 1000, gid: 1000, pid: 1, kernelGroups: [1000] } as unknown as Caller);
  const bytes = said.mock.calls.map(([, at, length]) => Buffer.from(toArrayBuffer(at as Pointer, 0, Number(length))));
  expect(Buffer.concat(bytes).toString()).toContain("sudo relays the log, which ends with sudo");
});

test("a start that /proc does not name cannot be claimed, and says so", () => {
  fail("openat", ENOENT);
  const host = createFakeHost({ files: { "/run/": {} } });
  expect(wordsOf(() => claimStart(host))).toMatch(
    /^nothing can tell whether this start was claimed already — saw \/dev: /,
  );
});

test("a sudo that can give nothing is refused for what keeps it from that", () => {
  const problem = () => {
    const found = findSudo();
    return "problem" in found ? renderProblem(found.problem) : "found";
  };
  fail("openat", ENOENT);
  expect(problem()).toMatch(/^there is no sudo — saw \/usr\/bin\/sudo.* hint: Debian: apt-get install sudo · /);
});

test("a start whose boot and PID 1 nobody can read is claimed by no record", () => {
  vi.spyOn(c, "openat").mockReturnValueOnce(-1).mockReturnValue(99);
  vi.spyOn(c, "read").mockReturnValue(0);
  vi.spyOn(c, "close").mockReturnValue(0);
  const host = createFakeHost({ files: { "/run/": {} } });
  expect(wordsOf(() => claimStart(host))).toContain("; the boot and PID 1's start cannot be read");
});

test("a sudo that is there and of no use is refused for what is wrong with it", () => {
  const facts = { uid: 0, mode: 0o104755, flags: 0n, prctl: 0 };
  vi.spyOn(c, "openat").mockReturnValue(99);
  vi.spyOn(c, "close").mockReturnValue(0);
  const syscall = vi.spyOn(c, "syscall").mockImplementation((...args) => {
    const view = new DataView(toArrayBuffer(args[5] as never, 0, 256));
    view.setUint32(20, facts.uid, true);
    view.setUint16(28, facts.mode, true);
    return 0;
  });
  vi.spyOn(c, "fstatfs").mockImplementation((_fd, at) => {
    new BigUint64Array(toArrayBuffer(at as never, 0, 256))[10] = facts.flags;
    return 0;
  });
  vi.spyOn(c, "prctl").mockImplementation(() => facts.prctl);
  const problem = () => {
    const found = findSudo();
    return "problem" in found ? renderProblem(found.problem) : "found";
  };
  expect(problem()).toMatch(/^sudo needs CAP_SETGID, which the container lacks — hint: .*docker run --cap-add SETGID$/);
  facts.prctl = 1;
  expect(problem()).toMatch(
    /^no_new_privs is set: sudo gives nothing — hint: start without --security-opt no-new-privileges$/,
  );
  facts.flags = 2n;
  expect(problem()).toMatch(/^\/usr\/bin\/sudo is on a nosuid mount — hint: /);
  facts.mode = 0o100755;
  expect(problem()).toMatch(/^\/usr\/bin\/sudo is not set-uid — hint: RUN chmod u\+s \/usr\/bin\/sudo/);
  facts.uid = 1000;
  expect(problem()).toMatch(/^\/usr\/bin\/sudo is not root's alone — saw uid 1000, mode 755/);
  syscall.mockReturnValue(-1);
  expect(problem()).toMatch(/^\/usr\/bin\/sudo cannot be looked at/);
});

test("an executable that others could replace is not run as root", () => {
  const path = findOwnPath();
  const host = createFakeHost({ files: { [path]: { mode: 0o777 } } });
  expect(wordsOf(() => readOwnExecutable(host))).toMatch(
    / is not root's alone — saw uid 0, mode 777 — hint: put withssh where/,
  );
});

test("a supervisor that cannot be started is told with the limits to look at", () => {
  fail("pipe2", EMFILE);
  expect(wordsOf(() => startSupervisor({ stay: false }))).toMatch(
    /^the supervisor cannot be started — saw .*pipe2.* hint: look at/,
  );
});

test("refused calls that nobody can hear of are a word for who debugs", async () => {
  const host = createFakeHost();
  host.failOn({ call: "openDir" }, "every", "EROFS");
  await hearOfRefusedCalls(host);
  expect(host.events).toEqual([{ type: "debug", text: expect.stringMatching(/^refused calls are not heard of: /) }]);
});

test("what a stage did not foresee is told as a bug of ours, with where it is", () => {
  expect(renderProblem(problemOf(new TypeError("x is no function")))).toMatch(
    /^a stage failed in a way that we did not foresee — saw TypeError: x is no function.* hint: this is a bug of withssh/s,
  );
});

test("a key file that is mounted by itself is told: what replaces it is never seen", () => {
  watched.isMounted = true;
  const host = createFakeHost();
  const config = { authorizedKeysFile: { path: "/keys", isNamed: true }, volume: "/volume" };
  startLive({ host, config, plan: () => undefined, ready: new Promise(() => {}), beganMs: 0 } as never);
  expect(host.events.map((event) => ("problem" in event ? renderProblem(event.problem) : ""))).toEqual([
    "/keys is mounted as a single file: another file put in its place is never seen here — hint: mount the directory that it lies in",
  ]);
});

test("--known-hosts without a name to dial, or without any host key, says what would give one", async () => {
  await expect(printKnownHosts(new Map(), [])).rejects.toThrow(
    "nobody said what clients dial — hint: name it: withssh --known-hosts HOST[:PORT], or set WITHSSH_PUBLIC_ADDRESS",
  );
  const nowhere = new Map([["WITHSSH_VOLUME", "/no/such/volume"]]);
  await expect(printKnownHosts(nowhere, [{ host: "app.example", port: 22 }])).rejects.toThrow(
    /^there is no host key to tell of/,
  );
});
