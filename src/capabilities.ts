/**
 * What sshd as root cannot do without (capabilities(7)), told by name: without it sshd listens, says nothing of why, and
 * lets nobody in. Pure but for the one look at ourselves.
 */
import { byteString } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import type { Problem } from "./errors.ts";

/** sshd's privilege separation: chroot, and becoming its own user and the one that logs in. */
const NEEDED = { CAP_SETGID: 6n, CAP_SETUID: 7n, CAP_SYS_CHROOT: 18n } as const;
/** Without these some of it fails. */
const USEFUL = {
  CAP_CHOWN: [0n, "terminals of other users than root, and unlocking accounts"],
  CAP_KILL: [5n, "ending other users' sessions"],
  CAP_AUDIT_WRITE: [29n, "terminals, where sshd writes audit records (Debian's does)"],
} as const;

export interface CapabilityVerdict {
  /** Why nobody could log in. */
  readonly problem: Problem | undefined;
  readonly warnings: readonly Problem[];
}

/** The verdict on an effective set, as in /proc/self/status. */
export function judgeCapabilities(effective: bigint): CapabilityVerdict {
  const lacks = (bit: bigint) => ((effective >> bit) & 1n) === 0n;
  const needed = Object.entries(NEEDED).filter(([, bit]) => lacks(bit));
  const names = needed.map(([name]) => name);
  const problem = names.length === 0 ? undefined : problemOf(`sshd as root needs ${names.join(" and ")}`, names);
  const warnings = Object.entries(USEFUL)
    .filter(([, [bit]]) => lacks(bit))
    .map(([name, [, what]]) => problemOf(`${what} may not work without ${name}`, [name]));
  return { problem, warnings };
}

function problemOf(what: string, names: readonly string[]): Problem {
  const flags = names.map((name) => `--cap-add ${name.replace("CAP_", "")}`);
  return { what, saw: "the container lacks it", hint: `docker run ${flags.join(" ")}` };
}

/** One of our own sets: `Eff`, `Bnd`, ... (proc(5)). */
export function readCapabilities(set: "Eff" | "Bnd"): bigint {
  const status = byteString(slurp("/proc/self/status", "read our capabilities"));
  return BigInt(`0x${new RegExp(`^Cap${set}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
}
