/**
 * The launcher where it stays: as parent of the supervisor when there is no command, as the app's init when
 * `WITHSSH_INIT=true`. Forwards every signal it can catch and reaps everything; only the awaited child's end is ours.
 */
import { keepDescriptors } from "./exec.ts";
import { c } from "./libc.ts";
import { Children, type Ending, spawn } from "./processes.ts";
import type { Request } from "./request.ts";
import { BECOME_ROLE } from "./roles.ts";
import { assertReady, startSupervisor } from "./supervisor-start.ts";

/** Every catchable signal that the runtime can listen to, but those that a fault or a child sends (signal(7)). */
const FORWARDED: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
];

const KEEP_ALIVE_MS = 1 << 30;

/** Forwards signals to `target` (a negative pid: its group) until this child has ended; gives the exit code. */
async function stayWith(children: Children, pid: number, target: number): Promise<number> {
  const { constants } = await import("node:os");
  for (const name of FORWARDED) {
    const number = constants.signals[name];
    process.on(name, () => {
      c.kill(target, number);
    });
  }
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  const ending = await children.ended(pid);
  clearInterval(keepAlive);
  return exitCodeOfEnding(ending);
}

/** The exit code that tells how a child ended: its own, or 128+n after signal n (POSIX shell, 2.8.2). */
export function exitCodeOfEnding(ending: Ending): number {
  return ending.signal === undefined ? (ending.code ?? 0) : 128 + ending.signal;
}

/** SSH alone: the supervisor is our child, and its end is ours. */
export function stayForSsh(request: Request): Promise<number> {
  const children = new Children();
  const supervisor = startSupervisor({ ...request, wantsReply: false }, { stay: true });
  return stayWith(children, supervisor.pid, supervisor.pid);
}

/** Runs the app as our child, in the terminal's foreground if we had it. `request` undefined: no SSH. */
export async function stayForApp(
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
  request: Request | undefined,
  required: boolean,
): Promise<number> {
  // SIGCHLD may arrive ignored (tini#60): the listener of Children puts that right before there is a child.
  const children = new Children();
  if (request !== undefined) {
    const supervisor = startSupervisor(request, { stay: true });
    if (required) assertReady(supervisor.reply());
  }
  keepDescriptors(descriptors);
  const pid = spawn("start the app", {
    path: "/proc/self/exe",
    argv: ["withssh", BECOME_ROLE, ...command],
    environment,
    descriptors: [],
    detach: "group",
    keepSignals: true,
  });
  for (const fd of descriptors) c.close(fd);
  return stayWith(children, pid, pid);
}
