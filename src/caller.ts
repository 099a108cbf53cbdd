/**
 * Who called us through sudo, from sudo and the kernel alone, and a way to try a path with his credentials. Nothing that
 * came over the pipe is asked.
 */
import { byteString, cBytes } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { readIfThere } from "./if-there.ts";
import { AT_FDCWD, c, errno, O, ptr, SYS } from "./libc.ts";
import { groupsOf, type PasswdEntry, parseGroup, parseId, parsePasswd } from "./passwd.ts";
import { splitEnvEntry } from "./process-facts.ts";
import { STEERING } from "./steering.ts";

const STAGE = "identifyCaller";
const OPERATION = "find out who called";
const MAX_BYTES = 1 << 22;
const NOCTTY = 0o400;
const NOBODY_AT_ALL = 0xffffffff;
/** Our stand-in, sudo, and its monitor where it keeps one. */
const MOST_ANCESTORS = 5;

/** The process that called sudo: the nearest ancestor that is this user's. */
export interface Launcher {
  readonly uid: number;
  /** As sudo has it. */
  readonly userName: string | undefined;
  readonly pid: number;
  readonly gid: number;
  /** As the kernel has them: a --group-add is in no database. */
  readonly kernelGroups: readonly number[];
}

export interface Caller extends Launcher {
  readonly entry: PasswdEntry;
  /** Every name of the uid. */
  readonly names: readonly string[];
  readonly databaseGroups: readonly number[];
  readonly nameOfGroup: ReadonlyMap<number, string>;
}

/** Finds the launcher by sudo's own variables and our ancestors, while those are there. Throws `StageError` in words. */
export function findLauncher(environ: readonly string[]): Launcher {
  const variables = new Map<string, string>();
  for (const entry of environ) {
    const split = splitEnvEntry(entry);
    if (split !== undefined) variables.set(split.name, split.value);
  }
  // With one of them here our own code may not be what runs.
  for (const name of variables.keys()) {
    if (STEERING.some((prefix) => name.startsWith(prefix))) {
      const hint = "remove SETENV, and env_keep of this variable, from sudoers";
      throw refused("sudo let a variable through that steers us", name, hint);
    }
  }
  const uid = parseId(variables.get("SUDO_UID"));
  if (uid === undefined || uid === 0)
    throw refused(
      "not called through sudo by a user",
      "no SUDO_UID",
      "withssh makes this call itself: run withssh COMMAND",
    );
  return { uid, userName: variables.get("SUDO_USER"), ...findAncestor(uid) };
}

/** Whose it is, by the databases of this machine. Throws `StageError` in words. */
export function identifyCaller(host: Host, launcher: Launcher): Caller {
  const { uid, userName } = launcher;
  const passwd = parsePasswd(readEtc(host, "passwd")).filter((entry) => entry.uid === uid);
  const entry = passwd.find(({ name }) => name === userName);
  if (entry === undefined)
    throw refused(`uid ${uid} has no name that sudo and /etc/passwd agree on`, "", "give it a line in /etc/passwd");
  const groups = parseGroup(readEtc(host, "group"));
  const databaseGroups = new Set<number>();
  for (const one of passwd) for (const gid of groupsOf(one, groups)) databaseGroups.add(gid);
  const nameOfGroup = new Map<number, string>();
  for (const { gid, name } of groups) nameOfGroup.set(gid, name);
  return {
    ...launcher,
    entry,
    names: passwd.map(({ name }) => name),
    databaseGroups: [...databaseGroups],
    nameOfGroup,
  };
}

