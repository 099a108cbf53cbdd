/**
 * Ends everything that runs below the supervisor: sshd, sessions, and what sessions left behind. As a subreaper it gets
 * the orphans of whatever it ends, so it goes on until no child is left. TERM first, KILL when that is not enough.
 */
import { byteString } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { isOsError } from "./errors.ts";
import { c } from "./libc.ts";

const SIGTERM = 15;
const SIGKILL = 9;
const KILL_AFTER_MS = 800;
const GIVE_UP_AFTER_MS = 1800;
const STEP_MS = 20;

/** Resolves when no child is left, or after 1.8 s at most. Reaping is the SIGCHLD listener's work (processes.ts). */
export async function endDescendants(): Promise<void> {
  const began = performance.now();
  for (;;) {
    const children = listChildren();
    const elapsedMs = performance.now() - began;
    if (children.length === 0 || elapsedMs > GIVE_UP_AFTER_MS) return;
    for (const pid of children) c.kill(pid, elapsedMs < KILL_AFTER_MS ? SIGTERM : SIGKILL);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** Our children's pids, zombies included. */
export const listChildren = (): number[] => listChildrenOf(c.getpid());

/** A process's children (proc(5), /proc/pid/task/tid/children); none where it is gone or the kernel has no such file. */
export function listChildrenOf(pid: number): number[] {
  try {
    const text = byteString(slurp(`/proc/${pid}/task/${pid}/children`, "list children"));
    return text.split(" ").filter(Boolean).map(Number);
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  }
}
