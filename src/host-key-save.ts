/**
 * Saves a host key on the volume. A name, once it shows a key, never changes: saving never replaces, many machines may
 * save at once, and a kill or a power cut at any call loses nothing that anyone has seen.
 */
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { HostKey, HostKeyType } from "./host-key-files.ts";
import { keyFileName, MOST_KEY_BYTES, publicFileName } from "./host-key-files.ts";
import { randomSuffix, removeQuietly } from "./host-key-make.ts";
import type { HostKeyStore } from "./host-key-store.ts";
import { NO_FSYNC, syncStore } from "./host-key-store.ts";

const SAVE = "save host key";
const SAVE_PUBLIC = "save public half";
const PRIVATE_FILE = 0o600;
const PUBLIC_FILE = 0o644;
const ATTEMPTS = 5;
/** link(2) where the file system has no hard links (vfat, 9p, many FUSE); EMLINK and EPERM as its man page has them. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/**
 * Saves a key under its name unless one is there. `there`: read again and use what is there, it may be a rival's.
 * `failed` (an errno name): nothing was saved.
 */
export function saveHostKey(
  host: Host,
  store: HostKeyStore,
  type: HostKeyType,
  bytes: Uint8Array,
): "there" | { readonly failed: string } {
  let sync = true;
  let failed = "EEXIST";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const temporary = `.${keyFileName(type)}.${randomSuffix(host)}`;
    try {
      store.dir.create(SAVE, temporary, bytes, { mode: PRIVATE_FILE, sync });
      putInPlace(store.dir, temporary, type, bytes, sync);
      // Before the temporary file goes: as long as it is there, a next start knows that it must sync (readStoredKey).
      syncStore(host, store);
      removeQuietly(store.dir, SAVE, temporary);
      return "there";
    } catch (error) {
      if (!isOsError(error)) throw error;
      failed = error.code;
      if (failed !== "EEXIST") removeQuietly(store.dir, SAVE, temporary);
      // ENOENT: somebody cleared our temporary file away. EEXIST: the random name was taken.
      if (NO_FSYNC.includes(failed)) sync = false;
      else if (failed !== "ENOENT" && failed !== "EEXIST") break;
    }
  }
  return { failed };
}

function putInPlace(dir: Dir, temporary: string, type: HostKeyType, bytes: Uint8Array, sync: boolean): void {
  try {
    dir.link(SAVE, temporary, keyFileName(type));
  } catch (error) {
    if (isOsError(error, "EEXIST")) return;
    if (!isOsError(error, ...NO_LINKS)) throw error;
    claimWithoutLinks(dir, type, bytes, sync);
  }
}

/**
 * Without hard links the exclusive create decides who wins, and a kill can leave a short file under the key's name.
 * The whole temporary file stays beside it until the name is whole, so that whoever comes next, at once or after
 * weeks, ends with the same key: a file that is only the beginning of such a temporary file is replaced by it.
 */
function claimWithoutLinks(dir: Dir, type: HostKeyType, bytes: Uint8Array, sync: boolean): void {
  const name = keyFileName(type);
  try {
    dir.create(SAVE, name, bytes, { mode: PRIVATE_FILE, sync });
  } catch (error) {
    if (!isOsError(error, "EEXIST")) throw error;
  }
}

/** Writes `.pub` beside a private half where it is missing or belongs to another key. Best effort, nobody waits for it. */
export function savePublicHalf(host: Host, store: HostKeyStore, key: HostKey): void {
  const name = publicFileName(key.type);
  const temporary = `.${name}.${randomSuffix(host)}`;
  try {
    const there = new TextDecoder().decode(store.dir.read(SAVE_PUBLIC, name, MOST_KEY_BYTES).bytes);
    if (there.split(" ", 2).join(" ").trim() === key.publicLine.split(" ", 2).join(" ")) return;
  } catch (error) {
    if (!isOsError(error)) throw error;
    if (error.code === "EINVAL" || error.code === "EISDIR") return;
  }
  try {
    const bytes = new TextEncoder().encode(`${key.publicLine}\n`);
    store.dir.create(SAVE_PUBLIC, temporary, bytes, { mode: PUBLIC_FILE, sync: false });
    store.dir.rename(SAVE_PUBLIC, temporary, name);
  } catch (error) {
    if (!isOsError(error)) throw error;
    removeQuietly(store.dir, SAVE_PUBLIC, temporary);
  }
}
