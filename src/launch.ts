/**
 * The launcher: settings, supervisor, what must be true, then it becomes the app. Every import here is time that the
 * app waits, so nothing is loaded that a start does not need. Must never print a secret or start the app unproved.
 */
import "./array-functions.ts";
import { becomeApp, environmentOfApp, findAppUser } from "./become.ts";
import { type Config, parseConfig } from "./config.ts";
import { type Problem, SettingsError, StageError } from "./errors.ts";
import type { Event } from "./events.ts";
import { c } from "./libc.ts";
import { type Mode, type ModeChoice, notToBeHad, pickMode } from "./privilege.ts";
import { envMap, readGroups } from "./process-facts.ts";
import type { Request } from "./request.ts";
import type { BegunSudo } from "./sudo-begin.ts";
import { hasSudo } from "./sudo-paths.ts";
import { type StartedSupervisor, startSupervisorWith } from "./supervisor-start.ts";

/** What this process was given, and what was started before the settings were read. */
export interface Inherited {
  /** Byte strings. */
  readonly environment: readonly string[];
  /** From 3 up. */
  readonly descriptors: readonly number[];
  readonly early: StartedSupervisor | undefined;
  /** Without root, where the image has a sudo. */
  readonly sudo: BegunSudo | undefined;
}

/**
 * Runs the whole start for this command (byte strings; empty: SSH alone). Does not return where it becomes the app;
 * resolves with an exit code where it stays. Throws `SettingsError`, `StageError`, `CommandError`.
 */
export async function launch(
  command: readonly string[],
  { environment, descriptors, early, sudo }: Inherited,
): Promise<number> {
  const { config, warnings } = parseConfig(envMap(environment));
  assertSomethingToRun(command, config);
  for (const problem of warnings) await warn(problem, config);
  const user = config.appUser === undefined ? undefined : await findAppUser(config.appUser);
  const choice = pickMode(config, { euid: c.geteuid() });
  const ids = { uid: user?.uid ?? c.geteuid(), gid: user?.gid ?? c.getegid(), groups: user?.groups ?? readGroups() };
  const sudoFacts = () => renderFacts(config, environment, { mode: "sudo", ...ids }, command.length > 0);
  if (c.geteuid() === 0 && hasSudo()) (await import("./claim-as-root.ts")).claimAsRoot();
  const pipe = c.geteuid() === 0 ? undefined : await useSudo(config, choice, sudo, sudoFacts());
  const mode = pipe === undefined ? await settleMode(config, choice) : "sudo";
  const identity = { mode, ...ids };
  if (command.length === 0) {
    if (!config.sshOnly) await warn(NO_COMMAND, config);
    if (pipe !== undefined) return (await import("./sudo-stay.ts")).stayForSudo(pipe);
    const { stayForSsh } = await import("./stay.ts");
    return stayForSsh(renderFacts(config, environment, identity, false));
  }
  if (config.init) {
    const { stayForApp } = await import("./stay.ts");
    const request = config.enabled ? renderFacts(config, environment, identity, true) : undefined;
    const start = async () => {
      const supervisor =
        pipe === undefined && request
          ? await tryToStart(config, () => startSupervisorWith(request, { stay: true }))
          : undefined;
      if (config.require) await waitForSsh(pipe ?? supervisor?.replyEnd);
    };
    return stayForApp(command, environmentOfApp(environment), descriptors, start);
  }
  const request = renderFacts(config, environment, identity, true);
  const isOurs = pipe === undefined && config.enabled;
  const supervisor = isOurs ? await tryToStart(config, () => handOver(early, request)) : undefined;
  if (config.require) await waitForSsh(pipe ?? supervisor?.replyEnd);
  if (supervisor !== undefined) await tryToStart(config, supervisor.settle);
  return becomeApp(command, environment, descriptors, config);
}

/** Throws `StageError` unless sshd listens, as this pipe tells; undefined: nobody could be asked. */
async function waitForSsh(pipe: number | undefined): Promise<void> {
  const { assertReady, readReply } = await import("./supervisor-reply.ts");
  assertReady(pipe === undefined ? undefined : readReply(pipe));
}

/** The supervisor with its request: the one that was started early, or another. */
function handOver(early: StartedSupervisor | undefined, request: Request): StartedSupervisor {
  early?.send(request);
  return early ?? startSupervisorWith(request, { stay: false });
}

/**
 * Whoever may be root by sudo uses it once, before the app runs and whatever the settings say, so that nobody else can. Gives
 * the pipe to the supervisor where it came from there. Throws `StageError` where rights may be left.
 */
async function useSudo(
  config: Config,
  choice: ModeChoice,
  begun: BegunSudo | undefined,
  facts: Request,
): Promise<number | undefined> {
  const isWanted = config.enabled && choice !== "rootless";
  const call = begun ?? (await import("./sudo-begin.ts")).beginCall();
  const { finishCall } = await import("./sudo-call.ts");
  const outcome = "kind" in call ? call : finishCall(call, facts, isWanted);
  if (outcome.kind === "gone") return isWanted ? outcome.pipe : undefined;
  if (!isWanted) return undefined;
  const { what, saw, hint } = outcome.problem;
  const reason = saw === undefined ? what : `${what} (${saw})`;
  if (choice === "sudo") throw notToBeHad("sudo", reason, hint ?? "grant the one rule of the README");
  if (outcome.isNews) await warn({ what: "sudo mode is not to be had", saw: reason, ...(hint && { hint }) }, config);
  return undefined;
}

/** The mode without sudo. Throws `StageError` where a pinned one is not to be had. */
async function settleMode(config: Config, choice: ModeChoice): Promise<Mode> {
  if (choice === "rootless" && config.enabled) {
    const { assertRootlessServes } = await import("./pinned-rootless.ts");
    assertRootlessServes(config, c.geteuid());
  }
  return choice === "root" ? "root" : "rootless";
}

/** Trouble with SSH does not take the app down: undefined, told, where the supervisor cannot be started. */
async function tryToStart<T>(config: Config, start: () => T): Promise<T | undefined> {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    await say({ type: "ssh down", problem: error.problem }, config);
    return undefined;
  }
}

const NO_COMMAND: Problem = {
  what: "no command was given: this container runs SSH alone",
  hint: "setting ENTRYPOINT in a Dockerfile clears the base image's CMD: repeat it; WITHSSH_SSH_ONLY=true says it is meant",
};

function assertSomethingToRun(command: readonly string[], config: Config): void {
  if (command.length > 0 || config.enabled) return;
  const what = "no command was given and WITHSSH_ENABLED=false: there is nothing to run";
  throw new SettingsError([{ what, hint: "give a command (CMD in the Dockerfile)" }]);
}

async function warn(problem: Problem, config: Config): Promise<void> {
  if (config.logLevel !== "error") await say({ type: "warning", problem }, config);
}

/** Loaded where there is something to say: most starts say nothing here. */
async function say(event: Event, config: Config): Promise<void> {
  const { defaultFormat, sayNow } = await import("./log-line.ts");
  sayNow(event, config.logFormat ?? defaultFormat());
}

function renderFacts(
  config: Config,
  environment: readonly string[],
  { mode, uid, gid, groups }: { mode: Mode; uid: number; gid: number; groups: readonly number[] },
  hasCommand: boolean,
): Request {
  return {
    mode,
    appPid: c.getpid(),
    appUid: uid,
    appGid: gid,
    appGroups: groups,
    hasCommand,
    wantsReply: config.require,
    environment,
    imageSettings: [],
  };
}
