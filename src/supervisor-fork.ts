/**
 * The supervisor as a fork of the launcher, which has a runtime that runs: another one's start takes longer than our stages
 * do. Forked twice where PID 1 is somebody else, so that the app does not meet it in `wait`.
 */
import { forkRuntime } from "./fork.ts";
import { c, SYS } from "./libc.ts";
import type { OpenDescriptor } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { cannotStart, expectChild, handRequest, openPipe, type StartedSupervisor } from "./supervisor-start.ts";

/** What a forked supervisor goes on with. */
export interface Fork {
  /** Undefined: it comes over the pipe. */
  readonly request: Request | undefined;
  /** What becomes descriptors 0 and 1; undefined: nothing is said. */
  readonly pipes: { readonly requestEnd: number; readonly answerEnd: number } | undefined;
  readonly appPidfd: number;
  /** All other descriptors from 3 up; undefined: look. */
  readonly open: readonly OpenDescriptor[] | undefined;
  /** The parent's runtime goes on, with the event queue that both have; else it ends with the parent's exec, at once. */
  readonly isShared: boolean;
}

/** Two processes come back from a fork: which one this is. */
export type Forked =
  | { readonly role: "launcher"; readonly supervisor: StartedSupervisor }
  | { readonly role: "supervisor"; readonly fork: Fork };

const F_GETFD = 1;
const NO_DESCRIPTOR = -1;

/** A pidfd of this process, for the supervisor; undefined where none of our copies could be one. */
export function openAppPidfd(): number | undefined {
  // Where one of these came closed the runtime may have put something of its own there.
  for (let fd = 0; fd <= 2; fd++) if (c.fcntl(fd, F_GETFD, 0) !== 0) return undefined;
  const fd = Number(c.syscall(SYS.pidfdOpen, c.getpid(), 0, 0, 0, 0));
  return fd < 0 ? undefined : fd;
}

/** Forks the supervisor. With a request it needs no other. Undefined, and no child, where it must be started by an exec. */
export function forkSupervisor(request: Request | undefined): Forked | undefined {
  const appPidfd = openAppPidfd();
  if (appPidfd === undefined) return undefined;
  const [requestEnd, ourEnd] = request === undefined ? openPipe() : NO_PIPE;
  const [replyEnd, answerEnd] = request === undefined ? openPipe() : NO_PIPE;
  const closeAll = (fds: readonly number[]) => {
    for (const fd of fds) if (fd !== NO_DESCRIPTOR) c.close(fd);
  };
  const isOrphan = c.getpid() !== 1;
  const settleChild = expectChild();
  const pid = forkRuntime();
  if (pid === undefined) {
    closeAll([requestEnd, ourEnd, replyEnd, answerEnd, appPidfd]);
    return undefined;
  }
  if (pid === 0) {
    c.syscall(SYS.setsid, 0, 0, 0, 0, 0);
    if (isOrphan) leaveParent();
    const pipes = request === undefined ? { requestEnd, answerEnd } : undefined;
    return { role: "supervisor", fork: { request, pipes, appPidfd, open: undefined, isShared: true } };
  }
  closeAll([requestEnd, answerEnd, appPidfd]);
  const settle = () => {
    if (isOrphan && settleChild(pid).code !== 0) throw cannotStart("fork: no second process");
  };
  const send = (late: Request) => handRequest(ourEnd, late, settle);
  return { role: "launcher", supervisor: { pid, send, settle, replyEnd } };
}

const NO_PIPE = [NO_DESCRIPTOR, NO_DESCRIPTOR] as const;

/** Goes on in a child whose parent has ended. */
function leaveParent(): void {
  const pid = c.fork();
  if (pid !== 0) c.exit_group(pid < 0 ? 1 : 0);
}
