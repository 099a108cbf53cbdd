/**
 * What an unprivileged sshd can serve: this user's logins alone, on a port that any user may take. Pure; the launcher
 * asks only where the mode is pinned, the supervisor always. Says what is impossible in words, with what makes it possible.
 */
import type { Config } from "./config.ts";
import type { Problem } from "./errors.ts";
import { findUser, type PasswdEntry } from "./passwd.ts";
import { settings } from "./settings.ts";

/** ip(7). Docker's kernel setting lets containers take lower ones; another platform tomorrow does not. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/** Why this user cannot serve logins under these settings; undefined where nothing speaks against it. */
export function findRootlessProblem(
  { port, users }: Pick<Config, "port" | "users">,
  uid: number,
  passwd: readonly PasswdEntry[],
): Problem | undefined {
  if (uid !== 0 && port < FIRST_UNPRIVILEGED_PORT) return portProblem(port);
  const own = passwd.filter((entry) => entry.uid === uid);
  if (own.length === 0) return unknownUid(uid);
  if (users === undefined || users.some((name) => isOwnLogin(name, uid, passwd))) return undefined;
  return othersProblem(users, own[0]?.name ?? "");
}

/** True when this login name (or uid) is the user that we are. */
export function isOwnLogin(nameOrUid: string, uid: number, passwd: readonly PasswdEntry[]): boolean {
  return findUser(passwd, nameOrUid)?.uid === uid;
}

/** For login users that only root could log in. */
export function othersProblem(others: readonly string[], own: string): Problem {
  return {
    what: `without root nobody but ${own} can log in`,
    saw: `${settings.users.name} names ${others.join(", ")}`,
    hint: `remove them from ${settings.users.name}; for other users the container has to start as root`,
  };
}

function portProblem(port: number): Problem {
  const hint = `set ${settings.port.name}=2222 and map the port outside: docker run --publish ${port}:2222`;
  return { what: "without root sshd needs a port from 1024 on", saw: `${settings.port.name}=${port}`, hint };
}

function unknownUid(uid: number): Problem {
  const hint = `in the Dockerfile: RUN useradd --uid ${uid} --create-home --shell /bin/sh app (Alpine: adduser -D -u ${uid} app)`;
  return { what: `uid ${uid} has no line in /etc/passwd, and sshd logs in named users only`, hint };
}
