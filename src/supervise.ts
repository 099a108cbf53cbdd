/**
 * The supervisor's whole life: reads the request, boots, runs sshd, and stays. Its end takes neither the app nor sshd
 * down; a stage that fails leaves SSH down and the app running. Nothing of the app's environment is its own.
 */
import type { Begin } from "./boot.ts";
import { cString } from "./byte-strings.ts";
import { judgeCapabilities, readEffectiveCapabilities } from "./capabilities.ts";
import { type Config, parseConfig } from "./config.ts";
import { readAll, writeAll } from "./descriptors.ts";
import { EXIT, isOsError, type Problem, StageError } from "./errors.ts";
import type { Event } from "./events.ts";
import { setNofile } from "./exec.ts";
import { renameProcess } from "./forked-runtime.ts";
import { takeSeat } from "./forked-seat.ts";
import type { Host } from "./host.ts";
import { findEventQueue, sleepBetweenEvents } from "./idle-sleep.ts";
import { c, check } from "./libc.ts";
import type { Log } from "./log.ts";
import { createNativeHost } from "./native-host.ts";
import { envMap } from "./process-facts.ts";
import { Children } from "./processes.ts";
import { RecentProblems } from "./recent-problems.ts";
import { MAX_REQUEST_BYTES, parseRequest, type Reply, type Request, renderReply } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";
import { SshdPlace } from "./sshd-place.ts";
import { describeOsError } from "./stage.ts";
import { hasSudo } from "./sudo-paths.ts";
import type { Fork } from "./supervisor-fork.ts";
import { APP_PIDFD } from "./supervisor-start.ts";
import { giveMemoryBackSoon } from "./thrift.ts";
import { recordTimers } from "./timer-record.ts";
import { type Woken, wake } from "./wake.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const STDIN = 0;
const STDOUT = 1;
const UMASK = 0o022;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Started by an exec: the request comes over descriptor 0. Runs until it is told to end or the app has ended; gives the exit code. */
export async function superviseAfterExec(): Promise<number> {
  // The runtime marks what it inherits from 4 up alone: sshd and helpers have no business with the app's pidfd.
  c.fcntl(APP_PIDFD, F_SETFD, FD_CLOEXEC);
  return supervise({ appPidfd: APP_PIDFD });
}

/** Forked by the launcher: the same, with the launcher's memory for a request where that is all. */
export async function superviseAsFork(fork: Fork): Promise<number> {
  takeSeat(fork);
  return supervise({ ...fork, isFork: true });
}

interface Seat {
  /** It shows the launcher's words and environment, until it says otherwise. */
  readonly isFork?: boolean;
  /** Undefined: descriptor 0 has it. */
  readonly request?: Request | undefined;
  readonly appPidfd: number;
}

async function supervise({ request: known, appPidfd, isFork = false }: Seat): Promise<number> {
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "become a subreaper");
  c.umask(UMASK);
  c.chdir(cString("/"));
  const timers = recordTimers();
  const children = new Children("later");
  const request = known ?? readRequest();
  // The launcher has ended before it came to a request: it has told why.
  if (request === undefined) return EXIT.ok;
  const { config } = parseConfig(envMap(request.environment));
  // Sessions get the limit that the app gets, not the one that the runtime has raised.
  if (config.nofile !== undefined) setNofile(config.nofile);
  const log = new LateLog(config);
  const problems = new RecentProblems();
  const native = createNativeHost(children, (event) => {
    log.write(event);
    problems.note(event, Date.now());
  });
  const host = request.mode === "sudo" ? (await import("./caller-host.ts")).createCallerHost(native, request) : native;
  const beganMs = host.now();
  // Not on the way to SSH: sshd starts meanwhile.
  if (isFork) setTimeout(() => goByOwnName(host));
  const place = new SshdPlace(children, (event) => host.emit(event));
  const wakeSshd = (): Promise<Woken> =>
    wake(host, config, request, (sshd, { private: dir }) => place.renew(sshd, dir.path).warm());
  // sshd loads its libraries while we load all that makes its config.
  const woken = await settle(async () => {
    await forbidNewPrivileges(config);
    return wakeSshd();
  });
  const { boot, AWAIT_URL_KEYS, lacksKeys } = await import("./bring-up.ts");
  // Loaded while sshd loads its keys, or when there is something to tell.
  const appoint = once(async () => {
    children.listen();
    const { Supervisor } = await import("./supervisor.ts");
    const supervisor = new Supervisor({ host, place, config, request, appPidfd, answer: createAnswer(request, log) });
    return { supervisor, done: supervisor.watch() };
  });
  const begin: Begin = async ({ bytes, hasMatch }) => {
    // A Match block can override what is global: then nothing listens before the proof.
    if (!hasMatch) place.sshd?.load(bytes);
    await appoint();
  };
  const bringUp = async (wakeFirst: () => Promise<Woken>) => {
    try {
      assertCapabilities(host);
      const plan = await boot(host, config, request, await wakeFirst(), begin);
      const { supervisor } = await appoint();
      await supervisor.run(plan);
    } catch (error) {
      place.drop();
      const { supervisor } = await appoint();
      // The launcher that waits goes on waiting: the first answer starts SSH.
      if (error instanceof StageError && error.stage === AWAIT_URL_KEYS) supervisor.wait(error.problem);
      else supervisor.down(problemOf(error), lacksKeys(error) ? "no keys" : "down");
    }
  };
  try {
    await bringUp(woken);
  } catch (error) {
    (await appoint()).supervisor.down(problemOf(error));
  }
  const { supervisor, done } = await appoint();
  await log.open();
  if (request.mode !== "rootless" && hasSudo()) await hearOfRefusedCalls(host);
  const queue = findEventQueue();
  const { startLive } = await import("./live.ts");
  const { ready } = supervisor;
  startLive({
    host,
    config,
    request,
    bringUp: () => bringUp(wakeSshd),
    ready,
    beganMs,
    plan: () => supervisor.plan,
    prove: (plan) => supervisor.prove(plan),
    adopt: (plan, options) => supervisor.adopt(plan, options),
  });
  const { startStatus } = await import("./status-start.ts");
  startStatus({ host, config, request, supervisor, problems });
  ready.then(giveMemoryBackSoon);
  if (queue !== undefined) sleepBetweenEvents(queue, timers);
  await done;
  return EXIT.ok;
}

