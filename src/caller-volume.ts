/**
 * Whether root may keep host keys where an unprivileged caller says: `WITHSSH_VOLUME` from the pipe must not make root write
 * into anybody else's place. Looks only, with the caller's credentials.
 */
import { byteString, cString } from "./byte-strings.ts";
import { asCaller, type Caller } from "./caller.ts";
import { errnoName } from "./errno.ts";
import { AT_FDCWD, c, errno, O, ptr, SYS } from "./libc.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
/** stx_attributes_mask and stx_attributes (statx(2)): the root of a mount. */
const STATX_ATTR_MOUNT_ROOT = 0x2000n;
/** Directories of the distribution (hier(7)): never a volume, unless something is mounted there. */
const SYSTEM = /^\/(?:bin|boot|dev|etc|home|lib\w*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)?$/;

/**
 * Why not, or undefined. What is his own, a mount, or a directory of the image's right under `/` is a volume; a link on the
 * way, and what he cannot reach, is none.
 */
export function judgeVolume(caller: Caller, path: string): string | undefined {
  const plain = path.replace(/\/+$/, "");
  const isTopLevel = /^\/[^/]+$/.test(plain) && !SYSTEM.test(plain);
  const fd = asCaller(caller, () =>
    c.openat(AT_FDCWD, cString(plain === "" ? "/" : plain), O.path | O.directory | O.cloexec, 0),
  );
  if (fd < 0) {
    const code = errnoName(errno());
    return code === "ENOENT" && isTopLevel ? undefined : code;
  }
  try {
    const target = new Uint8Array(4096);
    const length = Number(c.readlinkat(AT_FDCWD, cString(`/proc/self/fd/${fd}`), ptr(target), target.length));
    if (byteString(target.subarray(0, Math.max(0, length))) !== plain) return "there is a link on the way";
    const facts = new Uint8Array(256);
    const empty = cString("");
    if (c.syscall(SYS.statx, fd, ptr(empty), AT_EMPTY_PATH, STATX_BASIC_STATS, ptr(facts)) < 0)
      return errnoName(errno());
    const view = new DataView(facts.buffer);
    const isMount = (view.getBigUint64(8, true) & STATX_ATTR_MOUNT_ROOT) !== 0n && plain !== "";
    if (isMount || isTopLevel || view.getUint32(20, true) === caller.uid) return undefined;
    return "neither a mount nor the app user's own";
  } finally {
    c.close(fd);
  }
}
