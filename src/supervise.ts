/**
 * The supervisor's whole life: reads the request, boots, runs sshd, and stays. Its end takes neither the app nor sshd
 * down; a stage that fails leaves SSH down and the app running. Nothing of the app's environment is its own.
 */
import "./array-functions.ts";
import type { Doorkeeper } from "./boot.ts";
import { judgeCapabilities, readEffectiveCapabilities } from "./capabilities.ts";
import { type Config, parseConfig } from "./config.ts";
import { readAll, writeAll } from "./descriptors.ts";
import { EXIT, isOsError, type Problem, StageError } from "./errors.ts";
import { setNofile, withholdDescriptors } from "./exec.ts";
import { renameProcess } from "./forked-runtime.ts";
import { type Ground, layGround } from "./ground.ts";
import type { Host } from "./host.ts";
import { findEventQueue, sleepBetweenEvents } from "./idle-sleep.ts";
import { c } from "./libc.ts";
import { envMap } from "./process-facts.ts";
import { MAX_REQUEST_BYTES, parseRequest, type Reply, type Request, renderReply } from "./request.ts";
import { SUPERVISOR_ROLE } from "./roles.ts";
import { SshdPlace } from "./sshd-place.ts";
import { describeOsError } from "./stage.ts";
import { hasSudo } from "./sudo-paths.ts";
import { APP_PIDFD } from "./supervisor-start.ts";
import { giveMemoryBackSoon } from "./thrift.ts";
import { recordTimers } from "./timer-record.ts";
import { settle, type Woken, wake, warmIn } from "./wake.ts";

const STDIN = 0;
const STDOUT = 1;

/** Started by an exec: the request comes over descriptor 0. Runs until it is told to end or the app has ended; gives the exit code. */
export async function superviseAfterExec(): Promise<number> {
  // The runtime marks what it inherits from 4 up alone: sshd and helpers have no business with the app's pidfd.
  withholdDescriptors([APP_PIDFD]);
  const ground = layGround();
  return supervise({ ground, place: new SshdPlace(ground.children, ground.native.emit), appPidfd: APP_PIDFD });
}

interface Seat {
  readonly ground: Ground;
  readonly place: SshdPlace;
  /** It shows the launcher's words and environment, until it says otherwise. */
  readonly isFork?: boolean;
  /** Undefined: descriptor 0 has it. */
  readonly request?: Request | undefined;
  readonly appPidfd: number;
  /** What has been done of the start; undefined: nothing. */
  readonly woken?: (() => Promise<Woken>) | undefined;
  /** Why there is to be no SSH, now or later, whatever the request says. */
  readonly refused?: readonly Problem[] | undefined;
}

/** Runs until it is told to end or the app has ended; gives the exit code. */
export async function supervise({
  ground,
  place,
  request: known,
  appPidfd,
  isFork = false,
  woken: early,
  refused,
}: Seat): Promise<number> {
  // Before there is one.
  const timers = recordTimers();
  const { beganMs, children, log, problems, native } = ground;
  const request = known ?? readRequest();
  // The launcher has ended before it came to a request: it has told why.
  if (request === undefined) return EXIT.ok;
  const { config } = parseConfig(envMap(request.environment));
  // Sessions get the limit that the app gets, not the one that the runtime has raised.
  if (config.nofile !== undefined) setNofile(config.nofile);
  const host = request.mode === "sudo" ? (await import("./caller-host.ts")).createCallerHost(native, request) : native;
  // Not on the way to SSH: sshd starts meanwhile.
  if (isFork) setTimeout(() => goByOwnName(host));
  const wakeSshd = (): Promise<Woken> => wake(host, config, request, warmIn(place));
  // sshd loads its libraries while we load all that makes its config.
  const wakeEarly = async () => {
    await forbidNewPrivileges(config);
    return wakeSshd();
  };
  const woken = refused === undefined ? (early ?? (await settle(wakeEarly))) : undefined;
  // Loaded while sshd takes its first connections, or when there is something to tell.
  const appoint = once(async () => {
    children.listen();
    const { Supervisor } = await import("./supervisor.ts");
    const supervisor = new Supervisor({
      host,
      place,
      config,
      request,
      appPidfd,
      answer: createAnswer(request, () => log.open(config)),
    });
    return { supervisor, done: supervisor.watch() };
  });
  // A Match block can override what is global: then nothing listens before the proof.
  const door: Doorkeeper = {
    load: ({ bytes, hasMatch }) => void (hasMatch || place.sshd?.load(bytes)),
    // A launcher that waits is answered after the proof: that is urgent then.
    admit: async ({ hasMatch }) => {
      if (!hasMatch) await place.admit({ headStart: !request.wantsReply });
    },
  };
  const bringUp = async (wakeFirst: () => Promise<Woken>) => {
    const { boot } = await import("./bring-up.ts");
    try {
      assertCapabilities(host);
      const plan = await boot(host, config, request, await wakeFirst(), door);
      const { supervisor } = await appoint();
      await supervisor.run(plan);
    } catch (error) {
      place.drop();
      const { supervisor } = await appoint();
      const { AWAIT_URL_KEYS, lacksKeys } = await import("./authorized-key-stages.ts");
      // The launcher that waits goes on waiting: the first answer starts SSH.
      if (error instanceof StageError && error.stage === AWAIT_URL_KEYS) supervisor.wait(error.problem);
      else supervisor.down(problemOf(error), lacksKeys(error) ? "no keys" : "down");
    }
  };
  try {
    if (woken !== undefined) await bringUp(woken);
  } catch (error) {
    (await appoint()).supervisor.down(problemOf(error));
  }
  const { supervisor, done } = await appoint();
  for (const problem of refused ?? []) supervisor.down(problem);
  await log.open(config);
  if (request.mode !== "rootless" && hasSudo()) await hearOfRefusedCalls(host);
  const queue = findEventQueue();
  const { ready } = supervisor;
  // What was refused stays so: nothing that changes is a reason to try again.
  if (refused === undefined) {
    const { startLive } = await import("./live.ts");
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
  }
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
function createAnswer(request: Request, openLog: () => Promise<void>): (reply: Reply) => void {
  let hasAnswered = !request.wantsReply;
  return async (reply) => {
    if (hasAnswered) return;
    hasAnswered = true;
    await openLog();
    writeAll(STDOUT, Buffer.from(renderReply(reply), "utf8"), "answer the launcher");
    c.close(STDOUT);
  };
}
