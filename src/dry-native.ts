/**
 * The real world for a dry run: whether the kernel would let us write somewhere, and memory files that helpers can open by
 * path. Nothing on any file system is written.
 */
import { cString } from "./byte-strings.ts";
import { memoryFile, readAll } from "./descriptors.ts";
import { createDryHost, type DryHost, type MemoryFiles } from "./dry-host.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";
import type { Event } from "./events.ts";
import type { Owner } from "./host.ts";
import { AT_FDCWD, c, check, errno } from "./libc.ts";
import { openNativeDir } from "./native-dir.ts";
import { createNativeHost } from "./native-host.ts";
import type { Children } from "./processes.ts";

const OPERATION = "try without writing";
const W_OK = 2;
const MAX_BYTES = 16 << 20;

/** `asRoot`: what root would be let do, as far as we can know it. `children` is the one that waits for this process's. */
export function createNativeDryHost(
  children: Children,
  emit: (event: Event) => void,
  { asRoot }: { asRoot: boolean },
): DryHost {
  const base = createNativeHost(children, emit);
  const root: Owner = { uid: 0, gid: 0 };
  return createDryHost(base, {
    refuses: asRoot ? refusesRoot : refusesUs,
    memory: createMemoryFiles(),
    ...(asRoot ? { self: root } : {}),
  });
}

/** As access(2) has it: rights, and read-only mounts. */
function refusesUs(path: string): string | undefined {
  return c.faccessat(AT_FDCWD, cString(path), W_OK) === 0 ? undefined : errnoName(errno());
}

/** Root is let write wherever the mount is not read-only. */
function refusesRoot(path: string): string | undefined {
  try {
    const dir = openNativeDir(OPERATION, path);
    const { readOnly } = dir.mount(OPERATION);
    dir.close();
    return readOnly ? "EROFS" : undefined;
  } catch (error) {
    if (error instanceof OsError) return error.code === "EACCES" ? undefined : error.code;
    throw error;
  }
}

/** By /proc/PID/fd: a helper that runs as the same user may open what we hold open. They are gone with us. */
function createMemoryFiles(): MemoryFiles {
  const prefix = `/proc/${c.getpid()}/fd/`;
  return {
    put(bytes, mode) {
      const fd = memoryFile(bytes, OPERATION);
      check(c.fchmod(fd, mode), "fchmod", OPERATION);
      return `${prefix}${fd}`;
    },
    read(path) {
      const fd = Number(path.slice(prefix.length));
      check(Number(c.lseek(fd, 0, 0)), "lseek", OPERATION);
      return readAll(fd, OPERATION, MAX_BYTES);
    },
  };
}
