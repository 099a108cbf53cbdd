/**
 * Opens a directory that a setting names, as root: a link counts only where nobody but root could have put it. The app, which
 * runs meanwhile, must not lead us elsewhere after the path was judged.
 */
import { OsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";

const MOST_LINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;

/** The directory at `path` (absolute). Throws `OsError`: ELOOP for a link that others could have put there. */
export function openOperatorDir(host: Host, operation: string, path: string): Dir {
  // Without root we are the app's user, and can be led nowhere that he cannot go.
  if (host.self.uid !== 0) return host.openDir(operation, path);
  const way: Dir[] = [host.openDir(operation, "/")];
  try {
    walk(operation, way, namesOf(path));
    const reached = way.pop() as Dir;
    return reached;
  } finally {
    for (const dir of way) dir.close();
  }
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
  const { uid, mode } = dir.facts(operation);
  return uid === 0 && (mode & WRITABLE_BY_OTHERS) === 0;
}
