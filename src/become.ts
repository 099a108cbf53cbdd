/**
 * The last steps before the app: puts back what the runtime changed, drops to the app's user, and becomes the app. Also
 * the short life between the launcher as init and the app (`WITHSSH_INIT=true`). Must not fail for want of a terminal.
 */
import type { AppUser } from "./app-user.ts";
import { byteString } from "./byte-strings.ts";
import { type Config, isSecretSetting, parseConfig } from "./config.ts";
import { slurp } from "./descriptors.ts";
import { isOsError } from "./errors.ts";
import { becomeCommand, restoreInherited } from "./exec.ts";
import { moveForeground } from "./foreground.ts";
import { c } from "./libc.ts";
import { envMap, inheritedDescriptors, splitEnvEntry } from "./process-facts.ts";
import { ignoreSignals } from "./signals.ts";

/**
 * Becomes the app, as the user that the settings name. What drops rights is loaded only where it is asked for. Throws
 * `CommandError` where there is no such command, `StageError` where rights are not provably gone.
 */
export async function becomeApp(
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
  config: Config,
): Promise<never> {
  let appEnvironment = environmentOfApp(environment);
  const user = config.appUser === undefined ? undefined : await findAppUser(config.appUser);
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

/** The environment that the app gets: ours, byte for byte, without what is secret and for us alone. */
export function environmentOfApp(environment: readonly string[]): readonly string[] {
  return environment.filter((entry) => !isSecretSetting(splitEnvEntry(entry)?.name ?? ""));
}

/** `WITHSSH_APP_USER` from the image's user database, loaded only where it is set. */
export async function findAppUser(spec: string): Promise<AppUser> {
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

/** Under the launcher as init, in a process group of the app's own, before its exec. `ignored`: the mask in hex. */
export async function becomeUnderInit(
  [ignored = "0", ...command]: readonly string[],
  environment: readonly string[],
): Promise<never> {
  const descriptors = inheritedDescriptors();
  moveForeground(c.getpgid(c.getppid()), c.getpgid(0));
  const { config } = parseConfig(envMap(environment));
  ignoreSignals(BigInt(`0x${ignored}`));
  return becomeApp(command, environment, descriptors, config);
}
