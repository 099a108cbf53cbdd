/**
 * How the launcher starts the supervisor so that the app does not meet it: in a session of its own, orphaned where
 * PID 1 is somebody else, holding our stderr for the log, a pidfd of the app, and nothing else of ours.
 */
import { StageError } from "./errors.ts";
import { AT_FDCWD, c, check, cString, errno, memoryFile, O, ptr, SYS } from "./libc.ts";
import { isExecutablePath, spawn, waitFor } from "./processes.ts";
import { parseReply, type Reply, type Request, renderRequest } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";

/** The supervisor's descriptor of the app. */
export const APP_PIDFD = 3;

/**
 * util-linux's and busybox's setsid(1) fork when they lead their process group and let the parent end: the double fork
 * that a runtime with threads cannot do by itself (fork(2): only async-signal-safe calls in the child). Where the image
 * has neither, the supervisor stays the app's child, which only a `wait` for any child could notice.
 */
const SETSID = "/usr/bin/setsid";
const SELF = "/proc/self/exe";
const EXECUTABLE_FD = 4;

export interface StartedSupervisor {
  /** The pid to forward signals to, where we stay its parent. */
  readonly pid: number;
  /** Waits for the intermediate process, if there is one: it must not be left as the app's zombie. */
  settle(): void;
  /** Waits for the supervisor's one line, within a minute. */
  reply(): Reply;
}

/** Starts the supervisor. `stay`: we remain its parent instead of becoming the app. Throws `OsError`. */
export function startSupervisor(request: Request, options: { stay: boolean }): StartedSupervisor {
  const operation = "start the supervisor";
  const stdin = memoryFile(renderRequest(request), operation);
  const pidfd = check(Number(c.syscall(SYS.pidfdOpen, c.getpid(), 0, 0, 0, 0)), "pidfd_open", operation);
  const pipe = new Int32Array([-1, -1]);
  if (request.wantsReply) check(c.pipe2(ptr(pipe), O.cloexec), "pipe2", operation);
  const [readEnd, writeEnd] = [pipe[0] ?? -1, pipe[1] ?? -1];
  const stderrIsOpen = c.fcntl(2, 1, 0) >= 0;
  const descriptors = [
    stdin,
    request.wantsReply ? writeEnd : { path: "/dev/null", write: true },
    stderrIsOpen ? 2 : { path: "/dev/null", write: true },
    pidfd,
  ];
  const argv = ["withssh", SUPERVISOR_ROLE];
  const orphan = !options.stay && c.getpid() !== 1 && isExecutablePath(SETSID);
  let pid: number;
  if (orphan) {
    const self = check(c.openat(AT_FDCWD, cString(SELF), O.path | O.cloexec, 0), "openat", operation, SELF);
    const viaFd = `/proc/self/fd/${EXECUTABLE_FD}`;
    pid = spawn(operation, {
      path: SETSID,
      argv: ["setsid", viaFd, SUPERVISOR_ROLE],
      environment: [],
      descriptors: [...descriptors, self],
      detach: "group",
    });
    c.close(self);
  } else {
    pid = spawn(operation, { path: SELF, argv, environment: [], descriptors, detach: "session" });
  }
  c.close(stdin);
  c.close(pidfd);
  if (request.wantsReply) c.close(writeEnd);
  return {
    pid,
    settle: () => {
      if (orphan) waitFor(pid);
    },
    reply: () => readReply(readEnd, REPLY_TIMEOUT_MS),
  };
}

/** Throws unless sshd listens: `WITHSSH_REQUIRE=true` means no app without SSH. */
export function assertReady(reply: Reply): void {
  if (reply.ready) return;
  throw new StageError("waitForSsh", {
    what: "SSH is required and not to be had",
    saw: reply.why,
    hint: "see the lines before this one; without WITHSSH_REQUIRE=true the app starts without SSH",
  });
}

const POLLIN = 1;
/** How long `WITHSSH_REQUIRE=true` waits for sshd to listen. */
const REPLY_TIMEOUT_MS = 60_000;

function readReply(fd: number, timeoutMs: number): Reply {
  const deadline = Date.now() + timeoutMs;
  const poll = new Uint8Array(8);
  const view = new DataView(poll.buffer);
  const chunk = new Uint8Array(4096);
  let text = "";
  try {
    while (!text.includes("\n")) {
      view.setInt32(0, fd, true);
      view.setInt16(4, POLLIN, true);
      const ready = c.poll(ptr(poll), 1, Math.max(0, deadline - Date.now()));
      if (ready === 0) return { ready: false, why: `no answer from the supervisor in ${timeoutMs / 1000} s` };
      if (ready < 0 && errno() === 4) continue;
      const got = Number(c.read(fd, ptr(chunk), chunk.length));
      if (got <= 0) return { ready: false, why: "the supervisor ended without an answer" };
      text += Buffer.from(chunk.subarray(0, got)).toString("utf8");
    }
    return parseReply(text) ?? { ready: false, why: "the supervisor's answer was not understood" };
  } finally {
    c.close(fd);
  }
}
