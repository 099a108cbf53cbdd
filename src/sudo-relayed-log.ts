/**
 * Our log where sudo relays what we say (sudoers(5), log_output, log_stderr): sudo ends at the verdict, and its pipe with it. So it
 * goes to the launcher's own stderr, opened with the caller's rights. Loaded only then.
 */
import { cString } from "./byte-strings.ts";
import { asCaller, type Launcher } from "./caller.ts";
import { AT_FDCWD, c, O, SYS } from "./libc.ts";
import { defaultFormat, sayNow } from "./log-line.ts";

const STDERR = 2;

/** Puts the launcher's stderr in the place of ours; where it cannot be opened that is told while sudo still relays it. */
export function takeLaunchersStderr(launcher: Launcher): void {
  const flags = O.wronly | O.append | O.nonblock | O.noctty | O.cloexec;
  const fd = asCaller(launcher, () => c.openat(AT_FDCWD, cString(`/proc/${launcher.pid}/fd/${STDERR}`), flags, 0));
  if (fd < 0) {
    const what = "sudo relays the log, which ends with sudo: nothing more is told of SSH";
    const hint = "remove log_output and log_stderr for this user from sudoers";
    sayNow({ type: "warning", problem: { what, hint } }, defaultFormat());
    return;
  }
  c.syscall(SYS.dup3, fd, STDERR, 0, 0, 0);
  c.close(fd);
}
