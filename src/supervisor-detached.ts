/**
 * Starts the supervisor from our root side: in a session of its own, with a checked request and a pidfd of the app that the
 * kernel named, and nothing of sudo's or the caller's but the pipe and stderr.
 */
import { memoryFile } from "./descriptors.ts";
import { c } from "./libc.ts";
import { spawn } from "./processes.ts";
import { type Request, renderRequest } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";

const OPERATION = "start the supervisor";
const STDOUT = 1;
const STDERR = 2;
const F_GETFD = 1;
const NOTHING = { path: "/dev/null", write: true } as const;

/** The pipe stays open where the launcher waits for an answer, or for our end. Throws `OsError`. */
export function startDetached(request: Request, appPidfd: number): void {
  const stdin = memoryFile(renderRequest(request), OPERATION);
  const keepsPipe = request.wantsReply || !request.hasCommand;
  const isOpen = (fd: number) => c.fcntl(fd, F_GETFD, 0) === 0;
  spawn(OPERATION, {
    path: "/proc/self/exe",
    argv: ["withssh", SUPERVISOR_ROLE],
    environment: [],
    descriptors: [stdin, keepsPipe ? STDOUT : NOTHING, isOpen(STDERR) ? STDERR : NOTHING, appPidfd],
    detach: "session",
  });
}
