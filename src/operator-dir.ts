/**
 * Opens a directory that a setting names, as root: a link counts only where nobody but root could have put it. The app, which
 * runs meanwhile, must not lead us elsewhere after the path was judged.
 */
import { OsError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";

const MOST_LINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** The directory at `path` (absolute). Throws `OsError`: ELOOP for a link that others could have put there. */
export function openOperatorDir(host: Host, operation: string, path: string): Dir {
  return openJudged(host, operation, path).dir;
}

/**
 * The same, as root, with the first directory on the way in which others than root can put something in another's place;
 * undefined: none. In a sticky one nobody but its owner moves a directory.
 */
export function openJudged(host: Host, operation: string, path: string): { dir: Dir; changeable: string | undefined } {
  // Without root we are the app's user, and can be led nowhere that he cannot go.
  if (host.self.uid !== 0) return { dir: host.openDir(operation, path), changeable: undefined };
  const way: Dir[] = [host.openDir(operation, "/")];
  try {
    walk(operation, way, namesOf(path));
    const isFirm = (dir: Dir) => isRootsAlone(operation, dir) || (dir !== way.at(-1) && isRootsSticky(operation, dir));
    const changeable = way.find((dir) => !isFirm(dir))?.path;
    return { dir: way.pop() as Dir, changeable };
  } finally {
    for (const dir of way) dir.close();
  }
}

/** True for a file or directory that nobody but root can write. */
export function isRootsToWrite({ uid, mode }: Facts): boolean {
  return uid === 0 && (mode & WRITABLE_BY_OTHERS) === 0;
}

/** Leaves on `way` the open directories from `/` to the one that was reached. */
function walk(operation: string, way: Dir[], rest: string[]): void {
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const at = way.at(-1) as Dir;
    if (name === "..") {
      if (way.length > 1) way.pop()?.close();
    } else if (at.stat(operation, name)?.kind !== "link") {
      // Never through a link: one that has come since is refused.
      way.push(at.openDir(operation, name));
    } else {
      const target = at.readLink(operation, name);
      if (++links > MOST_LINKS || !isRootsAlone(operation, at)) {
        throw new OsError("ELOOP", "openat", operation, at.path === "/" ? `/${name}` : `${at.path}/${name}`);
      }
      rest.unshift(...namesOf(target));
      if (target.startsWith("/")) for (const dir of way.splice(1)) dir.close();
    }
  }
}

const namesOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

/** Nobody writes on a read-only mount either. */
function isRootsAlone(operation: string, dir: Dir): boolean {
  if (dir.mount(operation).readOnly) return true;
  return isRootsToWrite(dir.facts(operation));
}

function isRootsSticky(operation: string, dir: Dir): boolean {
  const { uid, mode } = dir.facts(operation);
  return uid === 0 && (mode & STICKY) !== 0;
}
