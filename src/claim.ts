/**
 * The claim: at most one supervisor a start of the container, also against eight calls at once and after a kill. Two
 * witnesses, neither of which the caller can write; when neither can tell, the claim is refused.
 */
import { byteString, cString, DIGITS, HEX_DIGITS, isMadeOf } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { AT_FDCWD, c, check, errno, O, ptr, SYS } from "./libc.ts";
import { openPrivatePart } from "./state-directory.ts";

const STAGE = "claimStart";
const OPERATION = "claim this start";
/** In the container's own /dev: a tmpfs that is new at each start, also with --read-only, --init and --pid=host. */
const DEV = "/dev";
const MARKER = ".withssh";
const TMPFS_MAGIC = 0x01021994n;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const RECORD = "claim-";

/** What one witness says: it has noted this call, it knows of an earlier one, or it cannot tell. */
export type Witness = "noted" | "already" | { readonly unusable: string };

const NOT_ASKED: Witness = { unusable: "not asked" };

/** True when a refusal means that an earlier call holds the claim. */
export class ClaimSpentError extends StageError {}

/** Claims this start. Throws `ClaimSpentError` when it is claimed already, `StageError` when nothing can tell. */
export function claimStart(host: Pick<Host, "openDir" | "self">): void {
  const marker = noteMarker();
  // A call that has lost by the marker must not take the record from the one that has won and is slow.
  judgeWitnesses(marker, marker === "already" ? NOT_ASKED : noteRecord(host));
}

/** Whether an earlier call of this start has left its marker. False where /dev cannot hold one. */
export function isClaimed(): boolean {
  return c.faccessat(AT_FDCWD, cString(`${DEV}/${MARKER}`), 0) === 0;
}

/**
 * True where what root left in the state directory is of earlier starts of this container, and nobody has claimed this one: so
 * it is after `docker restart` where a broad rule was taken away. `names`: those in its private part.
 */
export function isOfEarlierStart(names: readonly string[]): boolean {
  const records = names.filter((name) => name.startsWith(RECORD));
  return records.length > 0 && !records.includes(`${RECORD}${nameThisStart()}`) && !isClaimed();
}

/** The rule of both witnesses together: one "already" refuses, and so does having none. */
export function judgeWitnesses(marker: Witness, record: Witness): void {
  if (marker === "already" || record === "already") {
    throw new ClaimSpentError(STAGE, {
      what: "this start of the container has its supervisor already",
      saw: marker === "already" ? `${DEV}/${MARKER}` : "a record of this boot and PID 1",
      hint: "one call a start is all that the sudo rule gives; with --pid=host a restart looks the same: make a new container",
    });
  }
  if (marker === "noted" || record === "noted") return;
  throw new StageError(STAGE, {
    what: "nothing can tell whether this start was claimed already",
    saw: `${marker.unusable}; ${record.unusable}`,
    hint: "give the container its own /dev, or a root-owned tmpfs on /run",
  });
}

/** An `O_EXCL` marker, where /dev is a tmpfs that belongs to root alone. It holds nothing: a limit of 0 bytes is no way in. */
function noteMarker(): Witness {
  const dev = c.openat(AT_FDCWD, cString(DEV), O.rdonly | O.directory | O.nofollow | O.cloexec, 0);
  if (dev < 0) return { unusable: `${DEV}: ${errnoName(errno())}` };
  try {
    const system = new BigUint64Array(32);
    check(c.fstatfs(dev, ptr(system)), "fstatfs", OPERATION, DEV);
    const facts = new Uint8Array(256);
    const empty = cString("");
    check(
      Number(c.syscall(SYS.statx, dev, ptr(empty), AT_EMPTY_PATH, STATX_BASIC_STATS, ptr(facts))),
      "statx",
      OPERATION,
      DEV,
    );
    const view = new DataView(facts.buffer);
    const isRoots = view.getUint32(20, true) === 0 && (view.getUint16(28, true) & 0o022) === 0;
    if (system[0] !== TMPFS_MAGIC || !isRoots) return { unusable: `${DEV} is no tmpfs of root alone` };
    const fd = c.openat(dev, cString(MARKER), O.wronly | O.creat | O.excl | O.nofollow | O.cloexec, 0o444);
    if (fd < 0) return errnoName(errno()) === "EEXIST" ? "already" : { unusable: `${DEV}: ${errnoName(errno())}` };
    c.close(fd);
    return "noted";
  } catch (error) {
    if (isOsError(error)) return { unusable: `${DEV}: ${error.code}` };
    throw error;
  } finally {
    c.close(dev);
  }
}

/** An empty file whose name is the boot and PID 1's start, in our root-only directory: /run outlives `docker restart`. */
function noteRecord(host: Pick<Host, "openDir" | "self">): Witness {
  try {
    const own = openPrivatePart(host);
    try {
      own.create(OPERATION, `${RECORD}${nameThisStart()}`, new Uint8Array(), { mode: 0o600, sync: false });
      return "noted";
    } finally {
      own.close();
    }
  } catch (error) {
    if (isOsError(error, "EEXIST")) return "already";
    if (isOsError(error)) return { unusable: `/run/withssh: ${error.code}` };
    if (error instanceof StageError) return { unusable: error.message };
    throw error;
  }
}

/** boot_id and the start time of PID 1 in clock ticks (proc(5), /proc/pid/stat field 22). */
function nameThisStart(): string {
  const boot = byteString(slurp("/proc/sys/kernel/random/boot_id", OPERATION)).trim();
  const stat = byteString(slurp("/proc/1/stat", OPERATION));
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  if (boot.length !== 36 || !isMadeOf(boot, `${HEX_DIGITS}-`) || !isMadeOf(ticks, DIGITS)) {
    throw new StageError(STAGE, {
      what: "the boot and PID 1's start cannot be read",
      hint: "mount /proc, as docker does",
    });
  }
  return `${boot}-${ticks}`;
}
