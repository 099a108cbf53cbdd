/**
 * Reads files of public keys only when they lie on a read-only mount, or nobody but root and the login user could have
 * written them. What is checked is what is read (path-walk.ts).
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Facts, Host, MountedContent } from "./host.ts";
import { countLines, decodeKeyFile, MOST_LINES } from "./key-text.ts";
import { openBelow, openWalked, type Step } from "./path-walk.ts";

/** Whose logins the file decides. */
export interface KeyFileTrust {
  readonly user: string;
  readonly uid: number;
}

/** A file below a source: its path and its text, or why it does not count. */
export type KeyFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly problem: Problem };

export type KeyFileResult =
  | { readonly kind: "files"; readonly files: readonly KeyFile[] }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly problem: Problem };

/** Ten thousand rsa keys of 4096 bits take 7.5 MB. For a file, and for all files of a directory together. */
const MAX_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 1000;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const OPERATION = "read authorized keys";
const MOUNT_READ_ONLY = "mount it read-only (:ro)";
/** What editors and package managers leave beside a file: an old state, which may hold keys that were taken away. */
const LEFTOVER = /^\.|^#.*#$|~$|\.(?:sw[a-z]|tmp|bak|orig|rej|rpmsave|rpmnew|dpkg-[a-z]+)$|^4913$/;

/** What may still be read of one source. */
interface Budget {
  bytes: number;
  lines: number;
}

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.what);
  }
}

/**
 * Reads the keys at `path` (absolute) for one login user: a file, or the regular files right in a directory, in byte order.
 * Out: their texts; `absent` when it or a directory on the way is not there; or the refusal in words, with the path. A
 * file of a directory that is refused leaves the others.
 */
export function readKeyFile(host: Host, path: string, trust: KeyFileTrust): KeyFileResult {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (!path.startsWith("/") || names.length === 0 || names.includes("..")) {
    return {
      kind: "refused",
      problem: { what: `${path}: not an absolute path to a file`, hint: "name the file from / on, without .." },
    };
  }
  const budget: Budget = { bytes: MAX_BYTES, lines: MOST_LINES };
  try {
    const reached = openWalked(OPERATION, host, path, budget.bytes);
    try {
      if (reached.file === undefined)
        return { kind: "files", files: readDirectory(path, reached.steps, trust, budget) };
      return { kind: "files", files: [{ path, text: trustedText(path, reached.file, reached.steps, trust, budget) }] };
    } finally {
      reached.close();
    }
  } catch (error) {
    if (isOsError(error, "ENOENT")) return { kind: "absent" };
    return { kind: "refused", problem: problemOf(error, path) };
  }
}

function readDirectory(path: string, steps: readonly Step[], trust: KeyFileTrust, budget: Budget): KeyFile[] {
  const at = steps.at(-1);
  if (at === undefined) return [];
  const names = at.dir.list(OPERATION).filter((name) => !LEFTOVER.test(name));
  if (names.length > MOST_FILES) {
    const saw = `${names.length} files`;
    throw new Refused({
      what: `${path} has too many files for a directory of keys`,
      saw,
      hint: `put the keys into fewer files: at most ${MOST_FILES}`,
    });
  }
  const files: KeyFile[] = [];
  for (const name of names) {
    const filePath = `${at.dir.path}/${name}`;
    try {
      const kind = at.dir.stat(OPERATION, name)?.kind;
      if (kind !== "file" && kind !== "link") continue;
      const reached = openBelow(OPERATION, steps, name, budget.bytes);
      try {
        // A link to a directory: not recursive.
        if (reached.file === undefined) continue;
        files.push({ path: filePath, text: trustedText(filePath, reached.file, reached.steps, trust, budget) });
      } finally {
        reached.close();
      }
    } catch (error) {
      // Gone between the listing and the reading.
      if (!isOsError(error, "ENOENT")) files.push({ path: filePath, problem: problemOf(error, filePath) });
    }
  }
  return files;
}

/** The text, or throws `Refused`. On a read-only mount nobody can have written it through here: owners do not count. */
function trustedText(
  path: string,
  file: MountedContent,
  steps: readonly Step[],
  trust: KeyFileTrust,
  budget: Budget,
): string {
  if (!file.mount.readOnly) {
    for (const { dir, facts } of steps) assertTrusted(dir.path, facts, trust);
    // In /tmp and its like strangers cannot replace a directory of ours, but can hard-link a file of ours
    // (proc(5), fs.protected_hardlinks) and make new ones: a file right there is nobody's word.
    const parent = steps.at(-1);
    if (parent !== undefined && isSharedSticky(parent.facts)) {
      throw new Refused(writableByOthers(parent.dir.path, parent.facts));
    }
    assertTrusted(path, file.facts, trust);
  }
  const text = decodeKeyFile(file.bytes);
  budget.bytes -= file.bytes.length;
  budget.lines -= countLines(text);
  if (budget.lines >= 0) return text;
  throw new Refused({
    what: `${path} is too long for a file of keys`,
    saw: `more than ${MOST_LINES} lines in all`,
    hint: "is it the right file?",
  });
}

function problemOf(error: unknown, path: string): Problem {
  if (error instanceof Refused) return error.problem;
  if (isOsError(error)) return explain(error.code, error.path ?? path);
  throw error;
}

function assertTrusted(path: string, facts: Facts, trust: KeyFileTrust): void {
  if (facts.uid !== 0 && facts.uid !== trust.uid) {
    const hint = `${MOUNT_READ_ONLY}, or: chown ${trust.user} ${path}`;
    throw new Refused({
      what: `${path} belongs to somebody else than ${trust.user === "root" ? "root" : `root or ${trust.user}`}`,
      saw: `uid ${facts.uid}`,
      hint,
    });
  }
  // A sticky directory (inode(7)) lets nobody rename what is not his: the next step down is checked for its owner.
  if ((facts.mode & WRITABLE_BY_OTHERS) === 0 || isSharedSticky(facts)) return;
  throw new Refused(writableByOthers(path, facts));
}

function isSharedSticky(facts: Facts): boolean {
  return facts.kind === "directory" && (facts.mode & STICKY) !== 0 && (facts.mode & WRITABLE_BY_OTHERS) !== 0;
}

function writableByOthers(path: string, facts: Facts): Problem {
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, "0");
  return {
    what: `${path} can be written by others`,
    saw: `mode ${mode}`,
    hint: `${MOUNT_READ_ONLY}, or: chmod go-w ${path}`,
  };
}

function explain(code: string, path: string): Problem {
  switch (code) {
    case "EXDEV":
      return {
        what: `${path} leads out of its mount`,
        hint: "name the file itself: only links inside a read-only mount are followed",
      };
    case "ELOOP":
      return { what: `${path} is a link`, hint: `name the file itself, or ${MOUNT_READ_ONLY}` };
    case "ENOTDIR":
      return { what: `${path} is a link or no directory`, hint: `name the file itself, or ${MOUNT_READ_ONLY}` };
    case "EINVAL":
    case "EISDIR":
    // open(2): a socket.
    case "ENXIO":
      return { what: `${path} is no regular file`, hint: "name a file, or a directory of files" };
    case "EFBIG":
      return {
        what: `${path} is too big for a file of keys`,
        saw: `more than ${MAX_BYTES} bytes in all`,
        hint: "is it the right file?",
      };
    default:
      return { what: `${path} cannot be read`, saw: code, hint: "let the user read it that withssh runs as" };
  }
}
