/**
 * Reads a file of public keys only when nobody but root and the login user could have written it (design.md §6).
 * What is checked is what is read: the path is walked on open descriptors from `/`, and no link is followed.
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";
import { decodeKeyFile } from "./key-text.ts";

/** Whose logins the file decides, and what it lies on: nothing can write to a read-only mount, so owners do not count. */
export interface KeyFileTrust {
  readonly user: string;
  readonly uid: number;
  readonly mount: "read-only" | "writable";
}

export type KeyFileResult =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly problem: Problem };

/** Ten thousand rsa keys of 4096 bits take 7.5 MB. */
const MAX_BYTES = 16 * 1024 * 1024;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const OPERATION = "read authorized keys";
const MOUNT_READ_ONLY = "mount it read-only (:ro)";

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.what);
  }
}

/**
 * Reads the key file at `path` (absolute) for one login user.
 * Out: its text; `absent` when it or a directory on the way is not there; or the refusal in words, with the path.
 */
export function readKeyFile(host: Host, path: string, trust: KeyFileTrust): KeyFileResult {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const file = names.pop();
  if (!path.startsWith("/") || file === undefined || file === ".." || names.includes("..")) {
    return {
      kind: "refused",
      problem: { what: `${path}: not an absolute path to a file`, hint: "name the file from / on, without .." },
    };
  }
  const open: Dir[] = [];
  try {
    let dir = host.openDir(OPERATION, "/");
    open.push(dir);
    let parent = dir.facts(OPERATION);
    assertTrusted(dir.path, parent, trust);
    for (const name of names) {
      dir = dir.openDir(OPERATION, name);
      open.push(dir);
      const facts = dir.facts(OPERATION);
      assertTrusted(dir.path, facts, trust);
      parent = facts;
    }
    // In /tmp and its like strangers cannot replace a directory of ours, but can hard-link a file of ours
    // (proc(5), fs.protected_hardlinks) and make new ones: a file right there is nobody's word.
    if (trust.mount === "writable" && isSharedSticky(parent)) throw new Refused(writableByOthers(dir.path, parent));
    const { bytes, facts } = dir.read(OPERATION, file, MAX_BYTES);
    assertTrusted(path, facts, trust);
    return { kind: "text", text: decodeKeyFile(bytes) };
  } catch (error) {
    if (error instanceof Refused) return { kind: "refused", problem: error.problem };
    if (isOsError(error, "ENOENT")) return { kind: "absent" };
    if (isOsError(error)) return { kind: "refused", problem: explain(error.code, error.path ?? path) };
    throw error;
  } finally {
    for (const dir of open) dir.close();
  }
}

function assertTrusted(path: string, facts: Facts, trust: KeyFileTrust): void {
  if (trust.mount === "read-only") return;
  if (facts.uid !== 0 && facts.uid !== trust.uid) {
    const hint = `${MOUNT_READ_ONLY}, or: chown ${trust.user} ${path}`;
    throw new Refused({
      what: `${path} belongs to somebody else than root or ${trust.user}`,
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
    case "ELOOP":
      return { what: `${path} is a link`, hint: `name the file itself, or ${MOUNT_READ_ONLY}` };
    case "ENOTDIR":
      return { what: `${path} is a link or no directory`, hint: `name the file itself, or ${MOUNT_READ_ONLY}` };
    case "EINVAL":
    case "EISDIR":
      return { what: `${path} is no regular file`, hint: "a wrong mount path makes docker put a directory there" };
    case "EFBIG":
      return {
        what: `${path} is too big for a file of keys`,
        saw: `more than ${MAX_BYTES} bytes`,
        hint: "is it the right file?",
      };
    default:
      return { what: `${path} cannot be read`, saw: code, hint: `let root read it, or ${MOUNT_READ_ONLY}` };
  }
}
