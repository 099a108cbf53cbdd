/**
 * What a supervisor stands on, whatever its settings are: made first, and light, since in a plain start sshd is started on it
 * before the settings are read (supervise-fork.ts).
 */
import { cString } from "./byte-strings.ts";
import type { Host } from "./host.ts";
import { LateLog } from "./late-log.ts";
import { c, check } from "./libc.ts";
import { createNativeHost } from "./native-host.ts";
import { Children } from "./processes.ts";
import { RecentProblems } from "./recent-problems.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const UMASK = 0o022;

export interface Ground {
  /** When it was laid, in milliseconds since the epoch. */
  readonly beganMs: number;
  /** Nobody is reaped before `listen`. */
  readonly children: Children;
  readonly log: LateLog;
  readonly problems: RecentProblems;
  /** Its events go to the log and to the problems. */
  readonly native: Host;
}

/** Makes it, once in a process, with the children that there are already, and this process a subreaper. Throws `OsError`. */
export function layGround(children = new Children("later")): Ground {
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "become a subreaper");
  c.umask(UMASK);
  c.chdir(cString("/"));
  const log = new LateLog();
  const problems = new RecentProblems();
  const native = createNativeHost(children, (event) => {
    log.write(event);
    problems.note(event, Date.now());
  });
  return { beganMs: native.now(), children, log, problems, native };
}
