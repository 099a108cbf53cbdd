/**
 * Whether sshd would let a login user in, told in words, and the two repairs that are ours: a locked password field,
 * a missing home. Never makes an account, never gives one a password, never weakens a field that is not locked.
 */
import { byteString, DIGITS, isMadeOf } from "./byte-strings.ts";
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { HomeFinding } from "./login-home.ts";
import { findHome, isMakeable } from "./login-home.ts";
import { accountHint } from "./packages.ts";
import type { PasswdEntry, ShadowEntry } from "./passwd.ts";
import { findUser, parsePasswd, parseShadow } from "./passwd.ts";

export type AccountRepair = "unlock" | "make home";

/** `problems` keep the user out; `repairs` are what we can put right; `warnings` do not keep anybody out. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly repairs: readonly AccountRepair[];
}

export type AccountVerdict =
  | { readonly kind: "account"; readonly account: Account }
  | { readonly kind: "unknown"; readonly problem: Problem };

const MAX_BYTES = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;
const NOT_A_SHELL = new Set(["nologin", "false", "true", "sync", "halt", "shutdown", "null"]);

/**
 * Looks at one login user, named or by uid, as sshd will (auth.c allowed_user, platform.c platform_locked_account).
 * Reads /etc/passwd and, where we may, /etc/shadow; directories of other kinds (LDAP) are not asked. Changes nothing.
 */
export function inspectAccount(host: Host, nameOrUid: string): AccountVerdict {
  const etc = host.openDir("look at accounts", "/etc");
  try {
    const entry = findUser(parsePasswd(readText(etc, "passwd") ?? ""), nameOrUid);
    if (entry === undefined) return { kind: "unknown", problem: unknownUser(nameOrUid) };
    const shadow = parseShadow(readText(etc, "shadow") ?? "").find(({ name }) => name === entry.name);
    const home = findHome(host, entry.home);
    const field = shadow?.password ?? entry.password;
    const isLocked = field.startsWith("!");
    const lacksHome = home === "missing" && isMakeable(entry.home);
    const { name, uid, gid } = entry;
    const problems = [
      ...shellProblems(host, entry),
      ...expiryProblems(host, entry, shadow),
      ...(isLocked && shadow === undefined ? [lockedInPasswd(name)] : []),
      ...(uid !== 0 && etc.stat("look for nologin", "nologin") !== undefined ? [NOLOGIN_FILE] : []),
    ];
    const repairs: AccountRepair[] = [];
    if (isLocked && shadow !== undefined) repairs.push("unlock");
    if (lacksHome) repairs.push("make home");
    const warnings = [...passwordWarnings(host, name, field, shadow), ...homeWarnings(entry, home)];
    const shell = entry.shell === "" ? "/bin/sh" : entry.shell;
    return { kind: "account", account: { name, uid, gid, home: entry.home, shell, problems, warnings, repairs } };
  } finally {
    etc.close();
  }
}

const NOLOGIN_FILE: Problem = {
  what: "/etc/nologin is there: sshd lets nobody but root in",
  hint: "remove it from the image: RUN rm /etc/nologin",
};

function unknownUser(user: string): Problem {
  if (isMadeOf(user, DIGITS)) {
    const hint = `in the Dockerfile: RUN useradd --uid ${user} --create-home --shell /bin/sh app (Alpine: adduser -D -u ${user} app)`;
    return { what: `uid ${user} has no line in /etc/passwd, and sshd logs in named users only`, hint };
  }
  const hint = `in the image: RUN useradd --create-home --shell /bin/sh ${user} (Alpine: adduser -D ${user}); or set WITHSSH_USERS`;
  return { what: `there is no user ${user}`, saw: "no such line in /etc/passwd", hint };
}

function shellProblems(host: Host, { name, shell: given }: PasswdEntry): Problem[] {
  const shell = given === "" ? "/bin/sh" : given;
  const hint = accountHint(`usermod --shell /bin/sh ${name}`);
  if (NOT_A_SHELL.has(shell.slice(shell.lastIndexOf("/") + 1)) && !isScriptThatGoesOn(host, shell)) {
    return [{ what: `${name} has no login shell: sessions end at once`, saw: shell, hint }];
  }
  if (host.isExecutable(shell)) return [];
  return [
    { what: `the shell of ${name} is not there or cannot be run: sshd lets nobody in without`, saw: shell, hint },
  ];
}

/** An image for platforms that give every user nologin puts a script there which runs a shell (login-rootless.ts). */
function isScriptThatGoesOn(host: Host, path: string): boolean {
  const slash = path.lastIndexOf("/");
  try {
    const dir = host.openDir("look at a shell", path.slice(0, slash) || "/");
    try {
      return /^#!.*\n[\s\S]*\bexec\b/.test(
        byteString(dir.read("look at a shell", path.slice(slash + 1), 1 << 16).bytes),
      );
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return false;
    throw error;
  }
}

function lockedInPasswd(name: string): Problem {
  const hint = accountHint(`usermod -p '*' ${name}`);
  return { what: `${name} is locked in /etc/passwd itself`, hint };
}

/** auth-shadow.c: expired on the day after. */
function expiryProblems(host: Host, { name }: PasswdEntry, shadow: ShadowEntry | undefined): Problem[] {
  const today = Math.floor(host.now() / DAY_MS);
  const day = shadow?.expiresDay;
  if (day === undefined || day >= today) return [];
  const saw = new Date(day * DAY_MS).toISOString().slice(0, 10);
  return [{ what: `the account ${name} has expired`, saw, hint: accountHint(`chage --expiredate -1 ${name}`) }];
}

/** What PAM (account) asks for even where a key logs in; and a password that is none. */
function passwordWarnings(host: Host, name: string, field: string, shadow: ShadowEntry | undefined): Problem[] {
  const warnings: Problem[] = [];
  if (field === "") {
    const hint = `in the image: RUN passwd -l ${name}`;
    warnings.push({ what: `${name} has an empty password: su and others let anybody in as ${name}`, hint });
  }
  const { lastChangeDay, maxDays } = shadow ?? {};
  const today = Math.floor(host.now() / DAY_MS);
  const isAged = lastChangeDay !== undefined && maxDays !== undefined && lastChangeDay + maxDays < today;
  if (lastChangeDay === 0 || isAged) {
    const hint = accountHint(`chage --lastday -1 --maxdays -1 ${name}`);
    warnings.push({
      what: `the password of ${name} has to be changed: with UsePAM yes that spoils key logins too`,
      hint,
    });
  }
  return warnings;
}

function homeWarnings({ name, home }: PasswdEntry, found: HomeFinding): Problem[] {
  const hint = accountHint(`usermod --home /home/${name} ${name}`);
  if (found === "not a directory")
    return [{ what: `the home of ${name} is no directory: sessions start in /`, saw: home, hint }];
  if (found === "missing" && !isMakeable(home))
    return [{ what: `${name} has no home: sessions start in /`, saw: home, hint }];
  return [];
}

function readText(dir: Dir, name: string): string | undefined {
  try {
    return byteString(dir.read("look at accounts", name, MAX_BYTES).bytes);
  } catch (error) {
    // Rootless: shadow is root's. sshd cannot read it either, then.
    if (isOsError(error, "ENOENT", "EACCES")) return undefined;
    throw error;
  }
}
