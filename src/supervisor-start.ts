/**
 * How the launcher starts the supervisor so that the app does not meet it: in a session of its own, orphaned where
 * PID 1 is somebody else, holding our stderr for the log, a pidfd of the app, and nothing else of ours.
 */
import { isOsError, StageError } from "./errors.ts";
import { AT_FDCWD, byteString, c, cBytes, check, cString, memoryFile, O, ptr, SYS } from "./libc.ts";
import { isReadable } from "./poll.ts";
import { isExecutablePath, spawn, waitFor } from "./processes.ts";
import { parseReply, type Reply, type Request, renderRequest } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";
import { discardChildSignal, isChildSignalPending } from "./signals.ts";

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

export interface StartedSupervisor {
  /** The pid to forward signals to, where we stay its parent. */
  readonly pid: number;
  /** Waits for the intermediate process, if there is one: it must not be left as the app's zombie. */
  settle(): void;
  /** Waits for the supervisor's one line, within a minute. */
  reply(): Reply;
}

/** Starts the supervisor. `stay`: we remain its parent instead of becoming the app. Throws `StageError`. */
export function startSupervisor(request: Request, options: { stay: boolean }): StartedSupervisor {
  try {
    return start(request, options);
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = "the supervisor cannot be started";
    const hint = "look at the container's limits (docker run --ulimit, --pids-limit) and seccomp profile";
    throw new StageError("startSupervisor", { what, saw: error.message, hint }, { cause: error });
  }
}

function start(request: Request, options: { stay: boolean }): StartedSupervisor {
  const operation = "start the supervisor";
  const stdin = memoryFile(renderRequest(request), operation);
  const pidfd = check(Number(c.syscall(SYS.pidfdOpen, c.getpid(), 0, 0, 0, 0)), "pidfd_open", operation);
  const pipe = new Int32Array([-1, -1]);
  if (request.wantsReply) check(c.pipe2(ptr(pipe), O.cloexec), "pipe2", operation);
  const [readEnd, writeEnd] = [pipe[0] ?? -1, pipe[1] ?? -1];
  // Where 2 came closed it may be the runtime's by now: its own are all close-on-exec, what was inherited is not.
  const stderr = c.fcntl(2, F_GETFD, 0) === 0 ? 2 : NOTHING;
  const descriptors = [stdin, request.wantsReply ? writeEnd : NOTHING, stderr, pidfd];
  const self = options.stay || c.getpid() === 1 || !isExecutablePath(SETSID) ? undefined : findSelf();
  const common = { environment: [], descriptors };
  const hadChildSignal = isChildSignalPending();
  const pid =
    self === undefined
      ? spawn(operation, { ...common, path: SELF, argv: ["withssh", SUPERVISOR_ROLE], detach: "session" })
      : spawn(operation, { ...common, path: SETSID, argv: ["setsid", self, SUPERVISOR_ROLE], detach: "group" });
  c.close(stdin);
  c.close(pidfd);
  if (request.wantsReply) c.close(writeEnd);
  return {
    pid,
    settle: () => {
      if (self === undefined) return;
      waitFor(pid);
      if (!hadChildSignal && isChildSignalPending()) discardChildSignal();
    },
    reply: () => readReply(readEnd),
  };
}

/** Our own path, for setsid(1) to execute; undefined where it leads nowhere (the file was replaced, or is not mounted). */
function findSelf(): string | undefined {
  const target = new Uint8Array(MAX_PATH_BYTES);
  const length = Number(c.readlinkat(AT_FDCWD, cString(SELF), ptr(target), target.length));
  const path = byteString(target.subarray(0, Math.max(0, length)));
  return path.startsWith("/") && c.faccessat(AT_FDCWD, ptr(cBytes(path)), X_OK, 0) === 0 ? path : undefined;
}

/** Throws unless sshd listens: `WITHSSH_REQUIRE=true` means no app without SSH. Undefined: nobody could be asked. */
export function assertReady(reply: Reply | undefined): void {
  if (reply?.ready === true) return;
  throw new StageError("waitForSsh", {
    what: "SSH is required and not to be had",
    saw: reply?.why ?? "no supervisor",
    hint: "see the lines before this one; without WITHSSH_REQUIRE=true the app starts without SSH",
  });
}

/** How long `WITHSSH_REQUIRE=true` waits for sshd to listen. */
const REPLY_TIMEOUT_MS = 60_000;

/** The supervisor's one line from this pipe, which is closed then. */
export function readReply(fd: number, timeoutMs = REPLY_TIMEOUT_MS): Reply {
  const deadline = Date.now() + timeoutMs;
  const chunk = new Uint8Array(4096);
  let text = "";
  try {
    while (!text.includes("\n")) {
      if (!isReadable(fd, Math.max(0, deadline - Date.now()))) {
        return { ready: false, why: `no answer from the supervisor in ${timeoutMs / 1000} s` };
      }
      const got = Number(c.read(fd, ptr(chunk), chunk.length));
      if (got <= 0) return { ready: false, why: "the supervisor ended without an answer" };
      text += Buffer.from(chunk.subarray(0, got)).toString("utf8");
    }
    return parseReply(text) ?? { ready: false, why: "the supervisor's answer was not understood" };
  } finally {
    c.close(fd);
  }
}