/** What the launcher was given is neither shown nor read any more. */
function goByOwnName(host: Host): void {
  process.env = {};
  try {
    renameProcess(["withssh", SUPERVISOR_ROLE]);
  } catch (error) {
    if (!isOsError(error)) throw error;
    host.emit({ type: "warning", problem: describeOsError(error) });
  }
}

function readRequest(): Request | undefined {
  const said = readAll(STDIN, "read the request", MAX_REQUEST_BYTES);
  return said.length === 0 ? undefined : parseRequest(said);
}

/** Runs it at the first call; later ones give the same. */
function once<T extends object>(run: () => T): () => T {
  let result: T | undefined;
  return () => {
    result ??= run();
    return result;
  };
}

/** What this gives, or throws, to be taken later. */
async function settle<T>(run: () => Promise<T>): Promise<() => Promise<T>> {
  try {
    const value = await run();
    return async () => value;
  } catch (error) {
    return async () => {
      throw error;
    };
  }
}

/** On sshd too, which inherits it: else the app adds a key and walks around its own by `ssh localhost sudo`. */
async function forbidNewPrivileges({ noNewPrivs }: Config): Promise<void> {
  if (!noNewPrivs) return;
  const { setNoNewPrivs } = await import("./drop-rights.ts");
  setNoNewPrivs();
}

/** Throws `StageError` where sshd would listen as root and let nobody in. */
function assertCapabilities(host: Host): void {
  if (host.self.uid !== 0) return;
  const { problem, warnings } = judgeCapabilities(readEffectiveCapabilities());
  for (const warning of warnings) host.emit({ type: "warning", problem: warning });
  if (problem !== undefined) throw new StageError("checkCapabilities", problem);
}

/** Where the state cannot be kept there is no fifo either: then a refused call tries the app's own stderr. */
export async function hearOfRefusedCalls(host: Host): Promise<void> {
  const { hearRefusals } = await import("./sudo-refusals.ts");
  const { openStateDirectory } = await import("./state-directory.ts");
  try {
    const state = openStateDirectory(host);
    try {
      hearRefusals(host, state);
    } finally {
      state.keys.close();
      state.private.close();
    }
  } catch (error) {
    if (!(error instanceof StageError) && !isOsError(error)) throw error;
    host.emit({ type: "debug", text: `refused calls are not heard of: ${error.message}` });
  }
}

/** The reason of a stage that failed; what is no refusal of ours is a bug of ours. */
export function problemOf(error: unknown): Problem {
  if (error instanceof StageError) return error.problem;
  if (isOsError(error)) return describeOsError(error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    what: "a stage failed in a way that we did not foresee",
    saw: text,
    hint: "this is a bug of withssh: report it",
  };
}

/**
 * Answers the waiting launcher once; where none waits it does nothing. First the log is out: the launcher may end right
 * after the answer, and with PID 1 ends all that was not said yet.
 */
function createAnswer(request: Request, log: LateLog): (reply: Reply) => void {
  let hasAnswered = !request.wantsReply;
  return async (reply) => {
    if (hasAnswered) return;
    hasAnswered = true;
    await log.open();
    writeAll(STDOUT, Buffer.from(renderReply(reply), "utf8"), "answer the launcher");
    c.close(STDOUT);
  };
}

/** Keeps what is said until the logging library is loaded: sshd's start must not wait for it. */
class LateLog {
  readonly #config: Config;
  #early: { readonly event: Event; readonly timeMs: number }[] | undefined = [];
  #log: Log | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  write(event: Event): void {
    const timeMs = Date.now();
    if (this.#log === undefined) this.#early?.push({ event, timeMs });
    else this.#log.write(event, timeMs);
  }

  async open(): Promise<void> {
    const [{ createLog }, { defaultFormat }] = await Promise.all([import("./log.ts"), import("./log-line.ts")]);
    if (this.#log !== undefined) return;
    this.#log = createLog(this.#config.logLevel, this.#config.logFormat ?? defaultFormat());
    for (const { event, timeMs } of this.#early ?? []) this.#log.write(event, timeMs);
    this.#early = undefined;
  }
}
