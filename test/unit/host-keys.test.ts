/** What restoring promises for every state of the volume: never replaced, told in words, and the app is not held up. */
import { expect, test } from "vitest";
import { fingerprintOf } from "../../src/fingerprint.ts";
import { makeSlowHostKey, restoreHostKeys } from "../../src/host-keys.ts";
import type { FakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";
import {
  createWorld,
  fileOf,
  good,
  KEYGEN,
  keygen,
  PRIVATE,
  restore,
  restoreIdentity,
  SSH,
  settingsFor,
  shown,
  storedKeys,
  told,
  VOLUME,
} from "../support/host-key-world.ts";
import { makeKey } from "../support/openssh-key.ts";

const eventsOf = (host: { events: readonly { type: string }[] }, type: string) =>
  host.events.filter((event) => event.type === type);

test("keys on the volume are restored, nothing is written and no helper runs", async () => {
  const host = createWorld(storedKeys());
  const before = host.snapshot();
  const identity = await restoreIdentity(host);
  expect(identity.keys.map((key) => [key.type, key.origin, key.saved, key.publicLine])).toEqual([
    ["ed25519", "restored", true, good.ed25519.publicLine],
    ["ecdsa", "restored", true, good.ecdsa.publicLine],
    ["rsa", "restored", true, good.rsa.publicLine],
  ]);
  expect(identity).toMatchObject({ missing: [], appWritable: undefined, inMemory: false });
  expect(host.snapshot()).toEqual(before);
  expect(host.calls.filter((call) => call.mutates)).toEqual([]);
  expect(host.events).toEqual([
    { type: "host keys", restored: ["ed25519", "ecdsa", "rsa"], made: [], adopted: [], where: SSH },
  ]);
  expect(host.openDirs()).toEqual([]);
});

test("a first start makes ed25519 and ecdsa at once and leaves rsa for later", async () => {
  const host = createWorld();
  const identity = await restoreIdentity(host);
  expect(identity.keys.map((key) => [key.type, key.origin, key.saved])).toEqual([
    ["ed25519", "made", true],
    ["ecdsa", "made", true],
  ]);
  expect(identity.missing).toEqual(["rsa"]);
  for (const key of identity.keys) {
    expect(host.bytes(fileOf(key.type))).toEqual(key.privateBytes);
    expect(host.text(`${fileOf(key.type)}.pub`)).toBe(`${key.publicLine}\n`);
  }
  expect(Object.keys(host.snapshot(SSH))).toEqual([
    `${SSH}/ssh_host_ecdsa_key`,
    `${SSH}/ssh_host_ecdsa_key.pub`,
    `${SSH}/ssh_host_ed25519_key`,
    `${SSH}/ssh_host_ed25519_key.pub`,
  ]);
  expect(host.node(SSH)?.mode).toBe(0o700);
  expect(host.node(fileOf("ed25519"))?.mode).toBe(0o600);
  expect(host.snapshot(PRIVATE)).toEqual({});
  expect(host.events).toEqual([
    { type: "host keys", restored: [], made: ["ed25519", "ecdsa"], adopted: [], where: SSH },
  ]);
  const argv = host.calls.find((call) => call.call === "run")?.argv;
  expect(argv?.slice(0, 9)).toEqual([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]);
  expect(argv?.[9]).toMatch(/^\/run\/withssh\/private\/host-key-[0-9a-z]{16}$/);
});

test("rsa joins later, is saved, and the next start shows the same three", async () => {
  const host = createWorld();
  const identity = await restoreIdentity(host);
  const rsa = await makeSlowHostKey(host, settingsFor(host), "rsa", identity);
  expect(rsa).toMatchObject({
    type: "rsa",
    origin: "made",
    saved: true,
    publicBlob: good.rsa.publicBlob,
  });
  const next = await restoreIdentity(host.restart());
  expect(shown(next)).toEqual({ ...shown(identity), rsa: rsa && fingerprintOf(rsa.publicBlob) });
});

test("a type that is missing beside others is added later, and the others stay", async () => {
  const files = storedKeys();
  delete files[fileOf("ecdsa")];
  const host = createWorld(files);
  const identity = await restoreIdentity(host);
  expect(identity.keys.map((key) => key.type)).toEqual(["ed25519", "rsa"]);
  expect(identity.missing).toEqual(["ecdsa"]);
  expect(host.calls.some((call) => call.call === "run")).toBe(false);
  const made = await makeSlowHostKey(host, settingsFor(host), "ecdsa", identity);
  expect(made).toMatchObject({ type: "ecdsa", origin: "made", saved: true });
  // The .pub that lay there belonged to a key that is gone.
  expect(host.text(`${fileOf("ecdsa")}.pub`)).toBe(`${made?.publicLine}\n`);
});

const bad: [string, Seed, string][] = [
  ["cut off", good.ed25519.text.slice(0, 120), "cut off"],
  ["empty", "", "empty"],
  ["a public key", good.ed25519.publicLine, "public key"],
  ["encrypted", makeKey("ed25519", { cipher: "aes256-ctr", kdf: "bcrypt" }).text, "passphrase"],
  ["of another type", good.rsa.text, "ssh-rsa"],
  ["a directory", { directory: true }, "a directory"],
  ["a fifo", { fifo: true }, "no regular file"],
  ["a link to a good key", { link: "/volume/elsewhere" }, "symbolic link"],
  ["huge", { bytes: new Uint8Array(65 * 1024) }, "more than"],
];
test.each(bad)(
  "a key that is %s is told, left alone and not made anew; the good ones serve",
  async (_, seed, words) => {
    const files: Record<string, Seed> = { ...storedKeys(), "/volume/elsewhere": good.ed25519.text };
    delete files[`${fileOf("ed25519")}.pub`];
    const host = createWorld({ ...files, [fileOf("ed25519")]: seed });
    const before = host.snapshot();
    const identity = await restoreIdentity(host);
    expect(identity.keys.map((key) => key.type)).toEqual(["ecdsa", "rsa"]);
    expect(identity.missing).toEqual([]);
    expect(host.snapshot()).toEqual(before);
    const refused = eventsOf(host, "host key refused");
    expect(refused).toMatchObject([{ path: fileOf("ed25519") }]);
    expect(JSON.stringify(refused)).toContain(words);
    expect(told(host)).not.toMatch(/b3Bl|AAAA/);
  },
);

test.each(bad)("with only a key that is %s there is no identity, and none is made", async (_, seed) => {
  const host = createWorld({ [fileOf("ed25519")]: seed });
  const before = host.snapshot();
  expect(await restore(host)).toMatchObject({ problem: { what: "no host key on the volume can be used" } });
  expect(host.snapshot()).toEqual(before);
  expect(host.openDirs()).toEqual([]);
});

test("a key that we may not read is told with our uid; without rights no identity is made beside it", async () => {
  const host = createWorld({ ...storedKeys(), [`${SSH}/`]: { mode: 0o755 } }).restart({
    self: { uid: 1000, gid: 1000 },
  });
  for (const type of ["ed25519", "ecdsa", "rsa"] as const)
    host.put(fileOf(type), { bytes: good[type].bytes, mode: 0o600 });
  host.put(`${PRIVATE}/`, { uid: 1000, mode: 0o700 });
  expect(await restore(host)).toHaveProperty("problem");
  expect(told(host)).toContain("let uid 1000 read it");
  expect(host.calls.some((call) => call.call === "run")).toBe(false);
});

test.each([
  ["is a link", { [SSH]: { link: "/etc/ssh" } }],
  ["is a file", { [SSH]: "x" }],
  ["cannot be opened", { [`${SSH}/`]: { mode: 0o700 } }],
])("when .ssh %s there is no identity and nothing is changed", async (name, files) => {
  const self = name === "cannot be opened" ? { uid: 1000, gid: 1000 } : { uid: 0, gid: 0 };
  const host = createWorld({ ...files, [`${PRIVATE}/`]: { uid: self.uid, mode: 0o700 } }).restart({ self });
  const before = host.snapshot();
  expect(await restore(host)).toMatchObject({
    problem: { what: "the host keys under /volume/.ssh cannot be looked at" },
  });
  expect(host.snapshot()).toEqual(before);
  expect(host.openDirs()).toEqual([]);
});

test("a volume that is not mounted works and is warned about; a missing one is made", async () => {
  const host = createWorld();
  host.delete(VOLUME);
  const identity = await restoreIdentity(host, { volume: "/data/deep/volume" });
  expect(identity.inMemory).toBe(false);
  expect(told(host)).toContain("this identity ends with the container");
  expect(host.node("/data/deep/volume")).toMatchObject({ kind: "directory", mode: 0o755 });
  expect(host.node("/data/deep/volume/.ssh")?.mode).toBe(0o700);
  expect(host.openDirs()).toEqual([]);
  expect(shown(await restoreIdentity(host.restart(), { volume: "/data/deep/volume" }))).toEqual(shown(identity));
});

test("a volume that is a link to nowhere is a problem, not a reason for a passing identity", async () => {
  const host = createWorld({ "/data": { link: "/gone" } });
  expect(await restore(host, { volume: "/data" })).toMatchObject({ problem: { saw: "ELOOP at /data" } });
});

test.each(["EROFS", "ENOSPC"])(
  "where nothing can be saved (%s) a first start serves from memory, loudly",
  async (code) => {
    const host = createWorld({ [`${SSH}/`]: {} });
    if (code === "EROFS") host.mount(SSH).readOnly = true;
    else host.mount(SSH).full = true;
    const before = host.snapshot();
    const identity = await restoreIdentity(host);
    expect(identity).toMatchObject({ inMemory: true, missing: ["rsa"] });
    expect(identity.keys.map((key) => [key.type, key.origin, key.saved])).toEqual([
      ["ed25519", "made", false],
      ["ecdsa", "made", false],
    ]);
    expect(eventsOf(host, "warning")).toHaveLength(2);
    expect(told(host)).toContain(`cannot be saved","saw":"${code}","hint":"it is used from memory`);
    expect(await makeSlowHostKey(host, settingsFor(host), "rsa", identity)).toMatchObject({
      type: "rsa",
      saved: false,
    });
    expect(host.snapshot()).toEqual(before);
  },
);

test("a read-only volume without .ssh serves from memory too", async () => {
  const host = createWorld();
  host.mount(VOLUME).readOnly = true;
  expect(await restoreIdentity(host)).toMatchObject({ inMemory: true });
  expect(host.openDirs()).toEqual([]);
});

test("an identity on a read-only volume stays as it is: no type is added from memory, and nothing is said", async () => {
  const host = createWorld({ [fileOf("ed25519")]: good.ed25519.text });
  host.mount(SSH).readOnly = true;
  const identity = await restoreIdentity(host);
  expect(identity).toMatchObject({ inMemory: false, missing: ["ecdsa", "rsa"] });
  expect(await makeSlowHostKey(host, settingsFor(host), "rsa", identity)).toBeUndefined();
  expect(eventsOf(host, "warning")).toEqual([]);
});

test("when only one of two new keys can be saved, only that one is shown", async () => {
  const host = createWorld({ [`${SSH}/`]: {} });
  host.failOn({ operation: "save host key", call: "create" }, 2, "ENOSPC");
  const identity = await restoreIdentity(host);
  expect(identity.keys.map((key) => key.type)).toEqual(["ed25519"]);
  expect(identity).toMatchObject({ inMemory: false, missing: ["ecdsa", "rsa"] });
  expect(told(host)).toContain("it is left out, so that the identity stays");
});

test("without ssh-keygen, or when it fails, there is no identity; stored keys serve all the same", async () => {
  expect(await restore(createWorld(), { keygen: undefined })).toMatchObject({ problem: { saw: "no ssh-keygen" } });
  const failing = createWorld({}, { helpers: { "ssh-keygen": () => ({ code: 1 }) } });
  expect(await restore(failing)).toMatchObject({ problem: { saw: "ssh-keygen exit 1" } });
  const lying = createWorld(
    {},
    { helpers: { "ssh-keygen": (argv, { host }) => void host.put(argv.at(-1) ?? "", "junk") } },
  );
  expect(await restore(lying)).toMatchObject({ problem: { what: "ssh-keygen made no usable ed25519 host key" } });
  expect(lying.snapshot(SSH)).toEqual({});
  expect((await restoreIdentity(createWorld(storedKeys()), { keygen: undefined })).keys).toHaveLength(3);
});

test("a key in PEM form is restored with the public half that ssh-keygen derives, and nothing of it is left", async () => {
  const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
  const helpers = { "ssh-keygen": keygen({ [pem]: good.rsa.publicLine }) };
  const host = createWorld({ [fileOf("rsa")]: pem }, { helpers });
  const identity = await restoreIdentity(host);
  expect(shown(identity)).toEqual({ rsa: fingerprintOf(good.rsa.publicBlob) });
  expect(host.snapshot(PRIVATE)).toEqual({});
  const broken = createWorld({ [fileOf("rsa")]: pem });
  expect(await restore(broken)).toHaveProperty("problem");
  expect(told(broken)).toContain("ssh-keygen cannot read it");
});

test("a stale or missing .pub is written from the private half; a link there is replaced, not followed", async () => {
  const files = { ...storedKeys(), [`${fileOf("ed25519")}.pub`]: `${good.rsa.publicLine}\n` };
  delete files[`${fileOf("ecdsa")}.pub`];
  const host = createWorld({ ...files, [`${fileOf("rsa")}.pub`]: { link: "/etc/passwd" }, "/etc/passwd": "root" });
  await restoreIdentity(host);
  for (const type of ["ed25519", "ecdsa", "rsa"] as const) {
    expect(host.text(`${fileOf(type)}.pub`)).toBe(`${good[type].publicLine}\n`);
  }
  expect(host.text("/etc/passwd")).toBe("root");
  expect(host.events).toHaveLength(1);
});

test("whoever only looks for an identity finds the one that is there, and otherwise nothing is made or told", async () => {
  const look = async (host: FakeHost, changes = {}) => {
    const settings = settingsFor(host, changes);
    const result = await restoreHostKeys(host, settings);
    settings.privateDir.close();
    return result;
  };
  const stored = createWorld(storedKeys());
  expect(await look(stored)).toEqual(await restore(stored));
  expect(await look(createWorld({ [fileOf("ed25519")]: "damaged" }))).toMatchObject({
    problem: { saw: "1 that cannot" },
  });
  for (const [files, changes] of [
    [{}, {}],
    [{ [`${SSH}/`]: { mode: 0o700 } }, {}],
    [storedKeys(), { adoptImageKeys: true }],
    [{}, { volume: "/not/there" }],
  ] as const) {
    const host = createWorld(files);
    const before = host.snapshot();
    expect(await look(host, changes)).toBeUndefined();
    expect([host.snapshot(), host.events]).toEqual([before, []]);
  }
});

test("a directory in place of .pub, or no right to write it, costs nothing", async () => {
  const host = createWorld({ ...storedKeys(), [`${fileOf("rsa")}.pub`]: { directory: true } });
  host.put(`${fileOf("ecdsa")}.pub`, "stale");
  host.mount(SSH).readOnly = true;
  expect((await restoreIdentity(host)).keys).toHaveLength(3);
  expect(host.events).toHaveLength(1);
});

test("a host certificate comes along when it is for this key, and only then", async () => {
  const fields = good.ed25519.publicBlob.subarray(4 + "ssh-ed25519".length);
  const certificate = `ssh-ed25519-cert-v01@openssh.com ${Buffer.from(fields).toString("base64")} ca\n`;
  const host = createWorld({
    ...storedKeys(),
    [`${fileOf("ed25519")}-cert.pub`]: certificate,
    [`${fileOf("rsa")}-cert.pub`]: certificate.replaceAll("ed25519", "rsa"),
    [`${fileOf("ecdsa")}-cert.pub`]: good.ecdsa.publicLine,
  });
  const [ed25519, ecdsa, rsa] = (await restoreIdentity(host)).keys;
  expect(new TextDecoder().decode(ed25519?.certificate)).toBe(certificate);
  expect([ecdsa?.certificate, rsa?.certificate]).toEqual([undefined, undefined]);
});

test("other files beside the keys are left alone, old temporary files of ours are not", async () => {
  const hour = 3_600_000;
  const now = 1_700_000_000_000;
  const old = { text: "x", mtimeMs: now - hour - 1 };
  const name = ".ssh_host_ed25519_key.0123456789abcdef";
  const host = createWorld({
    ...storedKeys(),
    [`${SSH}/deploy_key`]: old,
    [`${SSH}/ssh_host_dsa_key`]: old,
    [`${SSH}/.ssh_host_ed25519_key.bak`]: old,
    [`${SSH}/${name}`]: old,
    [`${SSH}/${name.replace("0", "9")}`]: { text: "a rival's", mtimeMs: now - hour + 1 },
  });
  await restoreIdentity(host);
  const names = Object.keys(host.snapshot(SSH)).map((path) => path.slice(SSH.length + 1));
  expect(names).toContain("deploy_key");
  expect(names).toContain("ssh_host_dsa_key");
  expect(names).toContain(".ssh_host_ed25519_key.bak");
  expect(names).toContain(name.replace("0", "9"));
  expect(names).not.toContain(name);
});

test("what a killed start left in the private directory goes with the next key that is made or derived", async () => {
  const left = { [`${PRIVATE}/host-key-0123456789abcdef`]: { text: "x", mtimeMs: 0 } };
  const making = createWorld(left);
  await restoreIdentity(making);
  expect(making.snapshot(PRIVATE)).toEqual({});
  const deriving = createWorld({
    ...left,
    [fileOf("rsa")]: "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
  });
  await restore(deriving);
  expect(deriving.snapshot(PRIVATE)).toEqual({});
});

const image = () => ({
  "/etc/ssh/ssh_host_ed25519_key": good.ed25519.text,
  "/etc/ssh/ssh_host_rsa_key": good.rsa.text,
});

test("keys baked into the image are not used on their own", async () => {
  const host = createWorld(image());
  const identity = await restoreIdentity(host);
  expect(Object.values(shown(identity))).not.toContain(fingerprintOf(good.ed25519.publicBlob));
  expect(identity.missing).toEqual(["rsa"]);
});

test("with WITHSSH_ADOPT_IMAGE_KEYS a first start saves the image's keys; the next start stays silent about it", async () => {
  const host = createWorld(image());
  const identity = await restoreIdentity(host, { adoptImageKeys: true });
  expect(identity.keys.map((key) => [key.type, key.origin, key.saved])).toEqual([
    ["ed25519", "adopted", true],
    ["rsa", "adopted", true],
  ]);
  expect(identity.missing).toEqual(["ecdsa"]);
  expect(host.text(fileOf("rsa"))).toBe(good.rsa.text);
  const next = host.restart();
  expect(shown(await restoreIdentity(next, { adoptImageKeys: true }))).toEqual(shown(identity));
  expect(eventsOf(next, "warning")).toEqual([]);
});

test("an adoption that was killed halfway is finished", async () => {
  const host = createWorld({ ...image(), [fileOf("ed25519")]: good.ed25519.text });
  const identity = await restoreIdentity(host, { adoptImageKeys: true });
  expect(identity.keys.map((key) => [key.type, key.origin])).toEqual([
    ["ed25519", "restored"],
    ["rsa", "adopted"],
  ]);
});

test("adoption is refused once the volume has other keys, in words", async () => {
  const host = createWorld({ ...image(), [fileOf("ed25519")]: makeKey("ed25519").text });
  const identity = await restoreIdentity(host, { adoptImageKeys: true });
  expect(identity.keys.map((key) => key.origin)).toEqual(["restored"]);
  expect(host.text(fileOf("rsa"))).toBeUndefined();
  expect(told(host)).toContain("WITHSSH_ADOPT_IMAGE_KEYS has no effect");
});

test("with nothing to adopt fresh keys are made, and the setting is warned about", async () => {
  const host = createWorld();
  expect((await restoreIdentity(host, { adoptImageKeys: true })).keys.map((key) => key.origin)).toEqual([
    "made",
    "made",
  ]);
  expect(told(host)).toContain("no usable host key in /etc/ssh");
});
