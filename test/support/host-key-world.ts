/** A volume, an image and an ssh-keygen in memory, for the tests of host keys. Keys are made once and told by label. */
import { fingerprintOf } from "../../src/fingerprint.ts";
import type { Dir, Host } from "../../src/host.ts";
import type { HostKeyType } from "../../src/host-key-files.ts";
import type { HostKeySettings, Identity } from "../../src/host-keys.ts";
import { restoreOrMakeHostKeys, savePublicHalves } from "../../src/host-keys.ts";
import type { FakeHost, FakeHostOptions, Helper } from "./fake-host.ts";
import { createFakeHost } from "./fake-host.ts";
import type { Seed } from "./fake-tree.ts";
import type { TestKey } from "./openssh-key.ts";
import { makeKey } from "./openssh-key.ts";

export const VOLUME = "/volume";
export const SSH = "/volume/.ssh";
export const PRIVATE = "/run/withssh/private";
export const KEYGEN = "/usr/bin/ssh-keygen";
export const fileOf = (type: HostKeyType) => `${SSH}/ssh_host_${type}_key`;

const KINDS = { ed25519: "ed25519", ecdsa: "nistp256", rsa: "rsa" } as const;

/** Good keys, the same in every test of a file. */
export const good: Record<HostKeyType, TestKey> = {
  ed25519: makeKey("ed25519"),
  ecdsa: makeKey("nistp256"),
  rsa: makeKey("rsa"),
};

/** ssh-keygen as we call it: makes a new key each time (rsa: always the same, they are slow), derives `-y` from `derive`. */
export function keygen(derive: Record<string, string> = {}): Helper {
  return (argv, { host }) => {
    const path = argv[argv.indexOf("-f") + 1] ?? "";
    if (argv.includes("-y")) {
      const line = derive[host.text(path) ?? ""];
      return line === undefined ? { code: 255 } : { stdout: new TextEncoder().encode(`${line}\n`) };
    }
    const type = argv[argv.indexOf("-t") + 1] as HostKeyType;
    const key = type === "rsa" ? good.rsa : makeKey(KINDS[type]);
    host.put(path, { bytes: key.bytes, mode: 0o600, ...host.self });
    host.put(`${path}.pub`, { text: `${key.publicLine}\n`, ...host.self });
    return {};
  };
}

export function createWorld(files: Record<string, Seed> = {}, options: FakeHostOptions = {}): FakeHost {
  return createFakeHost({
    helpers: { "ssh-keygen": keygen() },
    ...options,
    files: { "/etc/ssh/": {}, [`${PRIVATE}/`]: { mode: 0o700 }, [`${VOLUME}/`]: { mount: {} }, ...files },
  });
}

/** The three good keys on the volume, with their `.pub`. */
export function storedKeys(): Record<string, Seed> {
  const files: Record<string, Seed> = { [`${SSH}/`]: { mode: 0o700 } };
  for (const [type, key] of Object.entries(good)) {
    files[fileOf(type as HostKeyType)] = { bytes: key.bytes, mode: 0o600 };
    files[`${fileOf(type as HostKeyType)}.pub`] = `${key.publicLine}\n`;
  }
  return files;
}

export function settingsFor(host: Host, changes: Partial<HostKeySettings> = {}): HostKeySettings & { privateDir: Dir } {
  const privateDir = host.openDir("open state", PRIVATE);
  const settings = {
    volume: VOLUME,
    given: undefined,
    adoptImageKeys: false,
    imageDir: "/etc/ssh",
    installInImage: true,
    keygen: KEYGEN,
  };
  return { ...settings, app: { uid: 0, gids: [0] }, privateDir, ...changes };
}

export async function restore(host: Host, changes: Partial<HostKeySettings> = {}) {
  const settings = settingsFor(host, changes);
  const result = await restoreOrMakeHostKeys(host, settings);
  if ("keys" in result) savePublicHalves(host, settings, result);
  settings.privateDir.close();
  return result;
}

/** The identity, or a failing test. */
export async function restoreIdentity(host: Host, changes: Partial<HostKeySettings> = {}): Promise<Identity> {
  const result = await restore(host, changes);
  if ("problem" in result) throw new Error(`no identity: ${JSON.stringify(result.problem)}`);
  return result;
}

/** `type: fingerprint` of what is served. */
export const shown = (identity: Identity) =>
  Object.fromEntries(identity.keys.map((k) => [k.type, fingerprintOf(k.publicBlob)]));

/** Everything that was told, as one text. */
export const told = (host: FakeHost) => JSON.stringify(host.events);
