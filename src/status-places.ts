/**
 * Where a supervisor of this container may answer, and as whom: root's place first, then those of an unprivileged one.
 * Only looks. Who really listens there is the kernel's word, asked after connecting (status-ask.ts).
 */
import { byteString } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { isOsError } from "./errors.ts";
import type { Facts } from "./host.ts";
import { openNativeDir } from "./native-dir.ts";
import { parsePasswd } from "./passwd.ts";
import { STATE_DIRECTORY } from "./paths.ts";
import { listStatePlaces } from "./state-rootless.ts";

export interface StatusPlace {
  readonly directory: string;
  /** The uid that has to listen there. */
  readonly uid: number;
}

const OPERATION = "look for the supervisor";

export interface AskerFacts {
  readonly euid: number;
  readonly environment: ReadonlyMap<string, string>;
}

/** Those that are there and that this asker could believe, the likeliest first. */
export function findStatusPlaces({ euid, environment }: AskerFacts): readonly StatusPlace[] {
  const uids = euid === 0 ? [...new Set([0, uidOfFirstProcess()])] : [euid];
  const directories = new Set([STATE_DIRECTORY]);
  for (const uid of uids) {
    const runtimeDirectory = environment.get("XDG_RUNTIME_DIR");
    for (const home of new Set([environment.get("HOME"), homeOf(uid)])) {
      const places = listStatePlaces({
        uid,
        runtimeDirectory,
        home,
        hostname: readText("/proc/sys/kernel/hostname").trim(),
      });
      for (const { parent, names } of places) directories.add([parent, ...names].join("/").replace(/^\/+/, "/"));
    }
  }
  return [...directories].flatMap((directory) => {
    const uid = factsOf(directory)?.uid;
    return uid !== undefined && (uid === 0 || uid === euid || uids.includes(uid)) ? [{ directory, uid }] : [];
  });
}

function factsOf(path: string): Facts | undefined {
  const slash = path.lastIndexOf("/");
  try {
    const parent = openNativeDir(OPERATION, path.slice(0, slash) || "/");
    try {
      const facts = parent.stat(OPERATION, path.slice(slash + 1));
      return facts?.kind === "directory" ? facts : undefined;
    } finally {
      parent.close();
    }
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
}

/** Whoever the container runs as: its first process, or an init that was started as the same user. */
export function uidOfFirstProcess(): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readText("/proc/1/status"))?.[1] ?? 0);
}

function homeOf(uid: number): string | undefined {
  return parsePasswd(readText("/etc/passwd")).find((entry) => entry.uid === uid)?.home;
}

function readText(path: string): string {
  try {
    return byteString(slurp(path, OPERATION));
  } catch (error) {
    if (isOsError(error)) return "";
    throw error;
  }
}
