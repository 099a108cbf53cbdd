/**
 * The launcher: settings, supervisor, what must be true, then it becomes the app. Every import here is time that the
 * app waits, so nothing is loaded that a start does not need. Must never print a secret or start the app unproved.
 */
import { becomeApp, environmentOfApp, findAppUser } from "./become.ts";
import { type Config, parseConfig } from "./config.ts";
import { EXIT, type Problem, SettingsError, StageError } from "./errors.ts";
import { AT_FDCWD, c, cString } from "./libc.ts";
import { defaultFormat, type LogFormat, sayNow } from "./log-line.ts";
import { type Mode, type ModeChoice, notToBeHad, pickMode, SUDO_PATHS } from "./privilege.ts";
import { envMap, inheritedDescriptors, readGroups } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { assertReady, readReply, type StartedSupervisor, startSupervisor } from "./supervisor-start.ts";

/**
 * Runs the whole start for this command (byte strings; empty: SSH alone) under this environment. Does not return where
 * it becomes the app; resolves with an exit code where it stays. Throws `SettingsError`, `StageError`, `CommandError`.
 */
export async function launch(command: readonly string[], environment: readonly string[]): Promise<number> {
  const descriptors = inheritedDescriptors();
  const { config, warnings } = parseConfig(envMap(environment));
  const format = config.logFormat ?? defaultFormat();
  assertSomethingToRun(command, config);
  for (const problem of warnings) warn(problem, format, config);
  const user = config.appUser === undefined ? undefined : await findAppUser(config.appUser);
  const choice = pickMode(config, { euid: c.geteuid() });
  const ids = { uid: user?.uid ?? c.geteuid(), gid: user?.gid ?? c.getegid(), groups: user?.groups ?? readGroups() };
  const sudoFacts = renderFacts(config, environment, { mode: "sudo", ...ids }, command.length > 0);
  if (c.geteuid() === 0 && hasSudo()) (await import("./claim-as-root.ts")).claimAsRoot();
  const pipe = c.geteuid() === 0 ? undefined : await useSudo(config, choice, sudoFacts, format);
  const mode = pipe === undefined ? await settleMode(config, choice) : "sudo";
  const identity = { mode, ...ids };
  if (command.length === 0) {
    if (!config.sshOnly) warn(NO_COMMAND, format, config);
    if (pipe !== undefined) return (await import("./sudo-stay.ts")).stayForSudo(pipe);
    const { stayForSsh } = await import("./stay.ts");
    return stayForSsh(renderFacts(config, environment, identity, false));
  }
  if (config.init) {
    const { stayForApp } = await import("./stay.ts");
    const request = config.enabled ? renderFacts(config, environment, identity, true) : undefined;
    const start = () => {
      if (pipe !== undefined) return config.require ? assertReady(readReply(pipe)) : undefined;
      const supervisor = request && tryToStart(request, { stay: true }, format);
      if (config.require) assertReady(supervisor?.reply());
    };
    return stayForApp(command, environmentOfApp(environment), descriptors, start);
  }
  if (pipe !== undefined) {
    if (config.require) assertReady(readReply(pipe));
  } else if (config.enabled) {
    const supervisor = tryToStart(renderFacts(config, environment, identity, true), { stay: false }, format);
    if (config.require) assertReady(supervisor?.reply());
    supervisor?.settle();
  }
  return becomeApp(command, environment, descriptors, config);
}

/**
 * Whoever may be root by sudo uses it once, before the app runs and whatever the settings say, so that nobody else can. Gives
 * the pipe to the supervisor where it came from there. Throws `StageError` where rights may be left.
 */
async function useSudo(
  config: Config,
  choice: ModeChoice,
  facts: Request,
  format: LogFormat,
): Promise<number | undefined> {
  const isWanted = config.enabled && choice !== "rootless";
  const { callSudo } = await import("./sudo-call.ts");
  const outcome = callSudo(facts, isWanted);
  if (outcome.kind === "gone") return isWanted ? outcome.pipe : undefined;
  if (!isWanted) return undefined;
  const { what, saw, hint } = outcome.problem;
  const reason = saw === undefined ? what : `${what} (${saw})`;
  if (choice === "sudo") throw notToBeHad("sudo", reason, hint ?? "grant the one rule of the README");
  if (outcome.isNews) warn({ what: "sudo mode is not to be had", saw: reason, ...(hint && { hint }) }, format, config);
  return undefined;
}

const hasSudo = (): boolean => SUDO_PATHS.some((path) => c.faccessat(AT_FDCWD, cString(path), 0, 0) === 0);

/** The mode without sudo. Throws `StageError` where a pinned one is not to be had. */
async function settleMode(config: Config, choice: ModeChoice): Promise<Mode> {
  if (choice === "rootless" && config.enabled) {
    const { assertRootlessServes } = await import("./pinned-rootless.ts");
    assertRootlessServes(config, c.geteuid());
  }
  return choice === "root" ? "root" : "rootless";
}

/** Trouble with SSH does not take the app down: undefined, told, where the supervisor cannot be started. */
function tryToStart(request: Request, options: { stay: boolean }, format: LogFormat): StartedSupervisor | undefined {
  try {
    return startSupervisor(request, options);
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    sayNow({ type: "ssh down", problem: error.problem }, format);
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

function warn(problem: Problem, format: LogFormat, config: Config): void {
  if (config.logLevel !== "error") sayNow({ type: "warning", problem }, format);
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

/** What an error means to whoever started us: its exit code; anything unknown is a bug of ours. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === "number" ? code : EXIT.bug;
}
