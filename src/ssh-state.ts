/**
 * Whether SSH serves, in one word and with its reason: what the supervisor reports and `--status` shows. Pure.
 */
import type { Plan } from "./boot.ts";
import type { Problem } from "./errors.ts";
import type { Session } from "./sessions.ts";
import type { SshdFacts } from "./sshd.ts";

/** Why SSH does not serve. `no keys`: there is nobody whom it could let in, which is no fault. */
export interface Trouble {
  readonly ssh: "down" | "no keys";
  readonly problem: Problem;
}

/** SSH at one moment. */
export interface SshReport {
  readonly ssh: "up" | "starting" | Trouble["ssh"];
  /** Why it is not up. */
  readonly problem: Problem | undefined;
  /** Undefined before it was first started. */
  readonly sshd: SshdFacts | undefined;
  /** What is in force; undefined while nothing is. */
  readonly plan: Plan | undefined;
  readonly sessions: readonly Session[];
}

/** What was told last, unless it is over; else what sshd itself does. */
export function judgeSsh(
  trouble: Trouble | undefined,
  sshd: SshdFacts | undefined,
  isProved: boolean,
): Pick<SshReport, "ssh" | "problem"> {
  if (trouble !== undefined) return trouble;
  if (isProved && sshd?.isListening === true) return { ssh: "up", problem: undefined };
  if (sshd === undefined || sshd.pid !== undefined) return { ssh: "starting", problem: undefined };
  const what = `sshd ended: ${sshd.lastEnding ?? "nothing of how"}`;
  return { ssh: "down", problem: { what, hint: "it is started again by itself" } };
}
