/**
 * The state directory of an unprivileged supervisor: the user's runtime directory, else the home, else /tmp. A place
 * counts only when nobody but root and we could swap it; what somebody planted there is never used, nor removed.
 */
import { isOsError, type Problem, StageError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";
import { RUN_DIRECTORY, STATE_NAME } from "./paths.ts";
import { openParts, type StateDirectory } from "./state-directory.ts";

/** One directory to try, and what we make below it. */
export interface StatePlace {
  readonly parent: string;
  /** Made 0700, one below the other. */
  readonly names: readonly string[];
  /** The parent must be ours, or ours and closed to all others (XDG base directories: "MUST be 0700"). */
  readonly parentIs: "anybody's" | "ours" | "ours alone";
}

/** What the places depend on. `hostname` keeps containers that share one home apart. */
export interface StateFacts {
  readonly uid: number;
  readonly runtimeDirectory: string | undefined;
  readonly home: string | undefined;
  readonly hostname: string;
}

const OPERATION = "look for a place for our state";
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const OPEN_TO_OTHERS = 0o077;

/** The places in the order in which they are tried. Pure; what is not an absolute path is none. */
export function listStatePlaces({ uid, runtimeDirectory, home, hostname }: StateFacts): StatePlace[] {
  const places: StatePlace[] = [];
  if (isAbsolute(runtimeDirectory)) {
    places.push({ parent: runtimeDirectory, names: [STATE_NAME], parentIs: "ours alone" });
  }
  places.push({ parent: RUN_DIRECTORY, names: [STATE_NAME], parentIs: "anybody's" });
  const own = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(hostname) ? hostname : "localhost";
  if (isAbsolute(home)) places.push({ parent: home, names: [`.${STATE_NAME}`, own], parentIs: "ours" });
  places.push({ parent: "/tmp", names: [`${STATE_NAME}-${uid}`], parentIs: "anybody's" });
  return places;
}

const isAbsolute = (path: string | undefined): path is string => path?.startsWith("/") === true;

/**
 * Opens the first place that will do, making what is missing. Throws `StageError` that tells why each would not. With
 * `homeKeys` sshd itself checks the modes above every key file (StrictModes), and knows no sticky bit: such a place is then
 * the last resort, and told.
 */
export function openRootlessState(
  host: Host,
  { homeKeys, ...facts }: Omit<StateFacts, "uid" | "hostname"> & { readonly homeKeys: boolean },
): StateDirectory {
  const places = listStatePlaces({ ...facts, uid: host.self.uid, hostname: readHostname(host) });
  const closed = homeKeys ? tryPlaces(host, places, false) : [];
  if (!Array.isArray(closed)) return closed;
  const opened = tryPlaces(host, places, true);
  if (Array.isArray(opened)) {
    throw new StageError("openStateDirectory", {
      what: "there is no place that only we can write: an unprivileged sshd needs one",
      saw: opened.join("; "),
      hint: "docker run --tmpfs /tmp, or --tmpfs /run; what others planted under our name has to go",
    });
  }
  if (homeKeys) host.emit({ type: "warning", problem: sharedProblem(opened.keys.path) });
  return opened;
}

/** The first place that will do, or for each why not. */
function tryPlaces(host: Host, places: readonly StatePlace[], mayBeShared: boolean): StateDirectory | string[] {
  const refusals: string[] = [];
  for (const place of places) {
    try {
      return openPlace(host, place, mayBeShared);
    } catch (error) {
      if (error instanceof StageError) refusals.push(`${error.problem.what} (${error.problem.saw})`);
      else if (isOsError(error)) refusals.push(`${error.path ?? place.parent}: ${error.code}`);
      else throw error;
    }
  }
  return refusals;
}

const sharedProblem = (path: string): Problem => ({
  what: "WITHSSH_HOME_KEYS=true: sshd refuses all keys of the settings, and takes those of the home alone",
  saw: `${path}, below a directory that all can write`,
  hint: "give it a place that is closed to others: XDG_RUNTIME_DIR (0700), a writable home; or remove the setting",
});

function openPlace(host: Host, { parent, names, parentIs }: StatePlace, mayBeShared: boolean): StateDirectory {
  const open: Dir[] = [];
  try {
    let dir = host.openDir(OPERATION, "/");
    open.push(dir);
    for (const name of parent.split("/").filter((part) => part !== "")) {
      assertSafe(host, dir, dir.facts(OPERATION), mayBeShared);
      dir = dir.openDir(OPERATION, name);
      open.push(dir);
    }
    const facts = dir.facts(OPERATION);
    assertSafe(host, dir, facts, mayBeShared);
    const isOurs = facts.uid === host.self.uid;
    const isFit = parentIs === "ours alone" ? isOurs && (facts.mode & OPEN_TO_OTHERS) === 0 : isOurs;
    if (parentIs !== "anybody's" && !isFit) throw refused(`${dir.path} is not ${parentIs}`, facts);
    for (const name of names) {
      dir.makeDir(OPERATION, name, 0o700);
      dir = dir.openDir(OPERATION, name);
      open.push(dir);
      const made = dir.facts(OPERATION);
      const isOpen = (made.mode & OPEN_TO_OTHERS) !== 0;
      if (made.uid !== host.self.uid || isOpen) throw refused(`${dir.path} is not ours alone`, made);
    }
    return openParts(host, dir);
  } finally {
    for (const dir of open) dir.close();
  }
}

/** Nobody else may replace what is below: owner root or we; writable by others only where sticky (inode(7)). */
function assertSafe(host: Host, dir: Dir, facts: Facts, mayBeShared: boolean): void {
  if (facts.uid !== 0 && facts.uid !== host.self.uid) throw refused(`${dir.path} belongs to somebody else`, facts);
  if ((facts.mode & WRITABLE_BY_OTHERS) === 0 || (mayBeShared && (facts.mode & STICKY) !== 0)) return;
  throw refused(`${dir.path} can be written by others`, facts);
}

function refused(what: string, { uid, mode }: Facts): StageError {
  return new StageError("openStateDirectory", { what, saw: `uid ${uid}, mode ${mode.toString(8)}` });
}

function readHostname(host: Host): string {
  try {
    const dir = host.openDir(OPERATION, "/proc/sys/kernel");
    try {
      return Buffer.from(dir.read(OPERATION, "hostname", 256).bytes)
        .toString("latin1")
        .trim();
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return "";
    throw error;
  }
}
