/**
 * What sshd as root cannot do without (capabilities(7)), told by name: without it sshd listens, says nothing of why, and
 * lets nobody in. Pure but for the one look at ourselves.
 */
import type { Problem } from "./errors.ts";
import { c, ptr, SYS } from "./libc.ts";

/** sshd's privilege separation: chroot, and becoming its own user and the one that logs in. */
const NEEDED = { CAP_SETGID: 6n, CAP_SETUID: 7n, CAP_SYS_CHROOT: 18n } as const;
/** Without these some of it fails. */
const USEFUL = {
  CAP_CHOWN: [0n, "terminals of other users than root, and unlocking accounts"],
  CAP_KILL: [5n, "ending other users' sessions"],
  CAP_AUDIT_WRITE: [29n, "terminals, where sshd writes audit records (Debian's does)"],
} as const;

/** _LINUX_CAPABILITY_VERSION_3 (linux/capability.h). */
const VERSION_3 = 0x2008_0522;
const PR_CAPBSET_READ = 23;

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

/** What this process may do now (capget(2)); nothing where that cannot be asked. */
export function readEffectiveCapabilities(): bigint {
  const header = new Uint32Array([VERSION_3, 0]);
  // Effective, permitted, inheritable; of the lower 32 capabilities, then of the upper.
  const data = new Uint32Array(6);
  c.syscall(SYS.capget, ptr(header), ptr(data), 0, 0, 0);
  return (BigInt(data[3] ?? 0) << 32n) | BigInt(data[0] ?? 0);
}

/** Whether a program that is executed could get this one at all. */
export const isInBoundingSet = (capability: number): boolean => c.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) === 1;
