/**
 * Tells that something changed at a path: by events where the kernel has them, and by a look every two seconds where it
 * has not (network file systems, a bind-mounted file, no inotify left). The only importer of chokidar, loaded once sshd
 * runs. Decides nothing, reads no content, and never follows what it sees beyond a look at it.
 */
import { type FSWatcher, watch } from "chokidar";
import { cString } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { isOsError } from "./errors.ts";
import { AT_FDCWD, c, errno, O, ptr, SYS } from "./libc.ts";
import { openNativeDir } from "./native-dir.ts";
import { DirectoryMoves } from "./watcher-moves.ts";

/** Paths that belong together: files or directories (their entries too), there or not. */
export interface WatchedPaths<Topic> {
  readonly topic: Topic;
  readonly paths: readonly string[];
}

export interface Watcher {
  close(): void;
}

/** How often places without events are looked at. */
const POLL_MS = 2000;
/** All others are looked at this often: an event may be lost, and looking costs the idle supervisor its sleep. */
const RARE_LOOK_MS = 30_000;
/** An editor and a Kubernetes swap make several events in a row. */
const SETTLE_MS = 40;
const OPERATION = "look for changes";
const STATX_BASIC_STATS = 0x7ff;
const STATX_MNT_ID = 0x1000;
const DIRECTORY = 4;

/** Watches until `close`. `onChange` is called with the topics that changed, never twice for one state. */
export function startWatcher<Topic>(
  watched: readonly WatchedPaths<Topic>[],
  onChange: (topics: readonly Topic[]) => void,
): Watcher {
  const seen = new Map(watched.map((one) => [one.topic, describe(one.paths)]));
  /** Path → the inode that was there: another one wants a watch of its own. */
  const places = new Map<string, { readonly inode: string; readonly events: FSWatcher }>();
  let settling: ReturnType<typeof setTimeout> | undefined;

  const check = () => {
    settling = undefined;
    // First: what is swapped after this is heard of, before it the look sees.
    watchMoves();
    const changed = watched.filter(({ topic, paths }) => {
      const now = describe(paths);
      const isNew = now !== seen.get(topic);
      seen.set(topic, now);
      return isNew;
    });
    addPlaces();
    if (changed.length === 0) return;
    onChange(changed.map(({ topic }) => topic));
  };
  const soon = () => {
    settling ??= setTimeout(check, SETTLE_MS);
  };
  let hasNoEvents = false;
  const fail = () => {
    hasNoEvents = true;
  };
  const moves = orFail(fail, () => new DirectoryMoves(soon));
  const ancestors = new Set(watched.flatMap(({ paths }) => paths.flatMap(ancestorsOf)));
  const watchMoves = () => orFail(fail, () => moves?.watch(ancestors));
  const addPlaces = () => {
    for (const path of watched.flatMap(({ paths }) => paths.flatMap(placesOf))) {
      const at = look(path);
      const inode = typeof at === "string" ? at : at.inode;
      const known = places.get(path);
      if (known?.inode === inode) continue;
      void known?.events.close();
      places.set(path, { inode, events: listen(path, soon, fail) });
    }
  };
  watchMoves();
  addPlaces();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const lookAgain = () => {
    const isBlind = hasNoEvents || watched.some(({ paths }) => paths.some(isWithoutEvents));
    timer = setTimeout(
      () => {
        check();
        lookAgain();
      },
      isBlind ? POLL_MS : RARE_LOOK_MS,
    );
  };
  lookAgain();
  return {
    close: () => {
      clearTimeout(timer);
      clearTimeout(settling);
      for (const { events } of places.values()) void events.close();
      moves?.close();
    },
  };
}

/** Undefined where that fails, which is taken note of: no inotify is to be had, or no more. */
function orFail<T>(fail: () => void, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!isOsError(error)) throw error;
    fail();
    return undefined;
  }
}

/** File times are those of the last tick (at least every 10 ms), so they may lie before the change. */
const TICK_MS = 10;

/**
 * True where the path, or an entry of a directory there, has changed since then (milliseconds since the epoch); `wasThere`: or
 * is there no more.
 */
