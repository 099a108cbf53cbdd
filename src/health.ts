/**
 * Whether SSH is healthy, for a container's health check: by what the supervisor says and by what the kernel shows of sshd.
 * Opens no TCP connection and leaves no line in any log. Only what is broken is unhealthy.
 */
import { type Problem, renderProblem } from "./errors.ts";
import { type Listener, readListeners } from "./listeners.ts";
import { readProcessStat } from "./process-stat.ts";
import type { StatusDocument } from "./status-document.ts";

export interface Health {
  readonly isHealthy: boolean;
  /** One line for people. */
  readonly line: string;
}

/** What is asked of the kernel: a test has its own. */
export interface Kernel {
  readonly stat: typeof readProcessStat;
  readonly listeners: (port: number) => readonly Listener[] | undefined;
  readonly sleep: (ms: number) => void;
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
}

const KERNEL: Kernel = {
  stat: readProcessStat,
  listeners: readListeners,
  sleep: (ms) => Bun.sleepSync(ms),
  now: () => performance.now(),
};
/** What looks wrong is looked at again so often, and so long: only what stays so is a fault. */
const LOOK_MS = 10;
const PATIENCE_MS = 700;
/** An sshd that has not listened by then hangs. */
const START_S = 30;

const healthy = (line: string): Health => ({ isHealthy: true, line: `healthy: ${line}` });
const unhealthy = (problem: Problem | string): Health => ({
  isHealthy: false,
  line: `unhealthy: ${typeof problem === "string" ? problem : renderProblem(problem)}`,
});

/** For a container whose settings say that there is no SSH. */
export const OFF: Health = healthy("ssh is switched off (WITHSSH_ENABLED=false, or a release command)");

/** No supervisor answers, and one should. */
export const nobody = (problem: Problem): Health => unhealthy(problem);

export function judgeHealth(document: StatusDocument, kernel: Kernel = KERNEL): Health {
  const { ssh, problem, required, sshd } = document;
  if (ssh === "down") return unhealthy(problem ?? "ssh is down");
  if (ssh === "no keys") {
    const line = "ssh waits for an authorized key";
    return required ? unhealthy(line) : healthy(line);
  }
  if (ssh === "starting") {
    if (required || (sshd.uptime_s ?? document.supervisor.uptime_s) > START_S)
      return unhealthy("sshd does not listen yet");
    return healthy("ssh is starting");
  }
  return judgeListener(document, kernel);
}

/** sshd's very process runs, its socket is there, and it takes up what connects. */
function judgeListener({ sshd, supervisor, port, keys, sessions }: StatusDocument, kernel: Kernel): Health {
  const stat = sshd.pid === null ? undefined : kernel.stat(sshd.pid);
  // Where others' processes are hidden (proc(5), hidepid) the supervisor, who has just answered, is not there either.
  const isHidden = stat === undefined && kernel.stat(supervisor.pid) === undefined;
  if (!isHidden && stat?.startTicks !== sshd.start_ticks) return unhealthy("sshd has ended");
  if (stat !== undefined && /[TtZXx]/.test(stat.state))
    return unhealthy(`sshd (pid ${sshd.pid}) is stopped: its state is ${stat.state}`);
  const waiting = watchListener(kernel, port);
  if (waiting === "nobody listens") return unhealthy(`nothing listens on port ${port}`);
  if (waiting > 0) {
    const saw = `none was taken up in ${PATIENCE_MS} ms`;
    const hint = "is sshd stopped, or the machine very busy? Where it stays so, restart the container";
    return unhealthy({ what: `sshd takes up no connection: ${waiting} wait on port ${port}`, saw, hint });
  }
  const counts = `${keys.length} ${keys.length === 1 ? "key" : "keys"}, ${sessions.length} open`;
  return healthy(`sshd (pid ${sshd.pid}) listens on port ${port}; ${counts}`);
}

/**
 * 0 as soon as sshd is seen to listen and to take up what connects; else what was seen all the time. Under load its queue is
 * never empty for long, and never the same for long; while it reads its config again nothing listens for some milliseconds.
 */
function watchListener(kernel: Kernel, port: number): number | "nobody listens" {
  const deadline = kernel.now() + PATIENCE_MS;
  let before = countWaiting(kernel, port);
  while (before !== 0 && kernel.now() < deadline) {
    kernel.sleep(LOOK_MS);
    const now = countWaiting(kernel, port);
    if (now !== "nobody listens" && before !== "nobody listens" && now < before) return 0;
    before = now;
  }
  return before;
}

/** Connections that wait to be taken up; none where the kernel does not tell. */
function countWaiting(kernel: Kernel, port: number): number | "nobody listens" {
  const listeners = kernel.listeners(port);
  if (listeners?.length === 0) return "nobody listens";
  return (listeners ?? []).reduce((sum, { waiting }) => sum + waiting, 0);
}
