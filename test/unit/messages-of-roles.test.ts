/** Messages of whole roles: the root side of the sudo call, the doctor, who asks for the status, the launcher, the edge. */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { check } from "../../src/check.ts";
import { describePrograms, findBakedKeys } from "../../src/check-image.ts";
import { OsError, renderProblem, StageError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import { judgeHealth } from "../../src/health.ts";
import { launch } from "../../src/launch.ts";
import { c } from "../../src/libc.ts";
import { healthcheck } from "../../src/status-command.ts";
import { startStatus } from "../../src/status-start.ts";
import { superviseBySudo } from "../../src/sudo-supervise.ts";
import { createImage, PERSON } from "../support/boot-world.ts";
import { createFakeHost, type FakeHost } from "../support/fake-host.ts";
import { keygen } from "../support/host-key-world.ts";

/** What stands in for the world of this process. */
const world = vi.hoisted(() => ({
  host: undefined as unknown,
  unseen: [] as string[],
  said: [] as unknown[],
  call: "",
  printed: "",
  listeners: [] as unknown[],
  claim: () => {},
  databaseGroups: [1000],
  isOfEarlierStart: false,
  detached: () => {},
  places: [] as { directory: string; uid: number }[],
  socket: {} as { connect?: () => number; uid?: number; text?: string },
  readArgv: () => ["withssh"] as readonly string[],
  tryToRead: (): string | undefined => undefined,
}));

vi.mock("../../src/first-acts.ts", () => ({ putRight: () => {} }));
vi.mock("../../src/claim.ts", async (original) => ({
  ...(await original<typeof import("../../src/claim.ts")>()),
  claimStart: () => world.claim(),
  isOfEarlierStart: () => world.isOfEarlierStart,
}));
vi.mock("../../src/caller.ts", () => ({
  findLauncher: () => ({ uid: 1000, gid: 1000, pid: 1, kernelGroups: [1000] }),
  identifyCaller: () => ({
    ...{ uid: 1000, gid: 1000, pid: 1, names: ["app"], entry: { name: "app", gid: 1000 } },
    ...{ databaseGroups: world.databaseGroups, kernelGroups: [1000], nameOfGroup: new Map([[1000, "app"]]) },
  }),
  tryToRead: () => world.tryToRead(),
  asCaller: (_caller: unknown, run: () => unknown) => run(),
}));
vi.mock("../../src/own-executable.ts", () => {
  const path = "/usr/local/bin/withssh";
  return { readOwnExecutable: () => path, findOwnPath: () => path };
});
vi.mock("../../src/sudo-binary.ts", () => ({ findSudo: () => ({ path: "/usr/bin/sudo" }) }));
vi.mock("../../src/native-host.ts", async (original) => ({
  ...(await original<typeof import("../../src/native-host.ts")>()),
  createNativeHost: () => world.host,
}));
vi.mock("../../src/dry-native.ts", () => ({
  createNativeDryHost: (_children: unknown, emit: (event: Event) => void) => {
    return Object.assign(Object.create(world.host as object), { unseen: new Set(world.unseen), emit });
  },
}));
vi.mock("../../src/descriptors.ts", async (original) => ({
  ...(await original<typeof import("../../src/descriptors.ts")>()),
  readAll: () => Buffer.from(world.call),
  writeAll: (_fd: number, bytes: Uint8Array) => {
    world.printed += Buffer.from(bytes).toString();
  },
}));
vi.mock("../../src/supervisor-detached.ts", () => ({
  startDetached: () => world.detached(),
  becomeDetached: () => world.detached(),
}));
vi.mock("../../src/log-line.ts", () => ({
  defaultFormat: () => "json",
  sayNow: (event: unknown) => void world.said.push(event),
}));
vi.mock("../../src/sudo-refusals.ts", () => ({
  reportRefusal: () => {
    throw new Error("EACCES");
  },
  writeRefusal: () => {},
}));
vi.mock("../../src/listeners.ts", () => ({ readListeners: () => world.listeners }));
vi.mock("../../src/port-holder.ts", () => ({ findPortHolder: () => "nginx (pid 7)" }));
vi.mock("../../src/status-places.ts", () => ({ findStatusPlaces: () => world.places, uidOfFirstProcess: () => 1000 }));
vi.mock("../../src/unix-socket.ts", () => ({
  connectTo: () => world.socket.connect?.() ?? -1,
  peerOf: () => ({ uid: world.socket.uid ?? 0 }),
  readToEnd: () => Buffer.from(world.socket.text ?? ""),
}));
vi.mock("../../src/native-dir.ts", async (original) => ({
  ...(await original<typeof import("../../src/native-dir.ts")>()),
  openNativeDir: (_operation: string, path: string) => {
    throw new OsError("ENOENT", "openat", "test", path);
  },
}));
vi.mock("../../src/stay.ts", () => ({ stayForSsh: () => 0 }));
vi.mock("../../src/sudo-paths.ts", () => ({ hasSudo: () => false, SUDO_PATHS: [] }));
vi.mock("../../src/pinned-rootless.ts", () => ({ assertRootlessServes: () => {} }));
vi.mock("../../src/process-facts.ts", async (original) => ({
  ...(await original<typeof import("../../src/process-facts.ts")>()),
  readArgv: () => world.readArgv(),
}));

beforeEach(() => {
  Object.assign(world, {
    claim: () => {},
    detached: () => {},
    tryToRead: () => undefined,
    databaseGroups: [1000],
    unseen: [],
    said: [],
    printed: "",
    listeners: [],
    places: [],
    socket: {},
  });
  world.host = createImage();
  void c.umask;
  vi.spyOn(c, "geteuid").mockReturnValue(0);
  vi.spyOn(c, "write").mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

const said = () =>
  (world.said as Event[]).map((event) => {
    return "problem" in event ? renderProblem(event.problem) : "text" in event ? event.text : event.type;
  });

const BROAD = { "/etc/sudoers": { text: "app ALL=(ALL) NOPASSWD: ALL\n", mode: 0o440 } };
const MAY = "User app may run the following commands on box:\n";
const SCOPED = `${MAY}    (root) NOPASSWD: /usr/local/bin/withssh --supervise\n`;
const SETENV = `Matching Defaults entries for app on box:\n    setenv\n${SCOPED}`;

/** A machine whose sudo lists this. */
function machine(listing: string): FakeHost {
  const helpers = { visudo: () => ({}), sudo: () => ({ stdout: Buffer.from(listing) }) };
  return createFakeHost({ files: { "/run/withssh/": {}, ...BROAD }, helpers });
}

const request = {
  ...{ mode: "sudo", appPid: 1, appUid: 1000, appGid: 1000, appGroups: [1000], hasCommand: true },
  ...{ wantsReply: false, environment: [], imageSettings: [] },
};

test.each([
  ["the sudo rule would let its caller steer us — saw setenv", SETENV],
  ["what sudo says is not understood — saw fnord", "fnord\n"],
  [
    "sudo still gives app something, and nothing says where — saw (ALL) ALL; changed /etc/sudoers",
    `${MAY}    (ALL) ALL\n`,
  ],
])("the root side of the sudo call refuses, and its own log has why: %s", async (words, listing) => {
  world.host = machine(listing);
  world.call = JSON.stringify({ nonce: "0".repeat(32), start: true, replyPipe: "", logFile: "", request });
  expect(await superviseBySudo(undefined)).toBe(1);
  expect(said()).toEqual([expect.stringContaining(`--supervise refused: ${words} — hint: `)]);
});

test("a refused call whose log cannot be reached is told on the caller's stderr alone", async () => {
  world.host = createFakeHost();
  world.claim = () => {
    throw new StageError("claimStart", { what: "this start of the container has its supervisor already" });
  };
  expect(await superviseBySudo(undefined)).toBe(1);
  expect(said()).toEqual([
    "--supervise refused: this start of the container has its supervisor already",
    "the refusal is told here alone: Error: EACCES",
  ]);
});

test("what came over the pipe and is no call of ours is refused", async () => {
  world.host = machine(SCOPED);
  world.call = "fnord";
  expect(await superviseBySudo(undefined)).toBe(1);
  expect(said().join("\n")).toMatch(/^--supervise refused: not a call of our launcher — saw /);
});

test("where the launcher cannot see all that is granted, sudo is asked before the files are looked at", async () => {
  const host = machine(SCOPED);
  Object.assign(world, { host, databaseGroups: [1000, 7] });
  world.call = JSON.stringify({ nonce: "0".repeat(32), start: true, replyPipe: "", logFile: "", request });
  expect(await superviseBySudo(undefined)).toBe(0);
  const first = (call: string, path: string) => host.calls.findIndex((one) => one.call === call && one.path === path);
  const [asked, looked] = [first("run", "/usr/bin/sudo"), first("read", "/etc/sudoers")];
  expect(asked).toBeGreaterThanOrEqual(0);
  expect(looked).toBeGreaterThan(asked);
});

test("a supervisor that cannot be started after the rights are gone leaves SSH down in words", async () => {
  world.host = machine(SCOPED);
  world.call = JSON.stringify({ nonce: "0".repeat(32), start: true, replyPipe: "", logFile: "", request });
  world.detached = () => {
    throw new Error("start the supervisor: posix_spawn: EAGAIN");
  };
  expect(await superviseBySudo(undefined)).toBe(0);
  expect(said().join("\n")).toContain(
    "the supervisor cannot be started — saw Error: start the supervisor: posix_spawn: EAGAIN",
  );
});

test("a request that cannot be judged after the rights are gone leaves SSH down in words, and the launcher hears of it", async () => {
  world.host = machine(SCOPED);
  const environment = ["WITHSSH_HOST_KEYS_FILE=/keys"];
  world.call = JSON.stringify({
    nonce: "0".repeat(32),
    replyPipe: "",
    logFile: "",
    start: true,
    request: { ...request, wantsReply: true, environment },
  });
  world.tryToRead = () => {
    throw new StageError("identifyCaller", { what: "the caller's ids cannot be taken on" });
  };
  const wrote: string[] = [];
  vi.spyOn(c, "write").mockImplementation((_fd, from, length) => {
    wrote.push(Buffer.from(toArrayBuffer(from as Pointer, 0, length).slice()).toString());
    return length;
  });
  expect(await superviseBySudo(undefined)).toBe(0);
  expect(said()).toEqual(["the caller's ids cannot be taken on"]);
  expect(wrote.map((line) => JSON.parse(line))).toEqual([
    { nonce: "0".repeat(32), proved: "scoped" },
    { ready: false, why: "the caller's ids cannot be taken on" },
  ]);
});

/** What the doctor prints, without its columns' blanks. */
async function doctor(environment: readonly string[], build = false): Promise<string> {
  world.printed = "";
  await check(environment, { build });
  return world.printed.replace(/ +/g, " ");
}

const sshd = () => ({ stdout: Buffer.from("") });

test("the doctor tells each part of a start that would do", async () => {
  world.host = createImage({ "/run/sshd/": {} }, { helpers: { sshd, "ssh-keygen": keygen() } });
  const out = await doctor([`AUTHORIZED_KEYS=${PERSON.line}`, "WITHSSH_USERS=root,locked"]);
  for (const words of [
    "ok settings all of them can be used",
    "ok mode root: the image runs as root",
    "ok sshd OpenSSH 9.2 at /usr/sbin/sshd",
    "sftp by /usr/lib/openssh/sftp-server",
    "ok users locked can log in",
    "note users the locked password field of locked becomes *",
    "note users the home of locked is made: /home/locked",
    "ok port 2222 is free",
  ]) {
    expect(out).toContain(words);
  }
});

test("the doctor tells a port that is taken, and SSH that is switched off", async () => {
  world.listeners = [{}];
  expect(await doctor([`AUTHORIZED_KEYS=${PERSON.line}`])).toMatch(
    /^fail port port 2222 is taken — saw nginx \(pid 7\)/m,
  );
  expect(await doctor(["WITHSSH_ENABLED=false"])).toMatch(/^note ssh switched off: the app runs alone$/m);
});

test("in a RUN line the doctor tells host keys of the image, and what belongs to sshd and is missing", async () => {
  expect(findBakedKeys(createImage())).toEqual([{ verdict: "ok", about: "image", text: "no host keys are baked in" }]);
  world.host = createImage({ "/etc/ssh/ssh_host_rsa_key": "x" });
  expect(await doctor([], true)).toMatch(/^warn image host keys are baked into the image: .* hint: in the RUN line/m);
  const programs = { sshd: "/usr/sbin/sshd", version: { major: 9, minor: 2 }, privsepDirectory: undefined };
  const lines = describePrograms({ ...programs, keygen: undefined, sftpServer: undefined });
  expect(lines.map(({ verdict, text }) => `${verdict} ${text}`)).toEqual([
    "ok OpenSSH 9.2 at /usr/sbin/sshd",
    expect.stringMatching(/^warn no ssh-keygen: no host key can be made, and none in PEM form be read — hint: apt-get/),
    "note sftp by sshd itself (internal-sftp)",
  ]);
});

test("the doctor tells where the rights of an unprivileged user come from", async () => {
  vi.spyOn(c, "geteuid").mockReturnValue(1000);
  world.host = createImage({}, { helpers: { sudo: () => ({ stdout: Buffer.from(SCOPED) }) } });
  world.unseen = ["/etc/shadow"];
  const out = await doctor([`AUTHORIZED_KEYS=${PERSON.line}`]);
  expect(out).toContain("ok mode sudo: the image runs as uid 1000");
  expect(out).toMatch(
    /^unknown state not ours to look into: a start looks as root — saw \/etc\/shadow — hint: ask as root/m,
  );
  expect(await doctor(["WITHSSH_PRIVILEGE=rootless"])).toContain(
    "ok mode rootless: it is pinned, and the image runs as uid 1000",
  );
  world.host = createImage(
    {},
    { helpers: { sudo: () => ({ stdout: Buffer.from("Sorry, user app may not run sudo on box.\n") }) } },
  );
  expect(await doctor([])).toContain("ok mode rootless: the image runs as uid 1000");
});

test("the doctor beside a supervisor says that this is about another start", async () => {
  world.places = [{ directory: "/run/withssh", uid: 0 }];
  const app = { uid: 1000, gid: 1000 };
  world.socket.text = JSON.stringify({ ssh: "up", mode: "rootless", app, port: 2222, sshd: { pid: 7 } });
  const out = await doctor([]);
  expect(out).toContain("note ssh up here now; this is about another start");
  expect(out).toContain("ok mode rootless, as this container has been started; root asks, and its app is uid 1000");
});

/** What `--status` says where this happens at its socket. */
async function askedWith(socket: typeof world.socket, euid = 0): Promise<string> {
  const { askStatus } = await import("../../src/status-ask.ts");
  vi.spyOn(c, "geteuid").mockReturnValue(euid);
  vi.spyOn(c, "close").mockReturnValue(0);
  world.places = [{ directory: "/run/withssh", uid: 0 }];
  world.socket = socket;
  const answer = askStatus(new Map());
  return "problem" in answer ? renderProblem(answer.problem) : "answered";
}

test("a status that is not to be had says what is in the way, and whom to ask", async () => {
  const failing = (code: string) => ({
    connect: () => {
      throw new OsError(code, "connect", "ask the supervisor", "/run/withssh/status");
    },
  });
  expect(await askedWith({ uid: 33 })).toMatch(
    /^not the supervisor: another user listens at \/run\/withssh\/status — saw uid 33/,
  );
  world.isOfEarlierStart = true;
  expect(await askedWith(failing("ECONNREFUSED"))).toMatch(
    /^no supervisor of this start answers — saw one of an earlier/,
  );
  world.isOfEarlierStart = false;
  expect(await askedWith({ text: "" })).toMatch(/^the supervisor has too many askers/);
  expect(await askedWith({ text: "{" })).toMatch(/^the supervisor's answer was cut short/);
  expect(await askedWith(failing("ECONNREFUSED"))).toMatch(
    /^the supervisor has ended — saw .* hint: sshd and its sessions go on/,
  );
  expect(await askedWith(failing("ETIMEDOUT"))).toMatch(/^the supervisor does not answer — saw nothing in 2000 ms/);
  expect(await askedWith(failing("EACCES"))).toMatch(
    /^the supervisor cannot be asked — saw \/run\/withssh\/status: EACCES/,
  );
  expect(await askedWith(failing("ENOENT"), 1000)).toMatch(/^no supervisor answers in this container — hint: /);
  expect(await askedWith(failing("ENOENT"), 33)).toMatch(
    /^no supervisor answers this user — saw we are uid 33 — hint: .*--user 1000/,
  );
});

test("the health check of a container without SSH, or whose SSH is down for an unknown reason, says so", () => {
  world.places = [];
  expect(healthcheck(new Map([["WITHSSH_ENABLED", "false"]]))).toBe(0);
  expect(world.printed).toBe("healthy: ssh is switched off (WITHSSH_ENABLED=false, or a release command)\n");
  expect(judgeHealth({ ssh: "down", problem: null } as never)).toEqual({
    isHealthy: false,
    line: "unhealthy: ssh is down",
  });
});

test("a status that nobody can answer is a word for who debugs", () => {
  const host = createFakeHost();
  host.failOn({ call: "openDir" }, "every", "EROFS");
  const supervisor = { report: () => ({ plan: undefined }) };
  const parts = { host, config: {}, request: { mode: "root" }, supervisor, problems: {} };
  startStatus(parts as unknown as Parameters<typeof startStatus>[0]);
  expect(host.events).toEqual([{ type: "debug", text: expect.stringMatching(/^nobody answers --status: /) }]);
});

const inherited = (...environment: readonly string[]) => ({
  environment,
  descriptors: [],
  early: undefined,
  sudo: undefined,
});

test("a container without a command runs SSH alone, and says why that may not be meant", async () => {
  expect(await launch([], inherited())).toBe(0);
  expect(said()).toEqual([
    expect.stringMatching(/^no command was given: this container runs SSH alone — hint: setting ENTRYPOINT/),
  ]);
  await expect(launch([], inherited("WITHSSH_ENABLED=false"))).rejects.toThrow(
    "no command was given and WITHSSH_ENABLED=false: there is nothing to run — hint: give a command (CMD in the Dockerfile)",
  );
});

test("an app that could not be given sudo mode starts without it, and is told why", async () => {
  vi.spyOn(c, "geteuid").mockReturnValue(1000);
  const problem = { what: "no sudo rule names this user", hint: "grant it" };
  const sudo = { kind: "unavailable", isNews: true, problem } as const;
  expect(await launch([], { ...inherited("WITHSSH_SSH_ONLY=true"), sudo })).toBe(0);
  expect(said()).toEqual(["sudo mode is not to be had — saw no sudo rule names this user — hint: grant it"]);
});

/** What sshd -T prints for the fake image's config. */
const KEPT = [
  ...["port 2222", "listenaddress [::]:2222", "listenaddress 0.0.0.0:2222", "permitrootlogin without-password"],
  ...["hostbasedauthentication no", "pubkeyauthentication yes", "kerberosauthentication no", "gssapiauthentication no"],
  ...["passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no"],
  ...["trustedusercakeys none", "authorizedprincipalsfile none", "authorizedkeyscommand none"],
  ...["authorizedprincipalscommand none", "authorizedkeysfile /run/withssh/keys/%u", "authenticationmethods publickey"],
  ...["hostkey /etc/ssh/ssh_host_ed25519_key", "hostkey /etc/ssh/ssh_host_ecdsa_key"],
].join("\n");

test("the doctor tells that sshd would keep every promise", async () => {
  const helpers = { sshd: () => ({ stdout: Buffer.from(`${KEPT}\n`) }), "ssh-keygen": keygen() };
  world.host = createImage({}, { helpers });
  const out = await doctor([`AUTHORIZED_KEYS=${PERSON.line}`]);
  expect(out).toContain(
    "ok config sshd -t finds nothing wrong\nok config sshd -T shows for each user what we promise\n",
  );
});

test("the doctor leaves to the start what only a start can make", async () => {
  const stderr = Buffer.from("Missing privilege separation directory: /run/sshd\r\n");
  world.host = createImage({}, { helpers: { sshd: () => ({ code: 255, stderr }), "ssh-keygen": keygen() } });
  expect(await doctor([`AUTHORIZED_KEYS=${PERSON.line}`])).toMatch(
    /^note config what sshd -T shows for each user is proved at the start: it needs \/run\/sshd$/m,
  );
});

test("a bug of ours is told as one, with where it is", async () => {
  const ended = Promise.withResolvers<number>();
  vi.spyOn(c, "exit_group").mockImplementation((code) => void ended.resolve(code) as never);
  world.readArgv = () => {
    throw new TypeError("undefined is not a function");
  };
  await import("../../src/main.ts");
  expect(await ended.promise).toBe(70);
  expect(said()).toEqual([expect.stringMatching(/^this is a bug of withssh: TypeError: undefined is not a function/)]);
});
