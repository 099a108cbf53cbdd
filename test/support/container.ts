/**
 * A container as tests see it: what it says, how it ends, and programs run inside. Talks to the engine through docker's
 * own command line, which keeps stdout and stderr apart and shows the same as people see.
 */
import { type LogLine, type ReadyLine, waitForLine, waitForLog, waitForSlowKey } from "../../scripts/container-log.ts";
import { type Finished, run } from "../../scripts/ssh-client.ts";

/** For anything that a container is waited for, unless a test says otherwise. */
export const DEADLINE_MS = 20_000;
const RESTART_GRACE_S = 2;

/** A container that runs, or has run. */
export interface Container {
  readonly id: string;
  /** Port of 127.0.0.1 that leads to the container's 2222; another one after `restart`. */
  readonly port: number;
  /** All that it has said since it was made, both streams apart. */
  logs(): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** The first line of this start with this `msg`, or that satisfies the function; rejects at the deadline, with what was said. */
  waitForLog(wanted: string | ((line: LogLine) => boolean), deadlineMs?: number): Promise<LogLine>;
  /** The same for a log that is not JSON: the first line that satisfies the function. */
  waitForLine(isIt: (text: string) => boolean, deadlineMs?: number): Promise<string>;
  /** `"msg":"ssh ready"` of this start. */
  waitForReady(deadlineMs?: number): Promise<ReadyLine>;
  /** The ready line, once a login cannot meet the milliseconds in which sshd takes up a slow key. */
  waitForLogins(): Promise<ReadyLine>;
  /** Runs a program inside, as root unless `user` is said. Never rejects for its status. */
  exec(argv: readonly string[], options?: { readonly user?: string; readonly stdin?: string }): Promise<Finished>;
  /** As `docker kill --signal`: to PID 1. */
  signal(name: string): Promise<void>;
  /** Waits for its end and gives its exit code. */
  waitForExit(deadlineMs?: number): Promise<number>;
  /** As `docker restart`: TERM, a grace, KILL, start. The grace is shorter: as PID 1 most apps of tests never end by TERM. */
  restart(): Promise<void>;
  /** As `docker stop`; gives the exit code. It can be asked for its logs afterwards. */
  stop(): Promise<number>;
  /** Stops and removes it, before the file's end does. */
  remove(): Promise<void>;
}

/** Runs docker and gives its stdout, trimmed. Throws with what it said when it fails. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run("docker", args);
  if (code !== 0) throw new Error(`docker ${args[0]} ended with ${code} — saw ${stderr.trim()}`);
  return stdout.trim();
}

/** The handle for the container `id`, which must exist. */
export async function openHandle(id: string): Promise<Container> {
  const inspect = async (template: string) => await docker("inspect", "--format", template, id);
  const askPort = async () =>
    Number(await inspect('{{with index .NetworkSettings.Ports "2222/tcp"}}{{(index . 0).HostPort}}{{end}}'));
  let port = await askPort();
  // From the end of the earlier run, if any: StartedAt is taken after the first lines may have been said.
  const awaitLine: Container["waitForLog"] = async (wanted, deadlineMs = DEADLINE_MS) => {
    const isIt = typeof wanted === "string" ? (line: LogLine) => line.msg === wanted : wanted;
    return await waitForLog(id, isIt, { deadlineMs, since: await inspect("{{.State.FinishedAt}}") });
  };
  return {
    id,
    get port() {
      return port;
    },
    async logs() {
      const { stdout, stderr } = await run("docker", ["logs", id]);
      return { stdout, stderr };
    },
    waitForLog: awaitLine,
    async waitForLine(isIt, deadlineMs = DEADLINE_MS) {
      const since = await inspect("{{.State.FinishedAt}}");
      return await waitForLine(id, (text) => (isIt(text) ? text : undefined), { deadlineMs, since });
    },
    async waitForReady(deadlineMs) {
      return (await awaitLine("ssh ready", deadlineMs)) as ReadyLine;
    },
    async waitForLogins() {
      const ready = (await awaitLine("ssh ready")) as ReadyLine;
      await waitForSlowKey(id, ready, { since: await inspect("{{.State.FinishedAt}}") });
      return ready;
    },
    async exec(argv, options = {}) {
      const flags = ["--interactive", ...(options.user === undefined ? [] : ["--user", options.user])];
      return await run("docker", ["exec", ...flags, id, ...argv], { stdin: options.stdin ?? "" });
    },
    async signal(name) {
      await docker("kill", "--signal", name, id);
    },
    async waitForExit(deadlineMs = DEADLINE_MS) {
      const { code, stdout } = await run("docker", ["wait", id], { timeoutMs: deadlineMs });
      if (code !== 0) throw new Error(`the container did not end within ${deadlineMs} ms`);
      return Number(stdout);
    },
    async restart() {
      await docker("restart", "--time", String(RESTART_GRACE_S), id);
      port = await askPort();
    },
    async stop() {
      await docker("stop", id);
      return Number(await inspect("{{.State.ExitCode}}"));
    },
    async remove() {
      await docker("rm", "--force", "--volumes", id);
    },
  };
}