export function hasChangedSince(path: string, sinceMs: number, wasThere: boolean): boolean {
  const isNewer = (one: string): boolean => {
    const at = look(one);
    return typeof at === "string" ? wasThere : at.changedMs >= sinceMs - TICK_MS;
  };
  if (isNewer(path)) return true;
  try {
    const dir = openNativeDir(OPERATION, path);
    try {
      return dir.list(OPERATION).some((name) => isNewer(`${path}/${name}`));
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return false;
    throw error;
  }
}

/** One watch, of the place itself: chokidar would open more for what is in it, and lets a parent's take a child's away. */
function listen(path: string, onEvent: () => void, onError: () => void): FSWatcher {
  const options = { ignored: (one: string) => one !== path, ignoreInitial: true, depth: 0, usePolling: false };
  const events = watch(path, options);
  events.on("raw", onEvent);
  events.on("all", onEvent);
  // No inotify to be had (EMFILE, ENOSPC): looks take its place.
  events.on("error", onError);
  return events;
}

/** True for a file that is a mount by itself: there another file put in its place is never seen. */
export function isMountedFile(path: string): boolean {
  const [file, parent] = [look(path), look(parentOf(path))];
  return typeof file !== "string" && typeof parent !== "string" && !file.isDirectory && file.mount !== parent.mount;
}

/** File systems whose changes the kernel tells of (inotify(7)), whoever makes them: statfs(2), f_type. */
const WITH_EVENTS: ReadonlySet<bigint> = new Set([
  0xef53n, // ext2 to ext4
  0x58465342n, // xfs
  0x9123683en, // btrfs
  0x01021994n, // tmpfs
  0x794c7630n, // overlayfs
  0x2fc12fc1n, // zfs
  0xf2f52010n, // f2fs
]);

/** True where changes at the path may come without an event: network and FUSE file systems, a file that is a mount. */
function isWithoutEvents(path: string): boolean {
  if (isMountedFile(path)) return true;
  return placesOf(path).some((place) => {
    const fd = c.openat(AT_FDCWD, cString(place), O.path | O.cloexec, 0);
    if (fd < 0) return true;
    const answer = new BigUint64Array(32);
    const isKnown = c.fstatfs(fd, ptr(answer)) === 0 && WITH_EVENTS.has((answer[0] ?? 0n) & 0xffffffffn);
    c.close(fd);
    return !isKnown;
  });
}

interface Look {
  readonly isDirectory: boolean;
  /** When its content or anything else of it was last changed, in milliseconds since the epoch. */
  readonly changedMs: number;
  readonly mount: string;
  readonly inode: string;
  /** Another one for every other content, as far as the file system can tell. */
  readonly state: string;
}

/** statx(2), links followed; an errno name where that fails. */
function look(path: string): Look | string {
  const answer = new Uint8Array(256);
  const name = cString(path);
  const call = c.syscall(SYS.statx, AT_FDCWD, ptr(name), 0, STATX_BASIC_STATS | STATX_MNT_ID, ptr(answer));
  if (Number(call) < 0) return errnoName(errno());
  const view = new DataView(answer.buffer);
  const kind = view.getUint16(28, true) >> 12;
  const device = `${view.getUint32(136, true)}:${view.getUint32(140, true)}`;
  // Mode, owner, inode, size, and the times of content and of change, to the nanosecond.
  const parts = [
    view.getUint16(28, true),
    view.getUint32(20, true),
    view.getBigUint64(32, true),
    kind === DIRECTORY ? "" : view.getBigUint64(40, true),
    view.getBigInt64(96, true),
    view.getUint32(104, true),
    view.getBigInt64(112, true),
    view.getUint32(120, true),
  ];
  const isNumbered = (view.getUint32(0, true) & STATX_MNT_ID) !== 0;
  const mount = isNumbered ? view.getBigUint64(144, true).toString() : device;
  const inode = `${device}:${view.getBigUint64(32, true)}`;
  const ms = (at: number) => Number(view.getBigInt64(at, true)) * 1000 + view.getUint32(at + 8, true) / 1e6;
  const changedMs = Math.max(ms(96), ms(112));
  return { isDirectory: kind === DIRECTORY, changedMs, mount, inode, state: `${device}:${parts.join(":")}` };
}

function describe(paths: readonly string[]): string {
  return paths.map(describeOne).join("\n");
}

function describeOne(path: string): string {
  const at = look(path);
  if (typeof at === "string") return at;
  if (!at.isDirectory) return at.state;
  try {
    const dir = openNativeDir(OPERATION, path);
    try {
      const entries = dir.list(OPERATION).map((name) => {
        const entry = look(`${path}/${name}`);
        return `${name} ${typeof entry === "string" ? entry : entry.state}`;
      });
      return [at.state, ...entries].join("\n");
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return `${at.state} ${error.code}`;
    throw error;
  }
}

/** What has to be watched to hear of a path: itself where a directory or a mount of its own, and what it lies in. */
function placesOf(path: string): string[] {
  const places: string[] = [];
  const at = look(path);
  if (typeof at !== "string" && (at.isDirectory || isMountedFile(path))) places.push(path);
  let parent = parentOf(path);
  while (parent !== "/" && typeof look(parent) === "string") parent = parentOf(parent);
  return [...places, parent];
}

/** The directories above a path, which may be swapped for others with all that is in them. */
function ancestorsOf(path: string): string[] {
  const parent = parentOf(path);
  return parent === "/" ? [] : [...ancestorsOf(parent), parent];
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
