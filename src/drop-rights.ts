/**
 * Drops root for good before the app: groups, then gid, then uid, then tries to get each back. Nothing here may be
 * skipped when it fails: an app with root's groups looks like a drop and is none (Horust, fpco/pid1).
 */
import type { AppUser } from "./app-user.ts";
import { errnoName } from "./errno.ts";
import { StageError } from "./errors.ts";
import { c, errno, ptr, SYS } from "./libc.ts";
import { readGroups } from "./process-facts.ts";

const STAGE = "dropRights";
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** The version of capget(2)'s header that has two 32-bit words a set. */
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const SETGID = "CAP_SETGID";
const SETUID = "CAP_SETUID";

/** True when we are already exactly that user: then nothing needs a capability (gosu's most repeated complaint). */
function isAlready(user: AppUser): boolean {
  const ids = new Uint32Array(3);
  c.getresuid(ptr(ids, 0), ptr(ids, 4), ptr(ids, 8));
  if (!ids.every((id) => id === user.uid)) return false;
  c.getresgid(ptr(ids, 0), ptr(ids, 4), ptr(ids, 8));
  if (!ids.every((id) => id === user.gid)) return false;
  const groups = readGroups().filter((gid) => gid !== user.gid);
  const wanted = user.groups.filter((gid) => gid !== user.gid);
  return groups.length === wanted.length && groups.every((gid) => wanted.includes(gid));
}

/** Becomes this user for good, in this process. Throws `StageError` that names the missing capability. */
export function dropRights(user: AppUser): void {
  if (isAlready(user)) return;
  handOverStdio(user);
  const groups = new Uint32Array(user.groups);
  need(c.setgroups(groups.length, groups.length === 0 ? null : ptr(groups)), "setgroups", SETGID);
  need(c.setresgid(user.gid, user.gid, user.gid), "setresgid", SETGID);
  need(c.setresuid(user.uid, user.uid, user.uid), "setresuid", SETUID);
  if (user.uid !== 0) clearCapabilities();
  assertDropped(user);
}

/** prctl(2) no_new_privs: the only drop that cannot be undone by a set-uid program. */
export function setNoNewPrivs(): void {
  const result = c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (result === 0 && c.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) === 1) return;
  const saw = result === 0 ? "it is not set" : errnoName(errno());
  throw new StageError(STAGE, { what: "WITHSSH_NO_NEW_PRIVS=true is not to be had", saw, hint: "remove it" });
}

/** setresuid(2) empties the permitted and effective sets; inheritable and ambient ones stay, and must not. */
function clearCapabilities(): void {
  c.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const header = new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]);
  const none = new Uint32Array(6);
  need(c.capset(ptr(header), ptr(none)), "capset", "nothing");
}

/** After every drop of rights the forbidden thing is tried, and must fail. */
function assertDropped(user: AppUser): void {
  if (!isAlready(user)) throw refused("check", "the ids are not what was asked for", undefined);
  if (user.uid === 0) return;
  if (c.setresuid(0, 0, 0) === 0) throw refused("setresuid", "root could be had back", undefined);
  if (user.gid !== 0 && c.setresgid(0, 0, 0) === 0)
    throw refused("setresgid", "root's group could be had back", undefined);
  const none = new Uint32Array(1);
  if (c.setgroups(1, ptr(none)) === 0) throw refused("setgroups", "groups could still be changed", undefined);
}

/**
 * Pipes and terminals on 0-2 become the user's, else `/dev/stdout` cannot be opened again (moby/moby#31243). As runc does
 * it (fixStdioPermissions): what cannot be given (a read-only mount, no CAP_CHOWN) stays, and /dev/null is nobody's.
 */
function handOverStdio(user: AppUser): void {
  const S_IFIFO = 0o1;
  for (const fd of [0, 1, 2]) {
    const isTerminal = c.isatty(fd) === 1;
    if (!isTerminal && fileType(fd) !== S_IFIFO) continue;
    c.fchown(fd, user.uid, -1);
  }
}

/** The file type bits of st_mode, shifted down (inode(7)); -1 for a closed descriptor. */
function fileType(fd: number): number {
  const AT_EMPTY_PATH = 0x1000;
  const STATX_TYPE = 1;
  const answer = new Uint8Array(256);
  if (c.syscall(STATX, fd, ptr(EMPTY), AT_EMPTY_PATH, STATX_TYPE, ptr(answer)) < 0) return -1;
  return new DataView(answer.buffer).getUint16(28, true) >> 12;
}

const EMPTY = new Uint8Array(1);
const STATX = SYS.statx;

function need(result: number, call: string, capability: string): void {
  if (result >= 0) return;
  const code = errnoName(errno());
  throw refused(call, code, code === "EPERM" ? capability : undefined);
}

function refused(call: string, saw: string, capability: string | undefined): StageError {
  const hint =
    capability === undefined
      ? "this is not to be passed over: report it"
      : c.geteuid() === 0
        ? `the container lacks ${capability}: docker run --cap-add ${capability.replace("CAP_", "")}`
        : "only root can become another user: remove WITHSSH_APP_USER, or start as root (docker run --user root)";
  return new StageError(STAGE, { what: `the app cannot be made to run as WITHSSH_APP_USER (${call})`, saw, hint });
}
