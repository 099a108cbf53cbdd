/**
 * Turns the environment into one complete configuration, or throws everything that is wrong with it at once.
 * Pure: no file is read and nothing is guessed. Runs before the app, so it imports only what is as light as itself.
 */
import type { Address } from "./addresses.ts";
import type { Problem } from "./errors.ts";
import { SettingsError } from "./errors.ts";
import { isRealName, isServiceLink, judgeNames } from "./setting-names.ts";
import type { SettingReader, TextSource } from "./setting-reader.ts";
import { settingReader } from "./setting-reader.ts";
import { fileForm, PREFIX, settings } from "./settings.ts";

export type { TextSource } from "./setting-reader.ts";
export { isOurSetting, isSecretSetting } from "./settings.ts";

export interface Config {
  readonly enabled: boolean;
  /** `AUTHORIZED_KEYS` and each variable that the operator named, where set. */
  readonly keyTexts: readonly { readonly variable: string; readonly text: string }[];
  /** `named`: by the operator, so a missing one is a failed source. */
  readonly authorizedKeysFile: { readonly path: string; readonly named: boolean };
  readonly authorizedKeysUrls?: TextSource | undefined;
  readonly urlRefreshMs: number;
  readonly homeKeys: boolean;
  readonly volume: string;
  readonly hostKeys?: TextSource | undefined;
  readonly adoptImageKeys: boolean;
  readonly trustedUserCa?: TextSource | undefined;
  /** Undefined: the user the app runs as. */
  readonly users?: readonly string[] | undefined;
  readonly port: number;
  /** Empty: all addresses, IPv4 and IPv6. */
  readonly listen: readonly string[];
  /** Undefined: nobody said what clients dial. */
  readonly publicAddress?: Address | undefined;
  readonly forwarding?: "yes" | "local" | "no" | undefined;
  readonly sshd?: string | undefined;
  readonly sshdConfig?: TextSource | undefined;
  /** Globs. Undefined: the default for each user; empty: none. */
  readonly sessionEnv?: readonly string[] | undefined;
  readonly revokeSessions: boolean;
  readonly privilege: "auto" | "root" | "sudo" | "rootless";
  readonly appUser?: string | undefined;
  readonly noNewPrivs: boolean;
  readonly nofile?: { readonly soft: number; readonly hard?: number } | undefined;
  readonly init: boolean;
  readonly sshOnly: boolean;
  /** False while SSH is switched off. */
  readonly require: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Undefined: pretty on a terminal, else json. */
  readonly logFormat?: "json" | "pretty" | undefined;
}

/** Fly runs release commands in a machine of its own, without volumes (fly.io/docs/reference/configuration). */
const FLY_RELEASE_COMMAND = "RELEASE_COMMAND";
const FLY_APP_NAME = "FLY_APP_NAME";

function isSet(env: ReadonlyMap<string, string>, name: string): boolean {
  return (env.get(name) ?? "").trim() !== "";
}

/** Key texts are not refused for a byte that is not UTF-8: it sits in a comment, and each line is judged by itself. */
function readKeyTexts(env: ReadonlyMap<string, string>, named: readonly string[], warnings: Problem[]) {
  const variables = [...new Set([settings.authorizedKeys.name, ...named])].filter((name) => isSet(env, name));
  if (named.length > 0 && !named.some((name) => isSet(env, name))) {
    const what = `${settings.keyVariables.name} names only variables that are not set: ${named.join(", ")}`;
    warnings.push({ what, hint: "set one of them or remove the names" });
  }
  return variables.map((variable) => {
    const text = env.get(variable) as string;
    if (text.includes("\ufffd")) {
      warnings.push({ what: `${variable} is not all UTF-8`, hint: `set ${variable} again from UTF-8 text` });
    }
    return { variable, text };
  });
}

function readKeyVariables(read: SettingReader): readonly string[] {
  const names = read.optional(settings.keyVariables) ?? [];
  const ours = names.find(
    (name) => name !== settings.authorizedKeys.name && (name.startsWith(PREFIX) || isRealName(name)),
  );
  if (ours !== undefined) {
    const what = `${settings.keyVariables.name} must name variables that are not ours`;
    read.problems.push({ what, saw: ours, hint: `remove ${ours} from it` });
  }
  return names;
}

