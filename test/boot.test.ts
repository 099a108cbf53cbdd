/** Whole boots on the fake host, as phases: given environment and files → expect files, helpers, log lines, plan or refusal. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Doorkeeper } from "../src/boot.ts";
import { renderEvent } from "../src/events.ts";
import type { Request } from "../src/request.ts";
import {
  APP_UID,
  bootOn,
  configOf,
  createImage,
  helpersOf,
  identityOf,
  logOf,
  OTHER,
  PERSON,
  stagesOf,
} from "./support/boot-world.ts";
import type { FakeHost } from "./support/fake-host.ts";
import type { Seed } from "./support/fake-tree.ts";
import { storedKeys } from "./support/host-key-world.ts";

/** As docs/boot.md lists them: the page is what the boots below are held to. */
const PAGE = readFileSync(new URL("../docs/boot.md", import.meta.url), "utf8");
const rowsOf = (heading: string) =>
  [...(PAGE.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "").matchAll(/^\| `([^`]+)` \|/gm)].map(
    (row) => row[1] ?? "",
  );
const STAGES = rowsOf("The stages");
/** Where the identity is to be made. */
const FIRST_STAGES = STAGES.filter((name) => name !== "collectAuthorizedKeys");
FIRST_STAGES.splice(FIRST_STAGES.indexOf("makeHostKeys"), 0, "collectAuthorizedKeys");
const HEADER = "# written by withssh, do not edit: changes here are lost\n";
const KEYS = { AUTHORIZED_KEYS: PERSON.line };
const keyFile = (...lines: string[]) => `file 0644 0:0 ${HEADER}${lines.map((line) => `${line}\n`).join("")}`;
const PRIVATE_KEY = /^file 0600 0:0 -----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END/;

interface Phase {
  readonly title: string;
  readonly files?: Readonly<Record<string, Seed | undefined>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly request?: Partial<Request>;
  /** Path → its line in the snapshot; undefined: nothing is there. */
  readonly expectFiles?: Readonly<Record<string, string | RegExp | undefined>>;
  readonly expectHelpers?: readonly (string | RegExp)[];
  /** All lines at info and above, in order. */
  readonly expectLog: readonly (string | RegExp)[];
  readonly expectFailure?: { stage: string; what: RegExp; saw?: RegExp; hint?: RegExp };
  readonly expectUsers?: readonly string[];
  readonly expectConfig?: readonly (string | RegExp)[];
  readonly rejectConfig?: readonly RegExp[];
}

/** Named by its content: the one in force stays while the next is proved. */
const OPERATOR_LINES = "MaxSessions 2\nMatch Address 10.0.0.0/8\n  X11Forwarding yes";
const OPERATOR_FILE = `/run/withssh/private/operator_config.${new Bun.CryptoHasher("sha256").update(`${OPERATOR_LINES}\n`).digest("hex").slice(0, 16)}`;

/** Where an identity is restored; one that is made waits for a key. */
const GOOD_LOG = ["info host keys", "info authorized keys"];
const FIRST_LOG = GOOD_LOG.toReversed();
const volumeWith = (files: Record<string, Seed> = {}) => ({ ...storedKeys(), ...files });

const phases: readonly Phase[] = [
  {
    title: "a first start makes a fast identity, saves it, copies it, and lets one person in",
    expectFiles: {
      "/run/withssh": "directory 0755 0:0",
      "/run/withssh/keys": "directory 0755 0:0",
      "/run/withssh/keys/root": keyFile(PERSON.line),
      "/run/withssh/private": "directory 0700 0:0",
      "/run/withssh/private/sshd_config": /^file 0600 0:0 Port 2222\n/,
      [OPERATOR_FILE]: undefined,
      "/run/sshd": "directory 0755 0:0",
      "/volume/.ssh": "directory 0700 0:0",
      "/volume/.ssh/ssh_host_ed25519_key": PRIVATE_KEY,
      "/volume/.ssh/ssh_host_ed25519_key.pub": /^file 0644 0:0 ssh-ed25519 /,
      "/volume/.ssh/ssh_host_ecdsa_key": PRIVATE_KEY,
      "/volume/.ssh/ssh_host_rsa_key": undefined,
      "/etc/ssh/ssh_host_ed25519_key": PRIVATE_KEY,
      "/etc/ssh/ssh_host_ecdsa_key": PRIVATE_KEY,
      "/etc/profile.d/00-withssh.sh": undefined,
      "/root/.ssh": undefined,
    },
    expectHelpers: [
      /^\/usr\/bin\/ssh-keygen -q -t ed25519 -N {2}-C {2}-f \/run\/withssh\/private\/host-key-\w{16}$/,
      /^\/usr\/bin\/ssh-keygen -q -t ecdsa /,
    ],
    expectLog: FIRST_LOG,
    expectUsers: ["root"],
    expectConfig: [
      "HostKey /etc/ssh/ssh_host_ed25519_key",
      "HostKey /etc/ssh/ssh_host_ecdsa_key",
      "AuthenticationMethods publickey",
      "AuthorizedKeysFile /run/withssh/keys/%u",
      "Banner /etc/issue.net",
      "Subsystem sftp /usr/lib/openssh/sftp-server",
    ],
  },
  {
    title: "keys on the volume are restored without any helper, and the volume's own key file counts too",
    files: volumeWith({ "/volume/.ssh/authorized_keys": { text: `${OTHER.line}\n`, mode: 0o600 } }),
    expectFiles: {
      "/run/withssh/keys/root": keyFile(PERSON.line, OTHER.line),
      "/etc/ssh/ssh_host_rsa_key": PRIVATE_KEY,
    },
    expectHelpers: [],
    expectLog: GOOD_LOG,
    expectUsers: ["root"],
  },
  {
    title: "a bad key line is told with its number beside good ones, and never echoed",
    environment: { AUTHORIZED_KEYS: `${PERSON.line}\nssh-ed25519 AAAAbroken me@home\n` },
    expectFiles: { "/run/withssh/keys/root": keyFile(PERSON.line) },
    expectLog: [/^warn key line refused: (?!.*AAAAbroken)/, ...FIRST_LOG],
  },
  {
    title: "without any key SSH stays down with the words to give one, and no identity is made",
    environment: {},
    expectFiles: {
      "/run/withssh/keys/root": undefined,
      "/volume/.ssh": undefined,
      "/etc/ssh/ssh_host_ed25519_key": undefined,
    },
    expectHelpers: [],
    expectLog: ["info authorized keys"],
    expectFailure: { stage: "collectAuthorizedKeys", what: /no authorized key/, hint: /AUTHORIZED_KEYS=/ },
  },
  {
    title: "without sshd the hint names the package of three distributions",
    files: { "/usr/sbin/sshd": undefined },
    expectFiles: { "/volume/.ssh": undefined },
    expectLog: [],
    expectFailure: {
      stage: "findSshd",
      what: /no sshd in this image/,
      hint: /Debian: apt-get install openssh-server · Alpine: apk add openssh · Fedora: dnf install openssh-server/,
    },
  },
  {
    title: "a named sshd that is not there is not replaced by a found one",
    environment: { ...KEYS, WITHSSH_SSHD: "/opt/sshd" },
    expectLog: [],
    expectFailure: { stage: "findSshd", what: /^WITHSSH_SSHD: \/opt\/sshd cannot be run/ },
  },
  {
    title: "a state directory of somebody else is refused and nothing is written into it",
    files: { "/run/withssh/": { uid: APP_UID, mode: 0o755 } },
    expectFiles: { "/run/withssh": "directory 0755 1000:0", "/run/withssh/keys": undefined, "/volume/.ssh": undefined },
    expectLog: [],
    expectFailure: {
      stage: "openStateDirectory",
      what: /^\/run\/withssh is there and others can write/,
      saw: /uid 1000/,
    },
  },
  {
    title: "a private part that others can look into is refused",
    files: { "/run/withssh/": {}, "/run/withssh/private/": { mode: 0o755 } },
    expectFiles: { "/run/withssh/private/sshd_config": undefined },
    expectLog: [],
    expectFailure: { stage: "openStateDirectory", what: /\/run\/withssh\/private is there/, saw: /mode 755/ },
  },
  {
    title: "a state directory that is a link is refused and its target stays empty",
    files: { "/run/withssh": { link: "/tmp/planted" }, "/tmp/planted/": { uid: APP_UID } },
    expectFiles: { "/run/withssh": "link 0777 0:0 -> /tmp/planted", "/tmp/planted/keys": undefined },
    expectLog: [],
    expectFailure: { stage: "openStateDirectory", what: /cannot be used/, saw: /\/run\/withssh: (?:ELOOP|ENOTDIR)/ },
  },
  {
    title: "a /run that everyone may write is refused, a sticky one is used",
    files: { "/run/": { mode: 0o777 } },
    expectFiles: { "/run/withssh": undefined },
    expectLog: [],
    expectFailure: { stage: "openStateDirectory", what: /^\/run is there/, hint: /chmod 755 \/run/ },
  },
  {
    title: "an image without /run, or with docker's 1777 tmpfs there, boots",
    files: { "/run/": { mode: 0o1777, mount: {} } },
    expectFiles: { "/run/withssh": "directory 0755 0:0" },
    expectLog: FIRST_LOG,
  },
  {
    title: "with nothing mounted the identity is made, and it is said that it ends with the container",
    files: { "/volume/": undefined },
    expectFiles: { "/volume/.ssh/ssh_host_ed25519_key": PRIVATE_KEY },
    expectLog: [
      "info authorized keys",
      /^warn nothing is mounted at \/volume: .*hint: mount a volume at \/volume/,
      "info host keys",
    ],
  },
  {
    title: "the image's Port and host keys go, its Match and Includes stay, and what went is named once",
    files: {
      ...volumeWith(),
      "/etc/ssh/sshd_config": [
        "Include /etc/ssh/sshd_config.d/*.conf",
        "Port 22",
        "HostKey /etc/ssh/image_key",
        "Subsystem sftp /usr/lib/openssh/sftp-server -l INFO",
        "Match User root",
        "  PasswordAuthentication yes",
        "  X11Forwarding yes",
        "",
      ].join("\n"),
      "/etc/ssh/sshd_config.d/10-port.conf": "Port 2022\nMaxSessions 3\n",
    },
    expectLog: ["info host keys", "info lines of the image's sshd_config left out", "info authorized keys"],
    expectConfig: [
      "Port 2222",
      "MaxSessions 3",
      "Match User root",
      /^\s*X11Forwarding yes/,
      "Subsystem sftp /usr/lib/openssh/sftp-server -l INFO",
    ],
    rejectConfig: [
      /^Port (?!2222$)/,
      /image_key/,
      /^\s*PasswordAuthentication yes/,
      /^Subsystem sftp \/usr\/lib\/openssh\/sftp-server$/,
    ],
  },
  {
    title: "the operator's lines lie in a file of their own that is included before the image's",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_SSHD_CONFIG: OPERATOR_LINES },
    expectFiles: {
      [OPERATOR_FILE]: "file 0600 0:0 MaxSessions 2\nMatch Address 10.0.0.0/8\n  X11Forwarding yes\n",
    },
    expectLog: GOOD_LOG,
    expectConfig: [`Include ${OPERATOR_FILE}`],
  },
  {
    title: "an operator's Match block that would undo a promise is refused with its line",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_SSHD_CONFIG: "MaxSessions 2\nMatch all\nPasswordAuthentication yes" },
    expectFiles: { "/run/withssh/private/sshd_config": undefined },
    expectLog: ["info host keys"],
    expectFailure: {
      stage: "writeSshdConfig",
      what: /^WITHSSH_SSHD_CONFIG, line 3: PasswordAuthentication in a Match block/,
    },
  },
  {
    title: "an operator's file that is not there is named with its setting",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_SSHD_CONFIG_FILE: "/config/sshd" },
    expectLog: ["info host keys"],
    expectFailure: { stage: "writeSshdConfig", what: /WITHSSH_SSHD_CONFIG_FILE/, saw: /^\/config\/sshd: ENOENT/ },
  },
  {
    title: "users that cannot log in are told one by one, and the others get in",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_USERS: "nobody-here,web,deploy" },
    expectFiles: {
      "/run/withssh/keys/deploy": keyFile(PERSON.line),
      "/run/withssh/keys/web": undefined,
      "/run/withssh/keys/nobody-here": undefined,
    },
    expectLog: [
      /^error login user left out: there is no user nobody-here/,
      /^error login user left out: web has no login shell/,
      ...GOOD_LOG,
    ],
    expectUsers: ["deploy"],
  },
  {
    title: "when no user can log in SSH is down with the first one's reason",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_USERS: "nobody-here,web" },
    expectLog: [/nobody-here/, /web has no login shell/],
    expectFailure: { stage: "prepareAccounts", what: /there is no user nobody-here/ },
  },
  {
    title: "a locked account becomes one that only keys open, and its missing home is made",
    files: volumeWith(),
    environment: { ...KEYS, WITHSSH_USERS: "locked" },
    expectFiles: {
      "/etc/shadow": /^file 0640 0:42 .*\nlocked:\*:19000:/s,
      "/etc/shadow.lock": undefined,
      "/home/locked": "directory 0700 1002:1002",
    },
    expectLog: GOOD_LOG,
    expectUsers: ["locked"],
  },
  {
    title: "/etc/nologin keeps everyone but root out, and is named",
    files: { ...volumeWith(), "/etc/nologin": "" },
    environment: { ...KEYS, WITHSSH_USERS: "app,root" },
    expectLog: [/^error login user left out: \/etc\/nologin is there/, ...GOOD_LOG],
    expectUsers: ["root"],
  },
  {
    title: "a read-only /etc only moves the host keys into the private directory",
    files: { ...volumeWith(), "/etc/": { mount: { readOnly: true } } },
    expectFiles: {
      "/run/withssh/private/host-keys": "directory 0700 0:0",
      "/run/withssh/private/host-keys/ssh_host_ed25519_key": PRIVATE_KEY,
      "/etc/ssh/ssh_host_ed25519_key": undefined,
    },
    environment: { ...KEYS, PATH: "/opt/bin:/usr/bin" },
    expectLog: GOOD_LOG,
    expectConfig: ["HostKey /run/withssh/private/host-keys/ssh_host_ed25519_key"],
  },
  {
    title: "a read-only root without a place for the state is told as that",
    files: { ...volumeWith(), "/run/": { mount: { readOnly: true } } },
    expectLog: [],
    expectFailure: {
      stage: "openStateDirectory",
      what: /cannot be used/,
      saw: /EROFS/,
      hint: /docker run --tmpfs \/run/,
    },
  },
  {
    title: "the app's own user gets the whole environment but for our settings, everyone else four names",
    files: volumeWith(),
    environment: {
      ...KEYS,
      WITHSSH_USERS: "app,deploy",
      WITHSSH_PORT: "2022",
      PATH: "/opt/bin",
      SECRET: "s3",
      LC_TIME: "C",
    },
    request: { appUid: APP_UID, appGid: APP_UID },
    expectFiles: { "/run/withssh/private/sshd_config": /^file 0600 0:0 / },
    expectLog: GOOD_LOG,
    expectConfig: [
      "Port 2022",
      "Match User app",
      /^SetEnv .*SECRET=s3/,
      "Match User deploy",
      /^SetEnv (?!.*SECRET).*LC_TIME=C/,
    ],
    rejectConfig: [/WITHSSH_/, /AUTHORIZED_KEYS/, new RegExp(PERSON.line.split(" ")[1]?.slice(0, 40) ?? "-")],
  },
  {
    title: "without WITHSSH_USERS the app's own user gets the keys, named by the user database",
    files: volumeWith(),
    environment: { ...KEYS, PATH: "/opt/bin:/usr/bin" },
    request: { appUid: APP_UID, appGid: APP_UID },
    expectFiles: {
      "/run/withssh/keys/app": keyFile(PERSON.line),
      "/etc/profile.d/00-withssh.sh": /^file 0644 0:0 .*PATH='\/opt\/bin:\/usr\/bin'/s,
    },
    expectLog: GOOD_LOG,
    expectUsers: ["app"],
    expectConfig: ['SetEnv "PATH=/opt/bin:/usr/bin"'],
  },
  {
    title: "a volume that the app can write is used and marked",
    files: { ...volumeWith(), "/volume/": { mount: {}, uid: APP_UID } },
    request: { appUid: APP_UID, appGid: APP_UID },
    expectLog: GOOD_LOG,
    expectUsers: ["app"],
  },
];

const match = (value: string | RegExp) => (typeof value === "string" ? value : expect.stringMatching(value));

describe("a boot", () => {
  test.each(phases.map((phase) => [phase.title, phase] as const))("%s", async (_title, phase) => {
    const host = createImage(phase.files);
    const { plan, failure } = await bootOn(host, phase.environment ?? KEYS, phase.request);
    const { stage, what, saw, hint } = phase.expectFailure ?? {};
    expect(failure?.message).toEqual(phase.expectFailure === undefined ? undefined : expect.any(String));
    if (failure !== undefined) {
      expect(failure.stage).toBe(stage);
      expect(failure.problem.what).toMatch(what ?? /$./);
      if (saw !== undefined) expect(failure.problem.saw).toMatch(saw);
      if (hint !== undefined) expect(failure.problem.hint).toMatch(hint);
    }
    const tree = host.snapshot();
    for (const [path, line] of Object.entries(phase.expectFiles ?? {})) {
      expect({ [path]: tree[path] }).toEqual({ [path]: line === undefined ? undefined : match(line) });
    }
    expect(logOf(host)).toEqual(phase.expectLog.map(match));
    if (phase.expectHelpers !== undefined) expect(helpersOf(host)).toEqual(phase.expectHelpers.map(match));
    if (phase.expectUsers !== undefined) expect(plan?.accounts.map(({ name }) => name)).toEqual(phase.expectUsers);
    for (const line of phase.expectConfig ?? []) expect(configOf(host)).toContainEqual(match(line));
    for (const line of phase.rejectConfig ?? []) expect(configOf(host)).not.toContainEqual(match(line));
    const order = Object.keys(phase.files ?? {}).some((path) => path.startsWith("/volume/.ssh/ssh_host_"))
      ? STAGES.filter((name) => name !== "makeHostKeys")
      : FIRST_STAGES;
    expect(stagesOf(host)).toEqual(
      order.slice(0, failure === undefined ? undefined : order.indexOf(failure.stage) + 1),
    );
  });

  test("a key that the app could have planted on the volume is marked in the log and in the plan", async () => {
    const host = createImage({ ...volumeWith(), "/volume/": { mount: {}, uid: APP_UID } });
    const { plan } = await bootOn(host, KEYS, { appUid: APP_UID, appGid: APP_UID });
    expect(plan?.identity.appWritable).toBe("/volume");
    expect(host.events).toContainEqual(expect.objectContaining({ type: "host keys", appWritable: "/volume" }));
  });

  test("no secret and no key body is ever in the log", async () => {
    const host = createImage();
    await bootOn(host, { ...KEYS, SECRET: "hunter2", PATH: "/usr/bin" });
    const text = JSON.stringify(host.events);
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(PERSON.line.split(" ")[1]);
    expect(text).not.toContain("BEGIN OPENSSH");
  });
});

describe("an sshd that waits", () => {
  /** Notes which files there are when it is told. */
  function watch(host: FakeHost): { readonly door: Doorkeeper; readonly seen: Record<string, readonly boolean[]> } {
    const seen: Record<string, readonly boolean[]> = {};
    const look = (when: string) => {
      const paths = ["/etc/ssh/ssh_host_rsa_key", "/run/withssh/keys/root", "/etc/profile.d/00-withssh.sh"];
      seen[when] = paths.map((path) => host.text(path) !== undefined);
    };
    return { door: { load: () => look("load"), admit: () => look("admit") }, seen };
  }
  const PATHS = { ...KEYS, PATH: "/usr/bin" };

  test("gets its config with its own keys, and lets in once all is there that a login goes by", async () => {
    const host = createImage(volumeWith());
    const { door, seen } = watch(host);
    await bootOn(host, PATHS, {}, door);
    expect(seen).toEqual({ load: [true, false, false], admit: [true, true, true] });
  });

  test("lets nobody in where there is no key", async () => {
    const host = createImage(volumeWith());
    const { door, seen } = watch(host);
    const { failure } = await bootOn(host, { PATH: "/usr/bin" }, {}, door);
    expect(failure?.stage).toBe("collectAuthorizedKeys");
    expect(seen).toEqual({ load: [true, false, false] });
  });
});

test("docs/boot.md names the stages of the code, in their order, and the fields of the ready line", () => {
  const source = ["wake.ts", "boot.ts"].map((name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8"));
  expect(STAGES.toSorted()).toEqual(
    [...source.join("").matchAll(/stage\("(\w+)"/g)].map((match) => match[1]).toSorted(),
  );
  const ready = renderEvent({
    type: "ssh ready",
    mode: "root",
    port: 1,
    users: [],
    hostKeys: [],
    hostKeysPending: [],
    knownHosts: "",
    knownHostsExact: true,
  });
  expect(rowsOf("`ssh ready`")).toEqual(["msg", ...Object.keys(ready.fields)]);
  expect(ready.msg).toBe("ssh ready");
});

test("without root everything is the user's own, and nothing is written outside", async () => {
  const self = { uid: APP_UID, gid: APP_UID };
  const host = createImage({ "/volume/": { mount: {}, ...self }, "/home/app/": { mode: 0o700, ...self } }, { self });
  const before = host.snapshot("/etc");
  const environment = { ...KEYS, HOME: "/home/app", PATH: "/usr/bin" };
  const { plan, failure } = await bootOn(host, environment, { mode: "rootless", appUid: APP_UID, appGid: APP_UID });
  expect(failure?.message).toBeUndefined();
  expect(plan?.accounts.map(({ name }) => name)).toEqual(["app"]);
  expect(host.snapshot("/etc")).toEqual(before);
  expect(host.snapshot("/run")).toEqual({});
  const state = host.snapshot("/home/app");
  const keys = Object.keys(state).find((path) => path.endsWith("/keys/app")) ?? "";
  expect(state[keys]).toMatch(new RegExp(`^file 0[0-7]{3} 1000:1000 ${HEADER}`));
  const config = Object.entries(state).find(([path]) => path.endsWith("/private/sshd_config"))?.[1];
  expect(config).toMatch(/^file 0600 1000:1000 Port 2222\n/);
  expect(config).not.toContain("UsePAM");
});

describe("a restart", () => {
  test("serves the same identity, runs no helper, and takes away a key that is no longer named", async () => {
    const host = createImage();
    const first = await bootOn(host, {
      AUTHORIZED_KEYS: `${PERSON.line}\n${OTHER.line}`,
      WITHSSH_USERS: "root,deploy",
    });
    const again = host.restart();
    const second = await bootOn(again, { AUTHORIZED_KEYS: OTHER.line });
    expect(identityOf(second.plan)).toEqual(identityOf(first.plan));
    expect(helpersOf(again)).toEqual([]);
    const tree = again.snapshot("/run/withssh/keys");
    expect(tree).toEqual({ "/run/withssh/keys/root": keyFile(OTHER.line) });
  });

  test("leaves last time's PATH and operator lines behind", async () => {
    const host = createImage(volumeWith());
    await bootOn(host, { ...KEYS, PATH: "/old/bin", WITHSSH_SSHD_CONFIG: "MaxSessions 2" });
    expect(host.text("/etc/profile.d/00-withssh.sh")).toContain("/old/bin");
    const again = host.restart();
    await bootOn(again);
    expect(again.text("/etc/profile.d/00-withssh.sh")).toBeUndefined();
    expect(configOf(again).filter((line) => /old|operator_config|MaxSessions/.test(line))).toEqual([]);
  });

  test("a new container on the same volume has the same identity", async () => {
    const host = createImage();
    const first = await bootOn(host);
    const other = createImage({ "/volume/": undefined }, { seed: 77 });
    other.share("/volume", host);
    const second = await bootOn(other);
    expect(identityOf(second.plan)).toEqual(identityOf(first.plan));
    expect(Object.keys(identityOf(second.plan))).toEqual(["ed25519", "ecdsa"]);
  });
});
