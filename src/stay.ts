/**
 * The launcher where it stays: as parent of the supervisor when there is no command, as the app's init when
 * `WITHSSH_INIT=true`. Forwards every signal it can catch and reaps everything; only the awaited child's end is ours.
 */
import { cString } from "./byte-strings.ts";
import { keepDescriptors } from "./exec.ts";
import { moveForeground } from "./foreground.ts";
import { AT_FDCWD, c, O } from "./libc.ts";
import { Children, type Ending, spawn } from "./processes.ts";
import type { Request } from "./request.ts";
import { BECOME_ROLE } from "./roles.ts";
import { ENDING, FORWARDED, hearSignals, readIgnoredSignals } from "./signals.ts";
import { startSupervisorWith } from "./supervisor-start.ts";

const KEEP_ALIVE_MS = 1 << 30;
const STDOUT = 1;
const F_GETFD = 1;
const PR_SET_CHILD_SUBREAPER = 36;

/** Listens from now on; what arrives is for the child that `start` gives, since nothing is delivered before we wait. */
async function stayWith(
  children: Children,
  signals: Readonly<Partial<Record<NodeJS.Signals, number>>>,
  start: () => number,
): Promise<{ readonly pid: number; readonly code: number }> {
  let pid = 0;
  for (const [name, number] of Object.entries(signals)) process.on(name, () => pid > 0 && c.kill(pid, number));
  pid = start();
  const ended = children.ended(pid);
  hearSignals();
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  const code = exitCodeOfEnding(await ended);
  clearInterval(keepAlive);
  return { pid, code };
}

/** The exit code that tells how a child ended: its own, or 128+n after signal n (POSIX shell, 2.8.2). */
function exitCodeOfEnding(ending: Ending): number {
  return ending.signal === undefined ? (ending.code ?? 0) : 128 + ending.signal;
}

/** SSH alone: the supervisor is our child, and its end is ours. Throws `StageError` when it cannot be started. */
export async function stayForSsh(request: Request): Promise<number> {
  const children = new Children();
  const facts = { ...request, wantsReply: false };
  const { code } = await stayWith(children, ENDING, () => startSupervisorWith(facts, { stay: true }).pid);
  return code;
}

/** Runs the app as our child, in the terminal's foreground if we had it. `startSsh` runs before it, and may throw. */
export async function stayForApp(
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
  startSsh: () => Promise<void>,
): Promise<number> {
  const ignored = readIgnoredSignals();
  // SIGCHLD may arrive ignored (tini#60): the listener of Children puts that right before there is a child.
  const children = new Children();
  // Below another PID 1 the app's orphans would pass us by (prctl(2)); the app itself does not inherit this.
  c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  await startSsh();
  const { pid, code } = await stayWith(children, FORWARDED, () => {
    keepDescriptors(descriptors);
    const app = spawn("start the app", {
      path: "/proc/self/exe",
      argv: ["withssh", BECOME_ROLE, ignored.toString(16), ...command],
      environment,
      descriptors: [],
      detach: "group",
      keepMask: true,
    });
    for (const fd of descriptors) c.close(fd);
    releaseStdout();
    return app;
  });
  // A script that runs us without job control reads the terminal next: it is in our group.
  moveForeground(pid, c.getpgid(0));
  return code;
}

/** Whoever reads the app's stdout must see its end when the app closes it. Close-on-exec: it was not inherited. */
function releaseStdout(): void {
  if (c.fcntl(STDOUT, F_GETFD, 0) !== 0) return;
  c.close(STDOUT);
  c.openat(AT_FDCWD, cString("/dev/null"), O.wronly, 0);
}
