/**
 * The text of a setting that may come as a file: NAME, or the file that NAME_FILE names. What the operator named is read
 * as it is, a Kubernetes secret's links too; a fifo, a device or a huge file is refused and never waited for.
 */
import { utf8Of } from "./byte-strings.ts";
import type { TextSource } from "./config.ts";
import { isOsError, type Problem } from "./errors.ts";
import type { Host } from "./host.ts";
import { openWalked } from "./path-walk.ts";

const MAX_TEXT_BYTES = 1 << 20;
const OPERATION = "read a setting's file";

/** The bytes (a text in the variable ends with a newline then), or why there are none. `name` is the setting's. */
export function readTextSource(
  host: Host,
  source: TextSource,
  name: string,
): { readonly bytes: Uint8Array } | { readonly problem: Problem } {
  if ("text" in source) return { bytes: utf8Of(`${source.text}\n`) };
  try {
    return { bytes: readNamed(host.saidBy(`${name}_FILE`).host, source.file) };
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = `the file that ${name}_FILE names cannot be read`;
    const hint = "name a regular file, at most 1 MiB; links are followed on a read-only mount";
    return { problem: { what, saw: `${source.file}: ${error.code}`, hint } };
  }
}

/** Links are followed in its directory; in its name only on a read-only mount. */
function readNamed(host: Host, path: string): Uint8Array {
  const slash = path.lastIndexOf("/");
  const dir = host.openDir(OPERATION, path.slice(0, slash) || "/");
  try {
    return dir.read(OPERATION, path.slice(slash + 1), MAX_TEXT_BYTES).bytes;
  } catch (error) {
    if (!isOsError(error, "ELOOP")) throw error;
    const reached = openWalked(OPERATION, host, path, MAX_TEXT_BYTES);
    reached.close();
    if (reached.file === undefined) throw error;
    return reached.file.bytes;
  } finally {
    dir.close();
  }
}
