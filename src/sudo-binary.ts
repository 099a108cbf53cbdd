/**
 * The image's sudo, and why it could not give anything: found in three places alone, never by PATH. Asks the kernel, so that
 * "no such program", "not set-uid", "nosuid" and "no_new_privs" are told apart before it is run.
 */
import { cString } from "./byte-strings.ts";
import { isInBoundingSet } from "./capabilities.ts";
import type { Problem } from "./errors.ts";
import { AT_FDCWD, c, O, ptr, SYS } from "./libc.ts";
import { installHint } from "./packages.ts";
import { SUDO_PATHS } from "./sudo-paths.ts";

const PR_GET_NO_NEW_PRIVS = 39;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const S_ISUID = 0o4000;
const WRITABLE_BY_OTHERS = 0o022;
/** f_flags of statfs(2) at its place on 64-bit architectures, and its ST_NOSUID. */
const FLAGS_AT = 10;
const ST_NOSUID = 2n;
/** capabilities(7): what sudo needs in the bounding set. */
const NEEDED = [
  ["CAP_SETGID", 6],
  ["CAP_SETUID", 7],
] as const;

/** `isAbsent`: there is none, which is no news in most images. */
export type SudoBinary = { readonly path: string } | { readonly isAbsent: boolean; readonly problem: Problem };

/** The first sudo there is, or why it is of no use. */
export function findSudo(): SudoBinary {
  for (const path of SUDO_PATHS) {
    const fd = c.openat(AT_FDCWD, cString(path), O.path | O.cloexec, 0);
    if (fd < 0) continue;
    try {
      const problem = judge(fd, path);
      return problem === undefined ? { path } : { isAbsent: false, problem };
    } finally {
      c.close(fd);
    }
  }
  return {
    isAbsent: true,
    problem: { what: "there is no sudo", saw: SUDO_PATHS.join(", "), hint: installHint("sudo") },
  };
}

function judge(fd: number, path: string): Problem | undefined {
  const facts = new Uint8Array(256);
  const empty = cString("");
  if (c.syscall(SYS.statx, fd, ptr(empty), AT_EMPTY_PATH, STATX_BASIC_STATS, ptr(facts)) < 0) {
    return { what: `${path} cannot be looked at`, hint: "look at the container's seccomp profile" };
  }
  const view = new DataView(facts.buffer);
  const [uid, mode] = [view.getUint32(20, true), view.getUint16(28, true)];
  if (uid !== 0 || (mode & WRITABLE_BY_OTHERS) !== 0) {
    const hint = `in the image: RUN chown root ${path} && chmod 4755 ${path}`;
    return { what: `${path} is not root's alone`, saw: `uid ${uid}, mode ${(mode & 0o7777).toString(8)}`, hint };
  }
  if ((mode & S_ISUID) === 0) {
    return { what: `${path} is not set-uid`, hint: `RUN chmod u+s ${path}, and copy images with their modes` };
  }
  const system = new BigUint64Array(32);
  if (c.fstatfs(fd, ptr(system)) === 0 && ((system[FLAGS_AT] ?? 0n) & ST_NOSUID) !== 0n) {
    return { what: `${path} is on a nosuid mount`, hint: "mount it without nosuid" };
  }
  if (c.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) === 1) {
    return { what: "no_new_privs is set: sudo gives nothing", hint: "start without --security-opt no-new-privileges" };
  }
  for (const [missing, number] of NEEDED) {
    if (isInBoundingSet(number)) continue;
    return {
      what: `sudo needs ${missing}, which the container lacks`,
      hint: `start without --cap-drop, or docker run --cap-add ${missing.replace("CAP_", "")}`,
    };
  }
  return undefined;
}
