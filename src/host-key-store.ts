/**
 * Host keys on the volume: opening and reading them, and clearing up after starts that were killed. Before a key can be
 * seen, it is whole and synced. Nothing that exists is chmod-ed, and no other file is touched.
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { HostKeyFile, HostKeyTools, HostKeyType } from "./host-key-files.ts";
import { keyFileName, MOST_KEY_BYTES, readHostKeyFile } from "./host-key-files.ts";
import { removeOldFiles } from "./host-key-make.ts";
import { openOperatorDir } from "./operator-dir.ts";
import { isSame } from "./ssh-wire.ts";

const OPEN = "open volume";
const SYNC = "sync host keys";
const FINISH = "finish host key";
const SSH_DIRECTORY = 0o700;
const VOLUME_DIRECTORY = 0o755;
/** Another machine may be between its temporary file and its link right now. An hour is beyond any hang or skewed clock. */
const LEFTOVER_AGE_MS = 3_600_000;
const LEFTOVER_BEGINS = ".ssh_host_";
const LEFTOVER = /^\.ssh_host_(?:ed25519|ecdsa|rsa)_key(?:\.pub)?\.[0-9a-z]{16}$/;
/** fsync(2) where it is not supported for this kind of file. */
export const NO_FSYNC = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** Making a directory failed because nothing can be written here, not because something is in the way. */
const CANNOT_WRITE = ["EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT"];

/** The volume's `.ssh`, open. `mounted` is false when it lies on the container's own root file system. */
export interface HostKeyStore {
  readonly dir: Dir;
  readonly volume: Dir;
  readonly mounted: boolean;
}

/** Nothing is there and nothing can be made there: keys can live in memory alone. */
export interface NoStore {
  readonly unmakeable: string;
}

/** Opens `<volume>/.ssh`, making what is missing; undefined where something is and `mayMake` is false. A Problem: something is there that we may not or cannot look into. */
export function openHostKeyStore(host: Host, volumePath: string): HostKeyStore | NoStore | Problem;
export function openHostKeyStore(
  host: Host,
  volumePath: string,
  options: { readonly mayMake: boolean },
): HostKeyStore | NoStore | Problem | undefined;
export function openHostKeyStore(
  host: Host,
  volumePath: string,
  { mayMake }: { readonly mayMake: boolean } = { mayMake: true },
): HostKeyStore | NoStore | Problem | undefined {
  let volume: Dir | undefined;
  let making = false;
  try {
    try {
      volume = openOperatorDir(host, OPEN, volumePath);
    } catch (error) {
      if (!isOsError(error, "ENOENT")) throw error;
      if (!mayMake) return undefined;
      making = true;
      volume = makeVolume(host, volumePath);
    }
    making = volume.stat(OPEN, ".ssh") === undefined;
    if (making && !mayMake) {
      volume.close();
      return undefined;
    }
    if (making) volume.makeDir(OPEN, ".ssh", SSH_DIRECTORY);
    making = false;
    return { dir: volume.openDir(OPEN, ".ssh"), volume, mounted: volume.facts(OPEN).dev !== rootDevice(host) };
  } catch (error) {
    volume?.close();
    if (!isOsError(error)) throw error;
    if (making && CANNOT_WRITE.includes(error.code)) return { unmakeable: error.code };
    return {
      what: `the host keys under ${volumePath}/.ssh cannot be looked at`,
      saw: `${error.code}${error.path === undefined ? "" : ` at ${error.path}`}`,
      hint: "it must be a directory (.ssh no link) that we may read; then start again",
    };
  }
}

/** For whoever holds the result of `openHostKeyStore`. */
export function closeHostKeyStore(store: HostKeyStore | NoStore): void {
  if (!("dir" in store)) return;
  store.dir.close();
  store.volume.close();
}

function rootDevice(host: Host): string {
  const root = host.openDir(OPEN, "/");
  const { dev } = root.facts(OPEN);
  root.close();
  return dev;
}

function makeVolume(host: Host, path: string): Dir {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  const parentPath = cut <= 0 ? "/" : path.slice(0, cut);
  let parent: Dir;
  try {
    parent = openOperatorDir(host, OPEN, parentPath);
  } catch (error) {
    if (!isOsError(error, "ENOENT") || parentPath === "/") throw error;
    parent = makeVolume(host, parentPath);
  }
  const name = path.slice(cut + 1).replace(/\/+$/, "");
  try {
    parent.makeDir(OPEN, name, VOLUME_DIRECTORY);
    return parent.openDir(OPEN, name);
  } finally {
    parent.close();
  }
}

/**
 * Reads one type. What a killed save left half done is finished first (see `claimWithoutLinks`), and what a killed
 * save may have left unsynced is synced before anyone can see it.
 */
export async function readStoredKey(tools: HostKeyTools, store: HostKeyStore, type: HostKeyType): Promise<HostKeyFile> {
  const found = await readHostKeyFile(tools, store.dir, type, "restored");
  if (found.state !== "refused" || found.short === undefined) return found;
  for (const name of temporariesIn(store.dir)) {
    if (!name.startsWith(`.${keyFileName(type)}.`)) continue;
    try {
      const { bytes } = store.dir.read(FINISH, name, MOST_KEY_BYTES);
      if (!isBeginning(found.short, bytes)) continue;
      // Its writer may be alive and done by now.
      const now = store.dir.read(FINISH, keyFileName(type), MOST_KEY_BYTES);
      if (isSame(now.bytes, found.short)) store.dir.rename(FINISH, name, keyFileName(type));
      syncStore(tools.host, store);
      return await readHostKeyFile(tools, store.dir, type, "restored");
    } catch (error) {
      if (!isOsError(error)) throw error;
    }
  }
  return found;
}

/**
 * Syncs what a killed start may have left unsynced, before its keys are shown to anyone. True: there are temporary
 * files, a killed start's or a rival's.
 */
export function settleStore(host: Host, store: HostKeyStore): boolean {
  const isUnsettled = temporariesIn(store.dir).length > 0;
  if (isUnsettled) syncStore(host, store);
  return isUnsettled;
}

/** Takes away temporary files that no living start can own. After reading: an unfinished save may need them. */
export function removeStoreLeftovers(host: Host, store: HostKeyStore): void {
  removeOldFiles(host, store.dir, "clear leftovers", LEFTOVER, LEFTOVER_AGE_MS);
}

/** True when the bytes are the beginning of `whole`, and not all of it. */
const isBeginning = (short: Uint8Array, whole: Uint8Array): boolean =>
  short.length < whole.length && isSame(short, whole.subarray(0, short.length));

/** In byte order, so that all who finish a save choose the same one. */
function temporariesIn(dir: Dir): string[] {
  try {
    return dir.list(FINISH).filter((name) => name.startsWith(LEFTOVER_BEGINS) && LEFTOVER.test(name));
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  }
}

/** The names in `.ssh`, and `.ssh` itself in the volume. Where directories cannot be synced we go on without. */
export function syncStore(host: Host, store: HostKeyStore): void {
  for (const dir of [store.dir, store.volume]) {
    try {
      dir.sync(SYNC);
    } catch (error) {
      if (!isOsError(error)) throw error;
      if (NO_FSYNC.includes(error.code) || error.code === "EROFS") continue;
      const hint = "the keys are in use, but may be gone after a power cut: look at the volume";
      host.emit({ type: "warning", problem: { what: `${dir.path} could not be synced`, saw: error.code, hint } });
    }
  }
}
