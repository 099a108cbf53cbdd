/**
 * `Dir` on the real file system: every name is used relative to an open directory and no link is followed, so
 * nothing can be swapped between a check and its use (openat(2), O_NOFOLLOW). Must never see a path with a slash.
 */
import { ARCHITECTURE } from "./architecture.ts";
import { byteString, cString, textOf } from "./byte-strings.ts";
import { readAll, writeAll } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { isOsError, OsError } from "./errors.ts";
import type { Dir, Facts, FileContent, Mount, MountedContent, Owner } from "./host.ts";
import { AT_FDCWD, c, check, errno, O, ptr, SYS } from "./libc.ts";

const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_BASIC_STATS = 0x7ff;
/** The file type bits of st_mode, shifted down (inode(7)). */
const KINDS: Readonly<Record<number, Facts["kind"]>> = { 8: "file", 4: "directory", 10: "link" };

/** fstatfs(2): its answer's f_flags say what statx cannot, and its place is the same on x86-64 and arm64. */
const FSTATFS = ARCHITECTURE === "arm64" ? 44 : 138;
const F_FLAGS_AT = 80;
const ST_RDONLY = 1n;
const STATX_MNT_ID = 0x1000;
const MAX_LINK_BYTES = 4096;

/** Before Linux 5.8 (and in gVisor) a mount has no number: the device stands in for it. */
function mountOf(fd: number, operation: string, path: string): Mount {
  const answer = new Uint8Array(256);
  const view = new DataView(answer.buffer);
  check(Number(c.syscall(FSTATFS, fd, ptr(answer), 0, 0, 0)), "fstatfs", operation, path);
  const readOnly = (view.getBigUint64(F_FLAGS_AT, true) & ST_RDONLY) !== 0n;
  const empty = cString("");
  const call = c.syscall(SYS.statx, fd, ptr(empty), AT_EMPTY_PATH, STATX_MNT_ID, ptr(answer));
  check(Number(call), "statx", operation, path);
  const isNumbered = (view.getUint32(0, true) & STATX_MNT_ID) !== 0;
  const device = `${view.getUint32(136, true)}:${view.getUint32(140, true)}`;
  return { id: isNumbered ? view.getBigUint64(144, true).toString() : device, readOnly };
}

/** statx(2) as facts; the layout of its answer is the same on every architecture. */
function factsOf(fd: number, name: string, flags: number, operation: string, path: string): Facts {
  const answer = new Uint8Array(256);
  const cName = cString(name);
  check(Number(c.syscall(SYS.statx, fd, ptr(cName), flags, STATX_BASIC_STATS, ptr(answer))), "statx", operation, path);
  const view = new DataView(answer.buffer);
  const mode = view.getUint16(28, true);
  return {
    kind: KINDS[mode >> 12] ?? "other",
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    size: Number(view.getBigUint64(40, true)),
    ino: view.getBigUint64(32, true).toString(),
    mtimeMs: Number(view.getBigInt64(112, true)) * 1000 + Math.floor(view.getUint32(120, true) / 1e6),
    dev: `${view.getUint32(136, true)}:${view.getUint32(140, true)}`,
  };
}

/** Opens a directory; links in `path` are followed: for paths that the operator or the image names. */
export function openNativeDir(operation: string, path: string): Dir {
  return new NativeDir(openDirectory(AT_FDCWD, cString(path), 0, operation, path), path);
}

/** A directory that we may pass through but not list (0711) is opened by O_PATH: enough for what is below it. */
function openDirectory(at: number, name: Uint8Array, extra: number, operation: string, path: string): number {
  const flags = O.directory | O.cloexec | extra;
  const fd = c.openat(at, name, O.rdonly | O.nonblock | flags, 0);
  if (fd >= 0 || errnoName(errno()) !== "EACCES") return check(fd, "openat", operation, path);
  return check(c.openat(at, name, O.path | flags, 0), "openat", operation, path);
}

class NativeDir implements Dir {
  constructor(
    readonly fd: number,
    readonly path: string,
  ) {}