function readPublicAddress(read: SettingReader, env: ReadonlyMap<string, string>): Config["publicAddress"] {
  const said = read.optional(settings.publicAddress);
  if (said !== undefined) return said;
  const app = env.get(FLY_APP_NAME);
  if (app === undefined) return undefined;
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(app) ? { host: `${app}.fly.dev`, port: 22 } : undefined;
}

/** Settings that contradict each other, as far as the operator said both. */
function judgeTogether(config: Config, said: { enabled: boolean | undefined; require: boolean }): Problem[] {
  const { appUser, enabled, hostKeys, privilege, require, sshOnly } = settings;
  const off = said.enabled === false;
  const clash = (what: string, hint: string): Problem => ({ what, hint });
  const problems: Problem[] = [];
  if (off && said.require)
    problems.push(clash(`${require.name}=true and ${enabled.name}=false`, "keep one of the two"));
  if (off && config.sshOnly)
    problems.push(clash(`${sshOnly.name}=true and ${enabled.name}=false`, "keep one of the two"));
  if (config.appUser !== undefined && (config.privilege === "sudo" || config.privilege === "rootless")) {
    const what = `${appUser.name} needs root, and ${privilege.name} is ${config.privilege}`;
    problems.push(clash(what, `remove ${appUser.name}: the app runs as the image's user`));
  }
  if (config.adoptImageKeys && config.hostKeys !== undefined) {
    const what = `${settings.adoptImageKeys.name}=true and ${hostKeys.name}: the image's keys would never be used`;
    problems.push(clash(what, "keep one of the two"));
  }
  return problems;
}

/**
 * The configuration that `env` asks for, and what is odd about it. Throws `SettingsError` with every problem.
 * `env` holds decoded values: bytes that are no UTF-8 arrive as U+FFFD.
 */
export function parseConfig(env: ReadonlyMap<string, string>): { config: Config; warnings: readonly Problem[] } {
  const { port } = settings;
  const isLink = isServiceLink(port.name, env.get(port.name) ?? "");
  const read = settingReader(isLink ? new Map([...env].filter(([name]) => name !== port.name)) : env);
  const keyVariables = readKeyVariables(read);
  const { problems, warnings } = judgeNames(env, keyVariables);
  const enabledSaid = read.optional(settings.enabled);
  const enabled = enabledSaid ?? !isSet(env, FLY_RELEASE_COMMAND);
  const require = read.value(settings.require);
  const volume = read.value(settings.volume);
  const keysFile = read.optional(settings.authorizedKeysFile);
  const config: Config = {
    enabled,
    keyTexts: readKeyTexts(env, keyVariables, warnings),
    authorizedKeysFile: { path: keysFile ?? `${volume}/.ssh/authorized_keys`, named: keysFile !== undefined },
    authorizedKeysUrls: read.textSource(settings.authorizedKeysUrls),
    urlRefreshMs: read.value(settings.urlRefresh),
    homeKeys: read.value(settings.homeKeys),
    volume,
    hostKeys: read.textSource(settings.hostKeys),
    adoptImageKeys: read.value(settings.adoptImageKeys),
    trustedUserCa: read.textSource(settings.trustedUserCa),
    users: read.optional(settings.users),
    port: read.value(port),
    listen: read.optional(settings.listen) ?? [],
    publicAddress: readPublicAddress(read, env),
    forwarding: read.optional(settings.forwarding),
    sshd: read.optional(settings.sshd),
    sshdConfig: read.textSource(settings.sshdConfig),
    sessionEnv: read.optional(settings.sessionEnv),
    revokeSessions: read.value(settings.revokeSessions),
    privilege: read.value(settings.privilege),
    appUser: read.optional(settings.appUser),
    noNewPrivs: read.value(settings.noNewPrivs),
    nofile: read.optional(settings.nofile),
    init: read.value(settings.init),
    sshOnly: read.value(settings.sshOnly),
    require: require && enabled,
    logLevel: read.value(settings.logLevel),
    logFormat: read.optional(settings.logFormat),
  };
  const all = [...problems, ...read.problems, ...judgeTogether(config, { enabled: enabledSaid, require })];
  if (all.length > 0) throw new SettingsError(all);
  if (config.hostKeys !== undefined && "text" in config.hostKeys) {
    const what = `${settings.hostKeys.name} is only as secret as the container's environment`;
    warnings.push({ what, hint: `mount a file and name it in ${fileForm(settings.hostKeys)}` });
  }
  return { config, warnings };
}
