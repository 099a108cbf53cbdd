/**
 * What the kernel gave this process, in raw bytes: argv and environment that are no UTF-8 would be rewritten by the
 * runtime with U+FFFD, and the app must get them byte for byte. Reads only; changes nothing.
 */
import { byteString, cString, textOf } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { AT_FDCWD, c, O, ptr, SYS } from "./libc.ts";

/** A NUL-separated list from `/proc` as byte strings (proc(5): each entry ends with a NUL). */
export function splitNul(bytes: Uint8Array): string[] {
  if (bytes.length === 0) return [];
  const parts = byteString(bytes).split("\0");
  if (parts[parts.length - 1] === "") parts.pop();
  return parts;
}

/** argv, the executable's own name first, as byte strings. */
export function readArgv(): string[] {
  return splitNul(slurp("/proc/self/cmdline", "read argv"));
}

/** The environment as `NAME=value` byte strings, in its order, duplicates and nameless entries included. */
export function readEnviron(): string[] {
  return splitNul(slurp("/proc/self/environ", "read environment"));
}

/** Our supplementary groups. */
export function readGroups(): number[] {
  const count = c.getgroups(0, null);
  if (count <= 0) return [];
  const groups = new Uint32Array(count);
  c.getgroups(count, ptr(groups));
  return [...groups];
}

/** One environment variable's name and value; entries without `=` or name are none. */
export function splitEnvEntry(entry: string): { name: string; value: string } | undefined {
  const at = entry.indexOf("=");
  return at <= 0 ? undefined : { name: entry.slice(0, at), value: entry.slice(at + 1) };
}

/** All of them, in their order. */
export function splitEnvironment(entries: readonly string[]): { name: string; value: string }[] {
  const found: { name: string; value: string }[] = [];
  for (const entry of entries) {
    const split = splitEnvEntry(entry);
    if (split !== undefined) found.push(split);
  }
  return found;
}

/** The first value of each name, as getenv(3) finds it, read as UTF-8. */
export function envMap(entries: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (const entry of entries) {
    const split = splitEnvEntry(entry);
    if (split !== undefined && !map.has(split.name)) map.set(split.name, textOf(split.value));
  }
  return map;
}

/** What the kernel calls this descriptor's file: "pipe:[4711]", the same for both ends (proc(5), fd); "" for none. */
export function nameOfFile(fd: number): string {
  const target = new Uint8Array(64);
  const length = Number(c.readlinkat(AT_FDCWD, cString(`/proc/self/fd/${fd}`), ptr(target), target.length));
  return length > 0 ? byteString(target.subarray(0, length)) : "";
}

/** A descriptor from 3 up; `kind` is "eventpoll" or "eventfd", or "" for all else. */
export interface OpenDescriptor {
  readonly fd: number;
  readonly kind: "eventpoll" | "eventfd" | "";
}

/**
 * The descriptors from 3 up that we inherited (socket activation: sd_listen_fds(3)). The runtime has marked all of
 * them close-on-exec by now and opened an event queue and an event counter of its own: those two kinds are not ours to
 * hand on, so an inherited epoll or eventfd is not handed on either (SECURITY.md, "what the app can tell").
 */
export const inheritedDescriptors = (): number[] => inheritedOf(openDescriptors());

/** Those of them that we inherited. */
export function inheritedOf(open: readonly OpenDescriptor[]): number[] {
  const found: number[] = [];
  for (const { fd, kind } of open) if (kind === "") found.push(fd);
  return found;
}

/** All open descriptors from 3 up. */
export function openDescriptors(): OpenDescriptor[] {
  const found: OpenDescriptor[] = [];
  const dir = c.openat(AT_FDCWD, cString("/proc/self/fd"), O.rdonly | O.directory | O.cloexec, 0);
  if (dir < 0) return found;
  const buffer = new Uint8Array(8192);
  const view = new DataView(buffer.buffer);
  const target = new Uint8Array(64);
  for (;;) {
    const got = Number(c.syscall(SYS.getdents64, dir, ptr(buffer), buffer.length, 0, 0));
    if (got <= 0) break;
    for (let at = 0; at < got; at += view.getUint16(at + 16, true)) {
      const first = buffer[at + 19] ?? 0;
      if (first < 0x30 || first > 0x39) continue;
      let fd = 0;
      for (let i = at + 19; buffer[i] !== 0; i++) fd = fd * 10 + (buffer[i] ?? 0) - 0x30;
      if (fd < 3 || fd === dir) continue;
      const length = Number(c.readlinkat(dir, cString(String(fd)), ptr(target), target.length));
      found.push({ fd, kind: kindOf(length > 0 ? byteString(target.subarray(0, length)) : "") });
    }
  }
  c.close(dir);
  return found;
}

function kindOf(target: string): OpenDescriptor["kind"] {
  if (target === "anon_inode:[eventpoll]") return "eventpoll";
  return target === "anon_inode:[eventfd]" ? "eventfd" : "";
}
