/**
 * The identity of this container: restores the host keys of the volume, or makes and saves them.
 * Never replaces what is there, never makes a new identity beside keys that it cannot read, and never shows a key that
 * could not be saved beside keys that could: an identity that clients have seen stays as it is.
 */
import type { TextSource } from "./config.ts";
import type { Problem } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { adoptImageKeys } from "./host-key-adopt.ts";
import { describeExposure } from "./host-key-exposure.ts";
import type { HostKey, HostKeyFile, HostKeyTools, HostKeyType } from "./host-key-files.ts";
import { HOST_KEY_TYPES, keyFileName } from "./host-key-files.ts";
import type { Kept } from "./host-key-keep.ts";
import { makeAndKeep } from "./host-key-keep.ts";
import { savePublicHalf } from "./host-key-save.ts";
import type { HostKeyStore, NoStore } from "./host-key-store.ts";
import {
  closeHostKeyStore,
  openHostKeyStore,
  readStoredKey,
  removeStoreLeftovers,
  settleStore,
} from "./host-key-store.ts";

export interface HostKeySettings {
  /** WITHSSH_VOLUME. */
  readonly volume: string;
  /** WITHSSH_HOST_KEYS: then the volume's do not count. */
  readonly given: TextSource | undefined;
  /** WITHSSH_ADOPT_IMAGE_KEYS. */
  readonly adoptImageKeys: boolean;
  /** Where the image's own keys lie: `/etc/ssh`. */
  readonly imageDir: string;
  /** Whether sshd's copies may go there too. */
  readonly installInImage: boolean;
  /** Absolute path of ssh-keygen; undefined when there is none. */
  readonly keygen: string | undefined;
  /** Root-only (rootless: our own) directory of this machine; the caller keeps it open. */
  readonly privateDir: Dir;
  /** Who the app runs as, with all its groups. */
  readonly app: { readonly uid: number; readonly gids: readonly number[] };
}

/** An identity to serve. */
export interface Identity {
  readonly keys: readonly HostKey[];
  /** For `makeSlowHostKey`, one after the other, once sshd listens. */
  readonly missing: readonly HostKeyType[];
  /** What the app could write and so plant an identity. */
  readonly appWritable: string | undefined;
  /** The keys could not be saved: they change at the next start. */
  readonly inMemory: boolean;
  /** Nothing is mounted where they were saved: they end with the container. */
  readonly isUnmounted: boolean;
}

/** Made before sshd starts on a first start: milliseconds each. All else waits until sshd listens. */
const FAST_TYPES: readonly HostKeyType[] = ["ed25519", "ecdsa"];

/**
 * Restores, or on a first start adopts or makes, the host keys; tells what it finds through `host.emit`.
 * A problem: there is no identity, SSH is down and the app runs.
 */
export async function restoreOrMakeHostKeys(
  host: Host,
  settings: HostKeySettings,
): Promise<Identity | { readonly problem: Problem }> {
  const store = openHostKeyStore(host, settings.volume);
  if ("what" in store) return { problem: store };
  try {
    return await restoreFrom(toolsOf(host, settings), settings, store, await readStore(host, settings, store));
  } finally {
    closeHostKeyStore(store);
  }
}

/** The same where there is an identity and none of it is to be made or adopted; else undefined, and nothing was made or told. */
export async function restoreHostKeys(
  host: Host,
  settings: HostKeySettings,
): Promise<Identity | { readonly problem: Problem } | undefined> {
  if (settings.adoptImageKeys) return undefined;
  const store = openHostKeyStore(host, settings.volume, { mayMake: false });
  if (store === undefined) return undefined;
  if ("what" in store) return { problem: store };
  try {
    const read = await readStore(host, settings, store);
    if ([...read.found.values()].every(({ state }) => state === "absent")) return undefined;
    return await restoreFrom(toolsOf(host, settings), settings, store, read);
  } finally {
    closeHostKeyStore(store);
  }
}

/** Puts the public halves beside the private ones, for people: nobody waits for it. */
export function savePublicHalves(host: Host, { volume }: HostKeySettings, { keys }: Pick<Identity, "keys">): void {
  const store = openHostKeyStore(host, volume, { mayMake: false });
  if (store === undefined || "what" in store) return;
  try {
    if ("dir" in store) for (const key of keys) if (key.origin === "restored") savePublicHalf(host, store, key);
  } finally {
    closeHostKeyStore(store);
  }
}

/** What a store holds; `isUnsettled`: temporary files too. */
interface ReadStore {
  readonly isUnsettled: boolean;
  readonly found: ReadonlyMap<HostKeyType, HostKeyFile>;
}

async function readStore(host: Host, settings: HostKeySettings, store: HostKeyStore | NoStore): Promise<ReadStore> {
  const isUnsettled = "dir" in store && settleStore(host, store);
  return { isUnsettled, found: await readAll(toolsOf(host, settings), store) };
}