/** Goes up past sudo's own processes, which are root's, to the first that is this user's by every uid. */
function findAncestor(uid: number): Pick<Launcher, "pid" | "gid" | "kernelGroups"> {
  let pid = c.getppid();
  for (let step = 0; step < MOST_ANCESTORS && pid > 0; step += 1) {
    const status = readStatus(pid);
    if (status.uids.length === 4 && status.uids.every((id) => id === uid)) {
      // A set-gid program that he runs is his too, and has a group that he has not: files would be read for him by it.
      if (status.gids.some((gid) => gid !== status.gids[0])) {
        const hint = "withssh makes this call itself: run withssh COMMAND";
        throw refused("called from a program with a group of its own", `gids ${status.gids.join(" ")}`, hint);
      }
      return { pid, gid: status.gids[0] ?? 0, kernelGroups: [...new Set([...status.groups, ...status.gids])] };
    }
    if (status.uids[1] !== 0) break;
    pid = status.parent;
  }
  throw refused("no process of the caller is above sudo", `uid ${uid}`, "run it with /proc mounted, as docker does");
}

interface Status {
  readonly parent: number;
  /** Real, effective, saved, file system (proc(5)). */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
}

function readStatus(pid: number): Status {
  const text = byteString(slurp(`/proc/${pid}/status`, OPERATION));
  const numbers = (name: string): number[] => {
    // The name of the process, which comes first, has no line end in it: the kernel escapes that.
    const at = text.indexOf(`\n${name}:`);
    if (at < 0) return [];
    const found: number[] = [];
    for (const word of text
      .slice(at + name.length + 2, text.indexOf("\n", at + 1))
      .replaceAll("\t", " ")
      .split(" ")) {
      if (word !== "") found.push(Number(word));
    }
    return found;
  };
  return { parent: numbers("PPid")[0] ?? 0, uids: numbers("Uid"), gids: numbers("Gid"), groups: numbers("Groups") };
}

function readEtc(host: Host, name: string): string {
  const bytes = readIfThere(host, OPERATION, { directory: "/etc", name, maxBytes: MAX_BYTES }, ["ENOENT"]);
  return bytes === undefined ? "" : byteString(bytes);
}

function refused(what: string, saw: string, hint: string): StageError {
  return new StageError(STAGE, { what, ...(saw === "" ? {} : { saw }), hint });
}

/**
 * Runs this with the caller's ids for file access, in this thread alone (setfsuid(2); the system call for groups, since the
 * C library would set them in all threads), so that the kernel judges as it would judge him.
 */
export function asCaller<T>(caller: Pick<Launcher, "uid" | "gid" | "kernelGroups">, run: () => T): T {
  const setGroups = (groups: readonly number[]) => {
    const table = new Uint32Array(groups.length === 0 ? [0] : groups);
    if (c.syscall(SYS.setgroups, groups.length, ptr(table), 0, 0, 0) < 0) {
      throw refused(
        "the caller's groups cannot be taken on",
        errnoName(errno()),
        "the container lacks CAP_SETGID: docker run --cap-add SETGID",
      );
    }
  };
  setGroups(caller.kernelGroups);
  c.setfsgid(caller.gid);
  c.setfsuid(caller.uid);
  try {
    // setfsuid(2) reports no error: asked again with an id that cannot be, it tells the one in force.
    if (c.setfsuid(NOBODY_AT_ALL) !== caller.uid || c.setfsgid(NOBODY_AT_ALL) !== caller.gid) {
      throw refused(
        "the caller's ids cannot be taken on",
        "",
        "the container lacks CAP_SETUID: docker run --cap-add SETUID",
      );
    }
    return run();
  } finally {
    c.setfsuid(0);
    c.setfsgid(0);
    setGroups([0]);
  }
}

/** What opening this path for reading gives the caller: undefined, or an errno name. */
export function tryToRead(caller: Caller, path: string): string | undefined {
  return asCaller(caller, () => {
    const flags = O.rdonly | O.nonblock | NOCTTY | O.cloexec;
    const fd = c.openat(AT_FDCWD, ptr(cBytes(path)), flags, 0);
    if (fd < 0) return errnoName(errno());
    c.close(fd);
    return undefined;
  });
}
