/**
 * The settings table: every name, kind, default and meaning, typed once. Parser, --help, README, messages and what is
 * withheld from app and sessions all derive from it. Nothing is computed here: it is loaded before the app runs.
 */
import type { Kind } from "./setting-kinds.ts";
import * as kinds from "./setting-kinds.ts";

export interface Setting<T = unknown> {
  readonly name: string;
  readonly kind: Kind<T>;
  /** The value that counts when the variable is unset. */
  readonly fallback?: T;
  /** What happens when the variable is unset, in words, where no single value says it. */
  readonly unset?: string;
  readonly meaning: string;
  /** Withheld from the app's environment. */
  readonly secret?: true;
  /** NAME_FILE may hold a path instead. */
  readonly fileForm?: true;
}

/** What our own names begin with; the key variables keep the names that users already know. */
export const PREFIX = "WITHSSH_";

export const settings = {
  authorizedKeys: {
    name: "AUTHORIZED_KEYS",
    kind: kinds.text,
    meaning: "public keys, one a line; also quoted, with CRLF, commas, semicolons, or all on one line",
  },
  authorizedKeysFile: {
    name: "AUTHORIZED_KEYS_FILE",
    kind: kinds.path,
    unset: ".ssh/authorized_keys on the volume",
    meaning: "further keys: a file, or a directory of files; missing is fine only for the default",
  },
  authorizedKeysUrls: {
    name: "AUTHORIZED_KEYS_URL",
    kind: kinds.urls,
    meaning: "further keys: https URLs, such as a code host's /<user>.keys",
    fileForm: true,
  },
  urlRefresh: {
    name: "WITHSSH_URL_REFRESH",
    kind: kinds.duration,
    fallback: 15 * 60 * 1000,
    meaning: "how often those URLs are read again, 1s to 24h",
  },
  keyVariables: {
    name: "WITHSSH_KEY_VARIABLES",
    kind: kinds.variableNames,
    meaning: "names of more variables that hold public keys, such as PUBLIC_KEY",
  },
  homeKeys: {
    name: "WITHSSH_HOME_KEYS",
    kind: kinds.boolean,
    fallback: false,
    meaning: "also honour the login user's own ~/.ssh/authorized_keys",
  },
  volume: {
    name: "WITHSSH_VOLUME",
    kind: kinds.path,
    fallback: "/volume",
    meaning: "where identity lives: host keys are .ssh/ssh_host_*_key there",
  },
  hostKeys: {
    name: "WITHSSH_HOST_KEYS",
    kind: kinds.text,
    meaning: "private host keys as PEM blocks, or base64 of them; win over the volume; not passed on to the app",
    secret: true,
    fileForm: true,
  },
  adoptImageKeys: {
    name: "WITHSSH_ADOPT_IMAGE_KEYS",
    kind: kinds.boolean,
    fallback: false,
    meaning: "on a first start save the image's keys in /etc/ssh instead of making fresh ones",
  },
  trustedUserCa: {
    name: "WITHSSH_TRUSTED_USER_CA",
    kind: kinds.text,
    meaning: "public keys of authorities whose user certificates may log in",
    fileForm: true,
  },
  users: {
    name: "WITHSSH_USERS",
    kind: kinds.users,
    unset: "the user the app runs as",
    meaning: "login names that get the keys, with commas between",
  },
  port: { name: "WITHSSH_PORT", kind: kinds.port, fallback: 2222, meaning: "the port that sshd listens on" },
  listen: {
    name: "WITHSSH_LISTEN",
    kind: kinds.addresses,
    unset: "all, IPv4 and IPv6",
    meaning: "the addresses that sshd listens on, with commas or blanks between",
  },
  publicAddress: {
    name: "WITHSSH_PUBLIC_ADDRESS",
    kind: kinds.address,
    unset: "on Fly $FLY_APP_NAME.fly.dev, else unknown",
    meaning: "host[:port] that clients dial, for known_hosts lines; port 22 when left out",
  },
  forwarding: {
    name: "WITHSSH_FORWARDING",
    kind: kinds.oneOf("yes", "local", "no"),
    unset: "the image's choice",
    meaning: "TCP forwarding: yes, local or no; editors and ProxyJump need it",
  },
  sshd: { name: "WITHSSH_SSHD", kind: kinds.path, unset: "found", meaning: "path of sshd" },
  sshdConfig: {
    name: "WITHSSH_SSHD_CONFIG",
    kind: kinds.text,
    meaning: "your own sshd_config lines; they come before the image's",
    fileForm: true,
  },
  sessionEnv: {
    name: "WITHSSH_SESSION_ENV",
    kind: kinds.variableGlobs,
    unset: "* for the app's own user, PATH LANG LC_* TZ for others",
    meaning: "variables that SSH sessions get, * and ? allowed; - for none",
  },
  revokeSessions: {
    name: "WITHSSH_REVOKE_SESSIONS",
    kind: kinds.boolean,
    fallback: false,
    meaning: "end a key's live sessions when the key is gone",
  },
  privilege: {
    name: "WITHSSH_PRIVILEGE",
    kind: kinds.oneOf("auto", "root", "sudo", "rootless"),
    fallback: "auto",
    meaning: "pins the mode: auto, root, sudo or rootless; exit 1 when it is not to be had",
  },
  appUser: {
    name: "WITHSSH_APP_USER",
    kind: kinds.userAndGroup,
    unset: "the image's user",
    meaning: "in root mode: the user[:group] that the app runs as, by name or id",
  },
  noNewPrivs: {
    name: "WITHSSH_NO_NEW_PRIVS",
    kind: kinds.boolean,
    fallback: false,
    meaning: "no_new_privs on the app and on SSH sessions: set-uid programs give nothing",
  },
  nofile: {
    name: "WITHSSH_NOFILE",
    kind: kinds.nofile,
    unset: "the soft limit at the hard one",
    meaning: "the app's limit on open files, soft[:hard]",
  },
  init: {
    name: "WITHSSH_INIT",
    kind: kinds.boolean,
    fallback: false,
    meaning: "stay as the app's parent: forward signals, reap orphans, end with its code",
  },
  sshOnly: {
    name: "WITHSSH_SSH_ONLY",
    kind: kinds.boolean,
    fallback: false,
    meaning: "SSH without a command is meant: no warning",
  },
  require: {
    name: "WITHSSH_REQUIRE",
    kind: kinds.boolean,
    fallback: false,
    meaning: "no app without SSH: it waits until sshd listens; exit 1 when that cannot be had",
  },
  enabled: {
    name: "WITHSSH_ENABLED",
    kind: kinds.boolean,
    unset: "true; false where Fly sets RELEASE_COMMAND",
    meaning: "false: no SSH, the app alone",
  },
  logLevel: {
    name: "WITHSSH_LOG_LEVEL",
    kind: kinds.oneOf("debug", "info", "warn", "error"),
    fallback: "info",
    meaning: "debug, info, warn or error; our log is on stderr",
  },
  logFormat: {
    name: "WITHSSH_LOG_FORMAT",
    kind: kinds.oneOf("json", "pretty"),
    unset: "pretty on a terminal, else json",
    meaning: "json or pretty",
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** The rows in the order in which people read them. */
export const allSettings: readonly Setting[] = Object.values(settings);

/** The name that takes a path instead of the text. */
export function fileForm(setting: Setting): string {
  return `${setting.name}_FILE`;
}

/** True for names that never reach SSH sessions: all of ours, file forms and typing errors included. */
export function isOurSetting(name: string): boolean {
  const keys = settings.authorizedKeys.name;
  return name.startsWith(PREFIX) || name === keys || name.startsWith(`${keys}_`);
}

const secretNames: readonly string[] = allSettings.filter((row) => row.secret).map((row) => row.name);

/** True for settings whose value is not passed on to the app. */
export function isSecretSetting(name: string): boolean {
  return secretNames.includes(name);
}
