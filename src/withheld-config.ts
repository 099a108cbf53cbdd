/**
 * A FIFO in the place of sshd's config: an sshd that is started on it loads its libraries, seeds its random numbers, and then
 * waits in open(2) until the config is there. What it reads is the whole config or nothing: an sshd with a part of it would
 * listen without our rules.
 */
import { cString } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { isOsError, OsError } from "./errors.ts";
import { makeFifo } from "./fifo.ts";
import { AT_FDCWD, c, check, errno, O, ptr } from "./libc.ts";

const OPERATION = "withhold sshd's config";
/** An empty pipe takes this much in one write, which nothing but the end of the machine can cut (pipe(7)). */
const MOST_BYTES = 65_536;

/** `read`: the reader has all of it. `absent`: nobody waits there yet. `unfit`: it cannot be given this way. */
export type Handover = "read" | "absent" | "unfit";

export interface WithheldConfig {
  /** Gives the bytes to who waits. At most once with `read`. */
  give(bytes: Uint8Array): Handover;
  close(): void;
}

/**
 * Puts a FIFO under `path`, in a directory that is ours alone, in place of what is there. The config that is renamed over it
 * later takes the name; who waits on the FIFO is still reached. Throws `OsError`.
 */
export function withholdConfig(path: string): WithheldConfig {
  try {
    makeFifo(path, OPERATION);
  } catch (error) {
    if (!isOsError(error, "EEXIST")) throw error;
    replaceByFifo(path);
  }
  const held = check(c.openat(AT_FDCWD, cString(path), O.path | O.nofollow | O.cloexec, 0), "openat", OPERATION, path);
  return { give: (bytes) => give(held, bytes), close: () => void c.close(held) };
}

/** In one step, as what is there is not ours to miss: an earlier start's config, or its FIFO. */
function replaceByFifo(path: string): void {
  const temporary = cString(`${path}.fifo`);
  c.unlinkat(AT_FDCWD, temporary, 0);
  makeFifo(`${path}.fifo`, OPERATION);
  if (c.renameat(AT_FDCWD, temporary, AT_FDCWD, cString(path)) >= 0) return;
  const code = errnoName(errno());
  c.unlinkat(AT_FDCWD, temporary, 0);
  throw new OsError(code, "renameat", OPERATION, path);
}

function give(held: number, bytes: Uint8Array): Handover {
  if (bytes.length > MOST_BYTES) return "unfit";
  // By the descriptor: the name may be the real config's by now. Without a reader: ENXIO (fifo(7)).
  const writer = c.openat(AT_FDCWD, cString(`/proc/self/fd/${held}`), O.wronly | O.nonblock | O.cloexec, 0);
  if (writer < 0) return errnoName(errno()) === "ENXIO" ? "absent" : "unfit";
  const wrote = Number(c.write(writer, ptr(bytes), bytes.length));
  c.close(writer);
  return wrote === bytes.length ? "read" : "unfit";
}
