/** A forked supervisor's place: what it has of its own, and nothing of the launcher's that is not its business. */
import { cString } from "./byte-strings.ts";
import { AT_FDCWD, c, check, O, SYS } from "./libc.ts";
import type { OpenDescriptor } from "./process-facts.ts";
import type { Fork } from "./supervisor-fork.ts";

const OPERATION = "become the supervisor";

/** Takes the place: of `open`, all descriptors from 3 up, it keeps the app's pidfd and the runtime's own. Throws `OsError`. */
export function takeSeat({ pipes, appPidfd }: Fork, open: readonly OpenDescriptor[]): void {
  const nothing = check(
    c.openat(AT_FDCWD, cString("/dev/null"), O.rdwr | O.cloexec, 0),
    "openat",
    OPERATION,
    "/dev/null",
  );
  const put = (fd: number, at: number) => check(Number(c.syscall(SYS.dup3, fd, at, 0, 0, 0)), "dup3", OPERATION);
  put(pipes?.requestEnd ?? nothing, 0);
  put(pipes?.answerEnd ?? nothing, 1);
  c.close(nothing);
  for (const { fd, kind } of open) if (kind === "" && fd !== appPidfd) c.close(fd);
}
