/**
 * Our root side becomes the supervisor, in the process that it is: in a session of its own already (stand-in.ts), with a checked
 * request and a pidfd of the app, and nothing of sudo's or the caller's but the pipe and stderr.
 */

import { cString } from "./byte-strings.ts";
import type { Problem } from "./errors.ts";
import { withholdDescriptors } from "./exec.ts";
import { layGround } from "./ground.ts";
import { AT_FDCWD, c, check, O, SYS } from "./libc.ts";
import { openDescriptors } from "./process-facts.ts";
import type { Children } from "./processes.ts";
import type { Request } from "./request.ts";
import { SshdPlace } from "./sshd-place.ts";
import { supervise } from "./supervise.ts";

const OPERATION = "become the supervisor";
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const F_GETFD = 1;

/**
 * The pipe stays open where the launcher waits for an answer, or for our end. `refused`: why there is no SSH, whatever the request
 * says. Gives the exit code. Throws `OsError`.
 */
export function superviseHere(
  request: Request,
  appPidfd: number,
  children: Children,
  refused?: readonly Problem[],
): Promise<number> {
  const nothing = check(
    c.openat(AT_FDCWD, cString("/dev/null"), O.rdwr | O.cloexec, 0),
    "openat",
    OPERATION,
    "/dev/null",
  );
  const close = (fd: number) => check(Number(c.syscall(SYS.dup3, nothing, fd, 0, 0, 0)), "dup3", OPERATION);
  close(STDIN);
  if (!request.wantsReply && request.hasCommand) close(STDOUT);
  if (c.fcntl(STDERR, F_GETFD, 0) !== 0) close(STDERR);
  c.close(nothing);
  // Whatever a closefrom_override let through: sshd and helpers have no business with it.
  withholdDescriptors(openDescriptors().map(({ fd }) => fd));
  const ground = layGround(children);
  const place = new SshdPlace(children, ground.native.emit);
  return supervise({ request, appPidfd, ground, place, isFork: true, refused });
}
