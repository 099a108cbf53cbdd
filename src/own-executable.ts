/**
 * Our own file, by the kernel's word, and whether anybody but root could put another in its place: a sudo rule that names
 * such a path gives root to whoever can.
 */
import { byteString, cBytes, cString } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { AT_FDCWD, c, check, ptr } from "./libc.ts";

const OPERATION = "look at our own executable";
const WRITABLE_BY_OTHERS = 0o022;
const MAX_PATH_BYTES = 4096;

/** What the kernel puts behind the path of a file that another has replaced (proc(5)). */
const REPLACED = / \(deleted\)$/;

/** The path behind /proc/self/exe: sudo's rule names a path, whichever file is there by now. */
export function findOwnPath(): string {
  const target = new Uint8Array(MAX_PATH_BYTES);
  const self = cString("/proc/self/exe");
  const length = Number(c.readlinkat(AT_FDCWD, self, ptr(target), target.length));
  const path = byteString(target.subarray(0, check(length, "readlinkat", OPERATION, "/proc/self/exe")));
  return c.faccessat(AT_FDCWD, ptr(cBytes(path)), 0) === 0 ? path : path.replace(REPLACED, "");
}

/** The same, refused unless the file and every directory above are root's alone. Throws `StageError`, `OsError`. */
export function readOwnExecutable(host: Host): string {
  const path = findOwnPath();
  const parts = path.split("/").filter((part) => part !== "");
  const name = parts.pop() ?? "";
  let dir: Dir = host.openDir(OPERATION, "/");
  try {
    assertRoots("/", dir.facts(OPERATION));
    for (const part of parts) {
      const below = dir.openDir(OPERATION, part);
      dir.close();
      dir = below;
      assertRoots(dir.path, dir.facts(OPERATION));
    }
    const facts = dir.stat(OPERATION, name);
    if (facts?.kind !== "file") throw refused(path, "no regular file");
    assertRoots(path, facts);
  } finally {
    dir.close();
  }
  return path;
}

function assertRoots(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }): void {
  if (uid !== 0 || (mode & WRITABLE_BY_OTHERS) !== 0) throw refused(path, `uid ${uid}, mode ${mode.toString(8)}`);
}

function refused(path: string, saw: string): StageError {
  const hint = "put withssh where only root can write: /usr/local/bin, mode 755";
  return new StageError("readOwnExecutable", { what: `${path} is not root's alone`, saw, hint });
}
