/**
 * The launcher: settings, supervisor, what must be true, then it becomes the app. Every import here is time that the
 * app waits, so nothing is loaded that a start does not need. Must never print a secret or start the app unproved.
 */
import type { AppUser } from "./app-user.ts";
import { type Config, isSecretSetting, parseConfig } from "./config.ts";
import { EXIT, isOsError, type Problem, SettingsError } from "./errors.ts";
import { becomeCommand, restoreInherited } from "./exec.ts";
import { byteString, c, slurp } from "./libc.ts";
import { defaultFormat, type LogFormat, sayNow } from "./log-line.ts";
import { envMap, inheritedDescriptors } from "./process-facts.ts";
import { assertReady, startSupervisor } from "./supervisor-start.ts";

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
  const identity = { uid: user?.uid ?? c.geteuid(), gid: user?.gid ?? c.getegid() };
  if (command.length === 0) {
    if (!config.sshOnly) warn(NO_COMMAND, format, config);
    const { stayForSsh } = await import("./stay.ts");
    return stayForSsh(renderFacts(config, environment, identity, false));
  }
  if (config.init) {
    const { stayForApp } = await import("./stay.ts");
    const request = config.enabled ? renderFacts(config, environment, identity, true) : undefined;
    return stayForApp(command, environmentOfApp(environment), descriptors, request, config.require);
  }
  if (config.enabled) {
    const supervisor = startSupervisor(renderFacts(config, environment, identity, true), { stay: false });
    if (config.require) assertReady(supervisor.reply());
    supervisor.settle();
  }
  let appEnvironment = environmentOfApp(environment);
  restoreInherited(descriptors, config.nofile);
  if (user !== undefined) {
    const { environmentOfUser } = await import("./app-user.ts");
    appEnvironment = environmentOfUser(appEnvironment, user);
  }
  if (user !== undefined || config.noNewPrivs) {
    const { dropRights, setNoNewPrivs } = await import("./drop-rights.ts");
    if (user !== undefined) dropRights(user);
    if (config.noNewPrivs) setNoNewPrivs();
  }
  return becomeCommand(command, appEnvironment);
}

/** `WITHSSH_APP_USER` from the image's user database, loaded only where it is set. */
async function findAppUser(spec: string): Promise<AppUser> {
  const { resolveAppUser } = await import("./app-user.ts");
  return resolveAppUser(spec, readDatabase("/etc/passwd"), readDatabase("/etc/group"));
}

/** A file of the user database as a byte string; an image without one has no names. */
function readDatabase(path: string): string {
  try {
    return byteString(slurp(path, "look up WITHSSH_APP_USER"));
  } catch (error) {
    if (isOsError(error, "ENOENT")) return "";
    throw error;
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
  { uid, gid }: { uid: number; gid: number },
  hasCommand: boolean,
) {
  return {
    appPid: c.getpid(),
    appUid: uid,
    appGid: gid,
    hasCommand,
    wantsReply: config.require,
    environment,
  };
}

/** The environment that the app gets: ours, byte for byte, without what is secret and for us alone. */
export function environmentOfApp(environment: readonly string[]): readonly string[] {
  return environment.filter((entry) => !isSecretSetting(entry.slice(0, entry.indexOf("="))));
}

/** What an error means to whoever started us: its exit code; anything unknown is a bug of ours. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === "number" ? code : EXIT.bug;
}
