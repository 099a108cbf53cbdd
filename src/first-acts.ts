/**
 * The first acts of a process that an unprivileged caller started as root through sudo: everything that arrives from him
 * (directory, mask, groups, signals, limits, nice) is put right, or refused in words. Nothing is read before.
 */
import { cString } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { StageError } from "./errors.ts";
import { c, errno, ptr } from "./libc.ts";
import { forgetInheritedSignals } from "./signals.ts";

const STAGE = "firstActs";
const UMASK = 0o022;
const PRIO_PROCESS = 0;
const INFINITY = 0xffffffffffffffffn;

/** setrlimit(2): number, name in `docker run --ulimit`, and the least hard limit under which we can keep our promises. */
const LIMITS: readonly (readonly [number: number, name: string, least: bigint])[] = [
  [0, "cpu", INFINITY],
  [1, "fsize", 1n << 30n],
  [2, "data", 1n << 32n],
  [3, "stack", 1n << 23n],
  [5, "rss", 0n],
  [6, "nproc", 0n],
  [7, "nofile", 256n],
  [8, "memlock", 0n],
  [9, "as", INFINITY],
  [10, "locks", 0n],
  [11, "sigpending", 0n],
  [12, "msgqueue", 0n],
];
const STACK = 3;
const STACK_BYTES = 1n << 23n;
const CORE = 4;

/** Puts everything right, each before what builds on it. Throws `StageError` unless we are root in every id. */
export function putRight(): void {
  need(c.chdir(cString("/")), "chdir");
  c.umask(UMASK);
  if (c.geteuid() !== 0) throw notRoot(`euid ${c.geteuid()}`);
  if (findWrongIds() !== undefined) becomeRoot();
  forgetInheritedSignals();
  raiseLimits();
  // Without CAP_SYS_NICE the caller's nice stays: it makes us slow, not wrong.
  c.setpriority(PRIO_PROCESS, 0, 0);
}

function becomeRoot(): void {
  const root = new Uint32Array(1);
  need(c.setgroups(1, ptr(root)), "setgroups");
  need(c.setresgid(0, 0, 0), "setresgid");
  need(c.setresuid(0, 0, 0), "setresuid");
  const wrong = findWrongIds();
  if (wrong !== undefined) throw notRoot(wrong);
}

/** Undefined where every id is root's, and root's own is the one group: so in every thread, which sudo has started us with. */
function findWrongIds(): string | undefined {
  const ids = new Uint32Array(6);
  c.getresuid(ptr(ids, 0), ptr(ids, 4), ptr(ids, 8));
  c.getresgid(ptr(ids, 12), ptr(ids, 16), ptr(ids, 20));
  const groups = new Uint32Array(2);
  const count = c.getgroups(2, ptr(groups));
  return ids.some((id) => id !== 0) || count !== 1 || groups[0] !== 0 ? `ids ${ids.join(" ")}` : undefined;
}

function notRoot(saw: string): StageError {
  return refused("this must run as root through sudo", saw, "withssh makes this call itself: run withssh COMMAND");
}

/** Each soft limit to its hard one; a hard one that is too low is raised, or refused where that takes a capability. */
function raiseLimits(): void {
  const now = new BigUint64Array(2);
  for (const [resource, name, least] of LIMITS) {
    need(c.prlimit(0, resource, null, ptr(now)), `prlimit ${name}`);
    const hard = now[1] ?? 0n;
    if (hard < least) {
      const wanted = new BigUint64Array([least, least]);
      if (c.prlimit(0, resource, ptr(wanted), null) === 0) continue;
      const hint = `docker run --ulimit ${name}=…; raising it here takes CAP_SYS_RESOURCE`;
      throw refused("the caller's limits are too low to be safe under", `${name} ${hard}`, hint);
    }
    const soft = resource === STACK ? STACK_BYTES : hard;
    // Most limits of most containers are so already.
    if (now[0] !== soft) need(c.prlimit(0, resource, ptr(new BigUint64Array([soft, hard])), null), `prlimit ${name}`);
  }
  // What root holds in memory has no business in a file.
  need(c.prlimit(0, CORE, ptr(new BigUint64Array(2)), null), "prlimit core");
}

function need(result: number, call: string): void {
  if (result < 0)
    throw refused(`a first act failed: ${call}`, errnoName(errno()), "look at the container's seccomp profile");
}

function refused(what: string, saw: string, hint: string): StageError {
  return new StageError(STAGE, { what, saw, hint });
}