  #name(name: string, operation: string): Uint8Array {
    if (name === "" || name === "." || name === ".." || name.includes("/")) {
      throw new OsError("EINVAL", "name", operation, name);
    }
    return cString(name);
  }

  #path(name: string): string {
    return this.path === "/" ? `/${name}` : `${this.path}/${name}`;
  }

  facts(operation: string): Facts {
    return factsOf(this.fd, "", AT_EMPTY_PATH, operation, this.path);
  }

  mount(operation: string): Mount {
    return mountOf(this.fd, operation, this.path);
  }

  openDir(operation: string, name: string): Dir {
    const path = this.#path(name);
    return new NativeDir(openDirectory(this.fd, this.#name(name, operation), O.nofollow, operation, path), path);
  }

  makeDir(operation: string, name: string, mode: number): boolean {
    try {
      check(c.mkdirat(this.fd, this.#name(name, operation), mode), "mkdirat", operation, this.#path(name));
    } catch (error) {
      if (isOsError(error, "EEXIST")) return false;
      throw error;
    }
    // Bits that the umask took away come back; what a file system without modes shows stays as it is (FAT, CIFS).
    if ((mode & ~(this.stat(operation, name)?.mode ?? 0)) !== 0) this.chmod(operation, name, mode);
    return true;
  }

  read(operation: string, name: string, maxBytes: number): FileContent {
    return this.#read(operation, name, maxBytes, () => ({}));
  }

  readMounted(operation: string, name: string, maxBytes: number): MountedContent {
    return this.#read(operation, name, maxBytes, (fd, path) => ({ mount: mountOf(fd, operation, path) }));
  }

  /** `more`: what else is asked of the open file. */
  #read<T>(operation: string, name: string, maxBytes: number, more: (fd: number, path: string) => T): FileContent & T {
    const path = this.#path(name);
    const flags = O.rdonly | O.nofollow | O.nonblock | O.cloexec;
    const fd = check(c.openat(this.fd, this.#name(name, operation), flags, 0), "openat", operation, path);
    try {
      const facts = factsOf(fd, "", AT_EMPTY_PATH, operation, path);
      if (facts.kind !== "file") throw new OsError("EINVAL", "read", operation, path);
      if (facts.size > maxBytes) throw new OsError("EFBIG", "read", operation, path);
      return { bytes: readAll(fd, operation, maxBytes, path, facts.size), facts, ...more(fd, path) };
    } finally {
      c.close(fd);
    }
  }

  readLink(operation: string, name: string): string {
    const target = new Uint8Array(MAX_LINK_BYTES);
    const length = Number(c.readlinkat(this.fd, this.#name(name, operation), ptr(target), target.length));
    check(length, "readlinkat", operation, this.#path(name));
    return textOf(byteString(target.subarray(0, length)));
  }

  stat(operation: string, name: string): Facts | undefined {
    this.#name(name, operation);
    try {
      return factsOf(this.fd, name, AT_SYMLINK_NOFOLLOW, operation, this.#path(name));
    } catch (error) {
      if (isOsError(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  list(operation: string): string[] {
    const flags = O.rdonly | O.directory | O.cloexec;
    const fd = check(c.openat(this.fd, cString("."), flags, 0), "openat", operation, this.path);
    const names: string[] = [];
    const buffer = new Uint8Array(32_768);
    const view = new DataView(buffer.buffer);
    try {
      for (;;) {
        const got = Number(c.syscall(SYS.getdents64, fd, ptr(buffer), buffer.length, 0, 0));
        check(got, "getdents64", operation, this.path);
        if (got === 0) break;
        for (let at = 0; at < got; at += view.getUint16(at + 16, true)) {
          const start = at + 19;
          const name = byteString(buffer.subarray(start, buffer.indexOf(0, start)));
          if (name !== "." && name !== "..") names.push(name);
        }
      }
    } finally {
      c.close(fd);
    }
    names.sort((a, b) => (a < b ? -1 : 1));
    return names.map(textOf);
  }

  create(
    operation: string,
    name: string,
    bytes: Uint8Array,
    options: { mode: number; owner?: Owner; sync: boolean },
  ): void {
    const path = this.#path(name);
    const cName = this.#name(name, operation);
    const flags = O.wronly | O.creat | O.excl | O.nofollow | O.cloexec;
    const fd = check(c.openat(this.fd, cName, flags, options.mode & 0o700), "openat", operation, path);
    try {
      writeAll(fd, bytes, operation, path);
      if (options.owner !== undefined) {
        check(c.fchown(fd, options.owner.uid, options.owner.gid), "fchown", operation, path);
      }
      if ((options.mode & 0o077) !== 0) check(c.fchmod(fd, options.mode), "fchmod", operation, path);
      if (options.sync) check(c.fsync(fd), "fsync", operation, path);
    } catch (error) {
      c.unlinkat(this.fd, cName, 0);
      throw error;
    } finally {
      c.close(fd);
    }
  }

  link(operation: string, from: string, to: string): void {
    const result = c.linkat(this.fd, this.#name(from, operation), this.fd, this.#name(to, operation), 0);
    check(result, "linkat", operation, this.#path(to));
  }

  rename(operation: string, from: string, to: string): void {
    const result = c.renameat(this.fd, this.#name(from, operation), this.fd, this.#name(to, operation));
    check(result, "renameat", operation, this.#path(to));
  }

  remove(operation: string, name: string): void {
    check(c.unlinkat(this.fd, this.#name(name, operation), 0), "unlinkat", operation, this.#path(name));
  }

  chmod(operation: string, name: string, mode: number): void {
    const flags = O.rdonly | O.nofollow | O.nonblock | O.cloexec;
    const path = this.#path(name);
    const fd = check(c.openat(this.fd, this.#name(name, operation), flags, 0), "openat", operation, path);
    try {
      check(c.fchmod(fd, mode), "fchmod", operation, path);
    } finally {
      c.close(fd);
    }
  }

  chown(operation: string, name: string, owner: Owner): void {
    const flags = O.rdonly | O.nofollow | O.nonblock | O.cloexec;
    const path = this.#path(name);
    const fd = check(c.openat(this.fd, this.#name(name, operation), flags, 0), "openat", operation, path);
    try {
      check(c.fchown(fd, owner.uid, owner.gid), "fchown", operation, path);
    } finally {
      c.close(fd);
    }
  }

  sync(operation: string): void {
    check(c.fsync(this.fd), "fsync", operation, this.path);
  }

  close(): void {
    c.close(this.fd);
  }
}
