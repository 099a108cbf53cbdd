/**
 * Starts the supervisor from our root side: in a session of its own, with a checked request and a pidfd of the app that the
 * kernel named, and nothing of sudo's or the caller's but the pipe and stderr.
 */
import { cBytes, cString } from "./byte-strings.ts";
import { memoryFile } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";
import { AT_FDCWD, c, check, cTable, errno, O, ptr, SYS } from "./libc.ts";
import { spawn } from "./processes.ts";
import { type Request, renderRequest } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";
import { APP_PIDFD } from "./supervisor-start.ts";

const OPERATION = "start the supervisor";
const EXECUTABLE = "/proc/self/exe";
const ARGV: readonly string[] = ["withssh", SUPERVISOR_ROLE];
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const F_GETFD = 1;
const F_DUPFD_CLOEXEC = 1030;
const NOTHING = { path: "/dev/null", write: true } as const;

const keepsPipe = (request: Request): boolean => request.wantsReply || !request.hasCommand;
const isOpen = (fd: number): boolean => c.fcntl(fd, F_GETFD, 0) === 0;

/** The pipe stays open where the launcher waits for an answer, or for our end. Throws `OsError`. */
export function startDetached(request: Request, appPidfd: number): void {
  const stdin = memoryFile(renderRequest(request), OPERATION);
  spawn(OPERATION, {
    path: EXECUTABLE,
    argv: ARGV,
    environment: [],
    descriptors: [stdin, keepsPipe(request) ? STDOUT : NOTHING, isOpen(STDERR) ? STDERR : NOTHING, appPidfd],
    detach: "session",
  });
}

/**
 * The same by an exec of this process, which leads a session and which nobody waits for: PID 1, which may be the app, would be
 * left with a second child that it has not made. Throws `OsError`.
 */
export function becomeDetached(request: Request, appPidfd: number): never {
  const put = (fd: number, at: number) => check(Number(c.syscall(SYS.dup3, fd, at, 0, 0, 0)), "dup3", OPERATION);
  put(memoryFile(renderRequest(request), OPERATION), STDIN);
  const nothing = check(c.openat(AT_FDCWD, cString(NOTHING.path), O.wronly | O.cloexec, 0), "openat", OPERATION);
  if (!keepsPipe(request)) put(nothing, STDOUT);
  if (!isOpen(STDERR)) put(nothing, STDERR);
  // A second descriptor, so that the place is free for it whatever stood there.
  put(check(c.fcntl(appPidfd, F_DUPFD_CLOEXEC, 0), "fcntl", OPERATION), APP_PIDFD);
  const argv = cTable(ARGV.map(cBytes));
  const environment = cTable([]);
  c.execve(ptr(cString(EXECUTABLE)), ptr(argv.table), ptr(environment.table));
  throw new OsError(errnoName(errno()), "execve", OPERATION, EXECUTABLE);
}
