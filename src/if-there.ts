/**
 * What an image may have or not: a directory's names, a file's bytes. Only the errors that a caller names count as "not
 * there"; every other is thrown, so that nothing is taken for absent that could not be seen.
 */
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";

/** The names in the directory at this path; none where it fails with one of `absent` (errno names). Throws `OsError`. */
export function listIfThere(
  host: Pick<Host, "openDir">,
  operation: string,
  path: string,
  absent: readonly string[],
): string[] {
  return inDirectory(host, operation, path, absent, (dir) => dir.list(operation)) ?? [];
}

/** The bytes of a file in it, at most `maxBytes`; undefined where that fails with one of `absent`. Throws `OsError`. */
export function readIfThere(
  host: Pick<Host, "openDir">,
  operation: string,
  { directory, name, maxBytes }: { readonly directory: string; readonly name: string; readonly maxBytes: number },
  absent: readonly string[],
): Uint8Array | undefined {
  return inDirectory(host, operation, directory, absent, (dir) => dir.read(operation, name, maxBytes).bytes);
}

function inDirectory<T>(
  host: Pick<Host, "openDir">,
  operation: string,
  path: string,
  absent: readonly string[],
  look: (dir: Dir) => T,
): T | undefined {
  try {
    const dir = host.openDir(operation, path);
    try {
      return look(dir);
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error) && absent.includes(error.code)) return undefined;
    throw error;
  }
}
