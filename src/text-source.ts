/**
 * The text of a setting that may come as a file: NAME, or the file that NAME_FILE names. As root it counts only where nobody but
 * root can have written it, or on a read-only mount, a Kubernetes secret's links too: the app must not say who logs in, or
 * what sshd reads. A fifo, a device or a huge file is refused and never waited for.
 */
import { utf8Of } from "./byte-strings.ts";
import type { TextSource } from "./config.ts";
import { isOsError, type Problem } from "./errors.ts";
import type { Host, MountedContent } from "./host.ts";
import { isRootsToWrite, openJudged } from "./operator-dir.ts";
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
  const { host: reader, decidesFor } = host.saidBy(`${name}_FILE`);
  // What a caller names is opened with his own rights, and decides for him alone; so does all that a rootless start reads.
  const isRoots = decidesFor === undefined && host.self.uid === 0;
  try {
    const { file, changeable } = readNamed(reader, source.file, isRoots);
    if (!isRoots || file.mount.readOnly || (changeable === undefined && isRootsToWrite(file.facts))) {
      return { bytes: file.bytes };
    }
    const saw = changeable ?? `uid ${file.facts.uid}, mode ${(file.facts.mode & 0o7777).toString(8)}`;
    return {
      problem: {
        what: `${source.file}, which ${name}_FILE names, can be changed by others than root`,
        saw,
        hint: HINT,
      },
    };
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = `the file that ${name}_FILE names cannot be read`;
    const hint = "name a regular file, at most 1 MiB; links are followed on a read-only mount";
    return { problem: { what, saw: `${source.file}: ${error.code}`, hint } };
  }
}

const HINT = "mount it read-only (:ro), or chown root and chmod go-w it and its directories";

/**
 * Links are followed in its directory, as root those alone that root has put there; in its name only on a read-only mount: a
 * Kubernetes secret. `changeable`: the first directory on the way in which others than root could put another file.
 */
function readNamed(
  host: Host,
  path: string,
  isRoots: boolean,
): { file: MountedContent; changeable?: string | undefined } {
  const slash = path.lastIndexOf("/");
  const [parent, name] = [path.slice(0, slash) || "/", path.slice(slash + 1)];
  const { dir, changeable } = isRoots
    ? openJudged(host, OPERATION, parent)
    : { dir: host.openDir(OPERATION, parent), changeable: undefined };
  try {
    return { file: dir.readMounted(OPERATION, name, MAX_TEXT_BYTES), changeable };
  } catch (error) {
    if (!isOsError(error, "ELOOP")) throw error;
    const reached = openWalked(OPERATION, host, path, MAX_TEXT_BYTES);
    reached.close();
    if (reached.file === undefined) throw error;
    return { file: reached.file, changeable };
  } finally {
    dir.close();
  }
}