async function restoreFrom(
  tools: HostKeyTools,
  settings: HostKeySettings,
  store: HostKeyStore | NoStore,
  { isUnsettled, found }: ReadStore,
): Promise<Identity | { readonly problem: Problem }> {
  const { host } = tools;
  tellRefused(host, settings, found);
  const present: HostKey[] = [];
  let refused = 0;
  for (const file of found.values()) {
    if (file.state === "good") present.push(file.key);
    if (file.state === "refused") refused += 1;
  }
  if (present.length === 0 && refused > 0) {
    const hint = "put a good key back, or move the bad ones away and a new identity is made";
    return { problem: { what: "no host key on the volume can be used", saw: `${refused} that cannot`, hint } };
  }
  let kept: readonly Kept[] = [];
  if (settings.adoptImageKeys) kept = await adoptImageKeys(tools, store, settings.imageDir, present);
  if (present.length === 0 && !kept.some((one) => "key" in one)) {
    kept = await Promise.all(FAST_TYPES.map((type) => makeAndKeep(tools, store, type)));
  }
  const keys = [...present, ...choose(host, present, kept)];
  const failed = kept.find((one) => "problem" in one);
  const problem = failed !== undefined && "problem" in failed ? failed.problem : undefined;
  if (keys.length === 0) {
    if (problem === undefined) throw new Error("there is neither a host key nor a reason why");
    return { problem };
  }
  if (problem !== undefined) host.emit({ type: "warning", problem });

  if ("dir" in store && isUnsettled) removeStoreLeftovers(host, store);
  const inMemory = keys.some((key) => !key.saved);
  const isUnmounted = !inMemory && "dir" in store && !store.mounted;
  if (isUnmounted) {
    host.emit({ type: "volume not mounted", problem: notMounted(settings.volume) });
  }
  const appWritable = "dir" in store ? describeExposure(host, settings.volume, store, settings.app) : undefined;
  tellKeys(host, settings, keys, inMemory, appWritable);
  const missing = HOST_KEY_TYPES.filter(
    (type) => found.get(type)?.state === "absent" && !keys.some((key) => key.type === type),
  );
  const inOrder = HOST_KEY_TYPES.flatMap((type) => keys.filter((key) => key.type === type));
  return { keys: inOrder, missing, appWritable, inMemory, isUnmounted };
}

/**
 * Makes and saves one type that `restoreOrMakeHostKeys` named as missing, while sshd already serves the others.
 * Undefined: it could not be had, and the identity stays as it is (told, except on a volume that is read-only).
 */
export async function makeSlowHostKey(
  host: Host,
  settings: HostKeySettings,
  type: HostKeyType,
  identity: Pick<Identity, "inMemory">,
): Promise<HostKey | undefined> {
  const tools = toolsOf(host, settings);
  const store = identity.inMemory ? { unmakeable: "in memory" } : openHostKeyStore(host, settings.volume);
  const warn = (problem: Problem) => void host.emit({ type: "warning", problem });
  if ("what" in store) return warn(store) as undefined;
  try {
    if ("dir" in store) {
      const file = await readStoredKey(tools, store, type);
      if (file.state === "good") return file.key;
      if (file.state === "refused") return warn(file.problem) as undefined;
    }
    const kept = await makeAndKeep(tools, store, type);
    if ("problem" in kept) return warn(kept.problem) as undefined;
    if (kept.failed === undefined || identity.inMemory) return kept.key;
    if (kept.failed !== "EROFS") warn(cannotSave(type, kept.failed, "it is left out, so that the identity stays"));
    return undefined;
  } finally {
    closeHostKeyStore(store);
  }
}

const toolsOf = (host: Host, { keygen, privateDir }: HostKeySettings): HostKeyTools => ({ host, keygen, privateDir });

async function readAll(
  tools: HostKeyTools,
  store: HostKeyStore | NoStore,
): Promise<ReadonlyMap<HostKeyType, HostKeyFile>> {
  const found = new Map<HostKeyType, HostKeyFile>();
  for (const type of HOST_KEY_TYPES) {
    const file: HostKeyFile = "dir" in store ? await readStoredKey(tools, store, type) : { state: "absent" };
    found.set(type, file);
  }
  return found;
}

/** Of the new keys those that may be served: the saved ones, and the others only where nothing could be saved. */
function choose(host: Host, present: readonly HostKey[], kept: readonly Kept[]): HostKey[] {
  const had = kept.flatMap((one) => ("key" in one ? [one] : []));
  const saved = had.filter((one) => one.failed === undefined);
  const unsaved = had.filter((one) => one.failed !== undefined);
  const isLasting = present.length + saved.length > 0;
  for (const { key, failed = "" } of unsaved) {
    const hint = isLasting
      ? "it is left out, so that the identity stays"
      : "it is used from memory and changes at the next start: make the volume writable";
    host.emit({ type: "warning", problem: cannotSave(key.type, failed, hint) });
  }
  return (isLasting ? saved : unsaved).map((one) => one.key);
}

function tellRefused(host: Host, settings: HostKeySettings, found: ReadonlyMap<HostKeyType, HostKeyFile>): void {
  for (const [type, file] of found) {
    if (file.state !== "refused") continue;
    host.emit({
      type: "host key refused",
      path: `${settings.volume}/.ssh/${keyFileName(type)}`,
      problem: file.problem,
    });
  }
}

function tellKeys(
  host: Host,
  settings: HostKeySettings,
  keys: readonly HostKey[],
  inMemory: boolean,
  appWritable: string | undefined,
): void {
  const named = (origin: HostKey["origin"]) => keys.filter((key) => key.origin === origin).map((key) => key.type);
  host.emit({
    type: "host keys",
    restored: named("restored"),
    made: named("made"),
    adopted: named("adopted"),
    where: inMemory ? "memory" : `${settings.volume}/.ssh`,
    ...(appWritable === undefined ? {} : { appWritable }),
  });
}

const cannotSave = (type: HostKeyType, saw: string, hint: string): Problem => ({
  what: `the ${type} host key cannot be saved`,
  saw,
  hint,
});

const notMounted = (volume: string): Problem => ({
  what: `nothing is mounted at ${volume}: this identity ends with the container`,
  hint: `mount a volume at ${volume}, or name one with WITHSSH_VOLUME`,
});
