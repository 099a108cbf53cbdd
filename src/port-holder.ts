/**
 * Who holds a TCP port that sshd cannot have, as far as /proc tells: root without CAP_SYS_PTRACE cannot look into
 * processes of other users, so the answer may be no more than the holder's uid. For a message only.
 */
import { byteString, cString, DIGITS, isMadeOf } from "./byte-strings.ts";
import type { Config } from "./config.ts";
import { slurp } from "./descriptors.ts";
import { isOsError, type Problem } from "./errors.ts";
import { AT_FDCWD, c, ptr } from "./libc.ts";
import { readListeners } from "./listeners.ts";
import { openNativeDir } from "./native-dir.ts";
import { settings } from "./settings.ts";
import type { Unbound } from "./sshd-log.ts";

/** Why an sshd whose config is good did not come to listen: its port is taken, or as it said itself. */
export function explainNoListener(
  { port, listen }: Pick<Config, "port" | "listen">,
  said: string | undefined,
): Problem {
  const holder = findPortHolder(port);
  if (holder !== undefined) {
    const hint = `end it, or set ${settings.port.name}; it is tried again`;
    return { what: `port ${port} is taken: sshd cannot listen`, saw: holder, hint };
  }
  const addresses = `does this container have every address of ${settings.listen.name}? `;
  const hint = `${listen.length > 0 ? addresses : ""}it is tried again`;
  return { what: "sshd ended before it listened", saw: said ?? "nothing of why", hint };
}

/**
 * What it means that an sshd which listens elsewhere could not have this address; undefined where sshd's own words tell all: of
 * all addresses (none named) the machine may lack a family. `sshd` is its pid.
 */
export function explainUnbound(
  { address, port, why }: Pick<Unbound, "address" | "port" | "why">,
  { listen }: Pick<Config, "listen">,
  sshd: number | undefined,
): Problem | undefined {
  // Each C library has its own words for EADDRINUSE.
  const isTaken = /^Address (?:already )?in use$/.test(why);
  if (!isTaken && listen.length === 0) return undefined;
  const what = `sshd listens, but not on ${address} port ${port}: who connects there does not reach it`;
  if (!isTaken) return { what, saw: why, hint: `does this container have every address of ${settings.listen.name}?` };
  const hint = `end it and restart the container, or set ${settings.port.name}`;
  return { what, saw: findPortHolder(port, sshd) ?? why, hint };
}

const OPERATION = "look for who holds the port";
/** "nginx (pid 17)", "a process of uid 1000", or undefined where nobody listens there. `but`: a pid that is not meant. */
export function findPortHolder(port: number, but?: number): string | undefined {
  const pids = list("/proc").filter((name) => isMadeOf(name, DIGITS));
  for (const { inode, uid } of readListeners(port) ?? []) {
    const pid = pids.find((one) => holds(one, inode));
    if (pid === undefined) return `a process of uid ${uid}`;
    if (pid !== String(but)) return `${read(`/proc/${pid}/comm`)?.trim() ?? "a process"} (pid ${pid})`;
  }
  return undefined;
}

function holds(pid: string, inode: string): boolean {
  const fds = `/proc/${pid}/fd`;
  return list(fds).some((fd) => readLink(`${fds}/${fd}`) === `socket:[${inode}]`);
}

function read(path: string): string | undefined {
  return orNothing(() => byteString(slurp(path, OPERATION)));
}

function list(path: string): string[] {
  const names = orNothing(() => {
    const dir = openNativeDir(OPERATION, path);
    try {
      return dir.list(OPERATION);
    } finally {
      dir.close();
    }
  });
  return names ?? [];
}

function readLink(path: string): string {
  const target = new Uint8Array(64);
  const length = Number(c.readlinkat(AT_FDCWD, ptr(cString(path)), ptr(target), target.length));
  return length > 0 ? byteString(target.subarray(0, length)) : "";
}

/** Processes end while they are looked at, and others are not ours to look into. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
}
