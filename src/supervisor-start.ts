/**
 * How the launcher starts the supervisor so that the app does not meet it: in a session of its own, orphaned where
 * PID 1 is somebody else, holding our stderr for the log, a pidfd of the app, and nothing else of ours.
 */
import { byteString, cBytes, cString } from "./byte-strings.ts";
import { writeAll } from "./descriptors.ts";
import { isOsError, StageError } from "./errors.ts";
import { AT_FDCWD, c, check, O, ptr, SYS } from "./libc.ts";
import { type Ending, isExecutablePath, spawn, waitFor } from "./processes.ts";
import { type Request, renderRequest } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";
import { expectChildSignal } from "./signals.ts";

/** The supervisor's descriptor of the app. */
export const APP_PIDFD = 3;

/**
 * util-linux's and busybox's setsid(1) fork when they lead their process group and let the parent end: the double fork
 * that a runtime with threads cannot do by itself (fork(2): only async-signal-safe calls in the child). Where the image
 * has neither, the supervisor stays the app's child, which only a `wait` for any child could notice.
 */
const SETSID = "/usr/bin/setsid";
const SELF = "/proc/self/exe";
const MAX_PATH_BYTES = 4096;
const F_GETFD = 1;
const X_OK = 1;
const NOTHING = { path: "/dev/null", write: true } as const;
const OPERATION = "start the supervisor";
const F_SETPIPE_SZ = 1031;
const PIPE_BYTES = 65_536;

/** A supervisor that waits for its request. Closed without one it ends, silently. */
export interface StartedSupervisor {
  /** The pid to forward signals to, where we stay its parent. */
  readonly pid: number;
  /** Hands it what it works by. Throws `StageError` where it has ended. */
  send(request: Request): void;
  /**
   * Waits for the intermediate process, if there is one: it must not be left as the app's zombie. Throws `StageError` where
   * that tells that there is no supervisor.
   */
  settle(): void;
  /** Where its one line arrives (supervisor-reply.ts). */
  readonly replyEnd: number;
}

/** Starts the supervisor. `stay`: we remain its parent instead of becoming the app. Throws `StageError`. */
export function startSupervisor(options: { readonly stay: boolean }): StartedSupervisor {
  return orCannot(() => start(options));
}

/** Starts the supervisor and hands it its request. Throws `StageError`. */
export function startSupervisorWith(request: Request, options: { readonly stay: boolean }): StartedSupervisor {
  const supervisor = startSupervisor(options);
  supervisor.send(request);
  return supervisor;
}

function orCannot<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!isOsError(error)) throw error;
    throw cannotStart(error.message, error);
  }
}

/** That there is no supervisor, and what was seen instead. */
export function cannotStart(saw: string, cause?: unknown): StageError {
  const what = "the supervisor cannot be started";
  const hint = "look at the container's limits (docker run --ulimit, --pids-limit) and seccomp profile";
  return new StageError("startSupervisor", { what, saw, hint }, { cause });
}

function start(options: { readonly stay: boolean }): StartedSupervisor {
  const [requestEnd, ourEnd] = openPipe();
  const [replyEnd, answerEnd] = openPipe();
  const pidfd = check(Number(c.syscall(SYS.pidfdOpen, c.getpid(), 0, 0, 0, 0)), "pidfd_open", OPERATION);
  // Where 2 came closed it may be the runtime's by now: its own are all close-on-exec, what was inherited is not.
  const stderr = c.fcntl(2, F_GETFD, 0) === 0 ? 2 : NOTHING;
  const descriptors = [requestEnd, answerEnd, stderr, pidfd];
  const self = options.stay || c.getpid() === 1 || !isExecutablePath(SETSID) ? undefined : findSelf();
  const common = { environment: [], descriptors };
  const settleChild = expectChild();
  const pid =
    self === undefined
      ? spawn(OPERATION, { ...common, path: SELF, argv: ["withssh", SUPERVISOR_ROLE], detach: "session" })
      : spawn(OPERATION, { ...common, path: SETSID, argv: ["setsid", self, SUPERVISOR_ROLE], detach: "group" });
  c.close(requestEnd);
  c.close(answerEnd);
  c.close(pidfd);
  const settle = () => {
    if (self !== undefined) settleChild(pid);
  };
  return { pid, send: (request) => handRequest(ourEnd, request, settle), settle, replyEnd };
}

/** Before a child that the app must not meet: what waits for its end, and leaves no SIGCHLD behind that was not there before. */
export function expectChild(): (pid: number) => Ending {
  const discardOurs = expectChildSignal();
  return (pid) => {
    const ending = waitFor(pid);
    discardOurs();
    return ending;
  };
}

/** Hands a supervisor its request. Throws `StageError` where it has ended; the app starts all the same, and must not meet what is left of it. */
export function handRequest(fd: number, request: Request, settle: () => void): void {
  try {
    orCannot(() => sendRequest(fd, request));
  } catch (error) {
    settle();
    throw error;
  }
}

/** Both ends close-on-exec: reading, writing. */
export function openPipe(): readonly [number, number] {
  const pipe = new Int32Array([-1, -1]);
  check(c.pipe2(ptr(pipe), O.cloexec), "pipe2", OPERATION);
  return [pipe[0] ?? -1, pipe[1] ?? -1];
}

/** A pipe takes 64 KiB (pipe(7)); for a larger environment it grows, or else we wait until the supervisor reads. */
function sendRequest(fd: number, request: Request): void {
  const bytes = renderRequest(request);
  if (bytes.length > PIPE_BYTES) c.fcntl(fd, F_SETPIPE_SZ, bytes.length);
  try {
    writeAll(fd, bytes, OPERATION);
  } finally {
    c.close(fd);
  }
}

/** Our own path, for setsid(1) to execute; undefined where it leads nowhere (the file was replaced, or is not mounted). */
function findSelf(): string | undefined {
  const target = new Uint8Array(MAX_PATH_BYTES);
  const length = Number(c.readlinkat(AT_FDCWD, cString(SELF), ptr(target), target.length));
  const path = byteString(target.subarray(0, Math.max(0, length)));
  return path.startsWith("/") && c.faccessat(AT_FDCWD, ptr(cBytes(path)), X_OK) === 0 ? path : undefined;
}
