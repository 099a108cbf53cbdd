/**
 * The bytes of a program of the image, mapped and not copied: an sshd has more than a megabyte, and what we look for is on
 * a few of its pages. For root-owned paths of the image alone: a file that is cut short while it is mapped kills its reader.
 */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { cString } from "./byte-strings.ts";
import { AT_FDCWD, c, O } from "./libc.ts";

const SEEK_END = 2;
const PROT_READ = 1;
const MAP_PRIVATE = 2;
const MAX_BYTES = 64 << 20;

/** Undefined where it is not there, no file, or larger than any sshd. The mapping stays: its pages are the file's own. */
export function readProgram(_operation: string, path: string): Uint8Array | undefined {
  const fd = c.openat(AT_FDCWD, cString(path), O.rdonly | O.nonblock | O.cloexec, 0);
  if (fd < 0) return undefined;
  const length = Number(c.lseek(fd, 0, SEEK_END));
  const isFit = length > 0 && length <= MAX_BYTES;
  const at = isFit ? Number(c.mmap(0, length, PROT_READ, MAP_PRIVATE, fd, 0)) : -1;
  c.close(fd);
  return at < 0 ? undefined : new Uint8Array(toArrayBuffer(at as Pointer, 0, length));
}
