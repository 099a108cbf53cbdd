/**
 * Our state directory: made root-owned 0755 with a 0700 part, or refused when it is there and is not ours. What is
 * planted there by somebody else must never be read or written by us.
 */
import { isOsError, StageError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { KEYS_NAME, PRIVATE_NAME, RUN_DIRECTORY, STATE_DIRECTORY, STATE_NAME } from "./paths.ts";
import { describeOsError } from "./stage.ts";

/** As much of the world as this takes. */
type Place = Pick<Host, "openDir" | "self">;

export interface StateDirectory {
  readonly keys: Dir;
  readonly private: Dir;
}

const OPERATION = "open the state directory";
const PRIVATE_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;
/** A sticky /run (docker --tmpfs makes it 1777) lets nobody rename what is ours (inode(7)). */
const STICKY = 0o1000;

/** Opens `/run/withssh` with its two parts, making what is missing. Throws `StageError` where it is not ours. */
export function openStateDirectory(host: Place): StateDirectory {
  return inStateDirectory(host, (state) => openParts(host, state));
}

/** The private part alone: for who has only that to do there, while somebody waits. Throws as `openStateDirectory`. */
export function openPrivatePart(host: Place): Dir {
  return inStateDirectory(host, (state) => openOwn(host, state, PRIVATE_NAME, PRIVATE_MODE));
}

function inStateDirectory<T>(host: Place, open: (state: Dir) => T): T {
  const run = openRun(host);
  try {
    const { uid, mode } = run.facts(OPERATION);
    if (uid !== 0 || ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)) throw notSafe(run.path, uid, mode);
    const state = openOwn(host, run, STATE_NAME, 0o755);
    try {
      return open(state);
    } finally {
      state.close();
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
    throw new StageError(
      "openStateDirectory",
      {
        what: `${STATE_DIRECTORY} cannot be used`,
        saw: `${error.path ?? STATE_DIRECTORY}: ${error.code}`,
        hint: describeOsError(error).hint ?? "remove it from the image: withssh makes it",
      },
      { cause: error },
    );
  } finally {
    run.close();
  }
}

/** The two parts of an open state directory, made where they are missing. Throws `StageError` where one is not ours. */
export function openParts(host: Place, state: Dir): StateDirectory {
  return { keys: openOwn(host, state, KEYS_NAME, 0o755), private: openOwn(host, state, PRIVATE_NAME, PRIVATE_MODE) };
}

/** `/run` itself: an image without one gets it. */
function openRun(host: Place): Dir {
  try {
    return host.openDir(OPERATION, RUN_DIRECTORY);
  } catch (error) {
    if (!isOsError(error, "ENOENT")) throw error;
    const root = host.openDir(OPERATION, "/");
    root.makeDir(OPERATION, RUN_DIRECTORY.slice(1), 0o755);
    root.close();
    return host.openDir(OPERATION, RUN_DIRECTORY);
  }
}

function openOwn(host: Place, parent: Dir, name: string, mode: number): Dir {
  parent.makeDir(OPERATION, name, mode);
  const dir = parent.openDir(OPERATION, name);
  const facts = dir.facts(OPERATION);
  const isOurs = facts.uid === host.self.uid && (facts.mode & WRITABLE_BY_OTHERS) === 0;
  if (isOurs && (mode !== PRIVATE_MODE || (facts.mode & 0o077) === 0)) return dir;
  dir.close();
  throw notSafe(dir.path, facts.uid, facts.mode);
}

function notSafe(path: string, uid: number, mode: number): StageError {
  const hint = path === RUN_DIRECTORY ? `chmod 755 ${path} in the image` : "remove it from the image: withssh makes it";
  const saw = `uid ${uid}, mode ${mode.toString(8)}`;
  return new StageError("openStateDirectory", { what: `${path} is there and others can write to it`, saw, hint });
}

/** Creates a file where one of a start that was killed, or a planted one, may lie: that goes. */
function createAnew(dir: Dir, operation: string, name: string, bytes: Uint8Array, mode: number): void {
  try {
    dir.create(operation, name, bytes, { mode, sync: false });
  } catch (error) {
    if (!isOsError(error, "EEXIST")) throw error;
    dir.remove(operation, name);
    dir.create(operation, name, bytes, { mode, sync: false });
  }
}

/** For a file that nobody reads before it is there for the first time: made in its place where nothing is, else replaced in one step. */
export function putFile(dir: Dir, operation: string, name: string, bytes: Uint8Array, mode: number): void {
  try {
    dir.create(operation, name, bytes, { mode, sync: false });
  } catch (error) {
    if (!isOsError(error, "EEXIST")) throw error;
    replaceFile(dir, operation, name, bytes, mode);
  }
}

/** Removes a file, or a link, where one is. Throws `OsError`. */
export function removeIfThere(dir: Dir, operation: string, name: string): void {
  try {
    dir.remove(operation, name);
  } catch (error) {
    if (!isOsError(error, "ENOENT")) throw error;
  }
}

/** Replaces a file in one step: a reader sees the old or the new. For directories that are ours alone. */
export function replaceFile(dir: Dir, operation: string, name: string, bytes: Uint8Array, mode: number): void {
  const temporary = `.${name}.new`;
  createAnew(dir, operation, temporary, bytes, mode);
  try {
    dir.rename(operation, temporary, name);
  } catch (error) {
    dir.remove(operation, temporary);
    throw error;
  }
}
