/**
 * Which of the container's variables SSH sessions get, and how a login shell keeps the container's PATH. Names and values
 * are byte strings (latin1, one char a byte) and pass unchanged. Values may be secret: they are never in a message, and
 * only PATH, which is none, goes into a file that everyone can read.
 */

export interface Variable {
  readonly name: string;
  readonly value: string;
}

/**
 * Why a variable stays out: `session` sshd knows better (HOME, SSH_CONNECTION ...), `ours` a setting of ours, `name` no
 * session could have it, `newline` cannot be written into sshd_config. Only the last is news to the operator.
 */
export type LeftOutWhy = "session" | "ours" | "name" | "newline";

export interface SessionEnv {
  readonly variables: readonly Variable[];
  readonly leftOut: readonly { readonly name: string; readonly why: LeftOutWhy }[];
}

/** A user that is not the app's may not read the app's environment: only what makes a session usable. */
const FOR_OTHERS: readonly string[] = ["PATH", "LANG", "LC_*", "TZ"];

/** SetEnv comes last in sshd's do_setup_env (session.c) and would override what is true of this session. */
const OF_THE_SESSION = new Set("HOME USER LOGNAME SHELL PWD OLDPWD SHLVL _ TERM MAIL".split(" "));
const OF_ITS_CONNECTION = "SSH_";

/**
 * Chooses by `patterns` (names and globs of `*` and `?`; undefined is the default, an empty list none). `isAppUser` says that the
 * session's user is the app's, who can read its environment anyway. `isOurs` tells the names of our own settings.
 * Of a name that is there twice the first counts, as getenv(3) has it.
 */
export function selectSessionEnv(
  env: readonly Variable[],
  patterns: readonly string[] | undefined,
  isAppUser: boolean,
  isOurs: (name: string) => boolean,
): SessionEnv {
  const wanted = (patterns ?? (isAppUser ? ["*"] : FOR_OTHERS)).map(globToRegExp);
  const variables: Variable[] = [];
  const leftOut: { name: string; why: LeftOutWhy }[] = [];
  const seen = new Set<string>();
  for (const { name, value } of env) {
    if (seen.has(name) || !wanted.some((pattern) => pattern.test(name))) continue;
    seen.add(name);
    const why = whyNot(name, value, isOurs);
    if (why === undefined) variables.push({ name, value });
    else leftOut.push({ name, why });
  }
  return { variables, leftOut };
}

function whyNot(name: string, value: string, isOurs: (name: string) => boolean): LeftOutWhy | undefined {
  if (name === "" || name.includes("=")) return "name";
  if (OF_THE_SESSION.has(name) || name.startsWith(OF_ITS_CONNECTION)) return "session";
  if (isOurs(name)) return "ours";
  return /[\n\0]/.test(name + value) ? "newline" : undefined;
}

function globToRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.+()[\]{}|]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}

/** Where the drop-in goes: first of its kind, so that the image's own scripts there still add to PATH. */
export const PROFILE_DROP_IN = "/etc/profile.d/00-withssh.sh";

/**
 * A root-owned 0644 drop-in for login shells: Debian's (and older Alpine's) /etc/profile sets PATH anew and then reads
 * /etc/profile.d; this puts the container's PATH back, in SSH sessions alone (sshd sets SSH_CONNECTION, su - drops it).
 * A literal costs no process and reads nothing at login. Undefined where there is no PATH to put back. Commands without a
 * login shell need none of this: SetEnv comes after PAM's /etc/environment. Where /etc cannot be written (rootless, read-only
 * root) a login shell has what /etc/profile says. `users`: for their shells alone (sshd sets USER); all when left out.
 */
export function renderProfileDropIn(variables: readonly Variable[], users?: readonly string[]): string | undefined {
  const path = variables.find((variable) => variable.name === "PATH");
  if (path === undefined || users?.length === 0) return undefined;
  const whose =
    users === undefined ? "" : ` && { ${users.map((user) => `[ "\${USER-}" = ${quote(user)} ]`).join(" || ")}; }`;
  return [
    "# Written by withssh: SSH login shells get the container's PATH, which /etc/profile has just replaced.",
    `if [ -n "\${SSH_CONNECTION-}" ]${whose}; then PATH=${quote(path.value)}; export PATH; fi`,
    "",
  ].join("\n");
}

/** A word for the shell (POSIX shell, 2.2.2). */
const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
