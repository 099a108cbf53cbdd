/**
 * The home of a login user: what is there, and making it where it is missing (sshd would start sessions in `/`).
 * Never touches a home that is there, whatever its owner and mode: keys are kept out of homes.
 */
import { isOsError, OsError, StageError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";

/** `unseen`: we may not look there. */
export type HomeFinding = "directory" | "missing" | "not a directory" | "unseen";

export interface HomeOwner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const HOME_MODE = 0o700;

/** What stands at `home`; links are followed, as chdir(2) follows them. Changes nothing. */
export function findHome(host: Host, home: string): HomeFinding {
  if (!home.startsWith("/")) return "not a directory";
  try {
    host.openDir("look at a home", home).close();
    return "directory";
  } catch (error) {
    if (isOsError(error, "ENOENT")) return "missing";
    if (isOsError(error, "EACCES", "EPERM")) return "unseen";
    if (isOsError(error)) return "not a directory";
    throw error;
  }
}

/** False for Debian's /nonexistent and the like, which say on purpose that there is none. */
export function isMakeable(home: string): boolean {
  return home.startsWith("/") && home !== "/" && !/^\/(?:nonexistent|dev|proc|sys)(?:\/|$)/.test(home);
}

/**
 * Makes the missing home of `account`, his and 0700; /etc/skel is not copied. Only below directories that nobody but we
 * can write, so that nothing can be put in its place meanwhile. Throws `StageError` in words.
 */
export function makeHome(host: Host, account: HomeOwner): void {
  const names = account.home.split("/").filter((name) => name !== "");
  const last = names.pop();
  if (last === undefined || names.includes("..") || last === "..") throw noHome(account, "a path with ..");
  const open: Dir[] = [];
  try {
    let dir = host.openDir("make a home", "/");
    open.push(dir);
    for (const name of names) {
      dir.makeDir("make a home's parent", name, 0o755);
      dir = dir.openDir("make a home", name);
      open.push(dir);
      const facts = dir.facts("make a home");
      // Not even the user's own: between our steps he could put a hard link to somebody's file there.
      const isOthers = facts.uid !== host.self.uid || (facts.mode & 0o022) !== 0;
      if (isOthers) throw noHome(account, `${dir.path} can be written by others`);
    }
    if (dir.stat("make a home", last) === undefined) makeOwned(dir, last, account);
  } catch (error) {
    if (isOsError(error)) throw noHome(account, `${error.path ?? account.home}: ${error.code}`);
    throw error;
  } finally {
    for (const dir of open) dir.close();
  }
}

/**
 * Under another name first: a start that ends in between must not leave a home that is root's, which the next start
 * would take for made. What such a start left under that name is taken up.
 */
function makeOwned(parent: Dir, name: string, { uid, gid }: HomeOwner): void {
  const temporary = `.${name}.withssh`;
  parent.makeDir("make a home", temporary, HOME_MODE);
  const facts = parent.stat("make a home", temporary);
  if (facts?.kind !== "directory") throw new OsError("ENOTDIR", "stat", "make a home", `${parent.path}/${temporary}`);
  parent.chown("make a home", temporary, { uid, gid });
  parent.rename("make a home", temporary, name);
}

function noHome(account: HomeOwner, saw: string): StageError {
  const what = `the home of ${account.name} cannot be made: ${account.home}`;
  return new StageError("repair accounts", { what, saw, hint: `make it in the image: RUN mkdir -p ${account.home}` });
}
