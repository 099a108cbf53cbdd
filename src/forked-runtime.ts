/**
 * What a forked runtime must change before it goes on: an event queue of its own, and another name. Until then it shares the
 * queue with its parent and shows its parent's command line. Knows nothing of SSH.
 */

import { type Pointer, toArrayBuffer } from "bun:ffi";
import { ARCHITECTURE } from "./architecture.ts";
import { byteString, cBytes } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { c, check, errno, O, ptr, SYS } from "./libc.ts";
import type { OpenDescriptor } from "./process-facts.ts";

const QUEUE = "make the event queue of a forked runtime";
const NAME = "rename a forked runtime";
const EVENTFD_FLAGS = O.cloexec | O.nonblock;
const EPOLL_CTL_ADD = 1;
/**
 * What a queue that we inherited may watch under this number: what is closed here, another file that cannot be waited for, or
 * another queue (epoll_ctl(2)). Nobody here reads it.
 */
const NOT_THERE = new Set(["EBADF", "EPERM", "EEXIST", "EINVAL", "ELOOP"]);

/**
 * The event queue that it shares with its parent (epoll(7): one set for both) gives its number to one of its own with the
 * same in it, and so do the counters. The set is read first: what is open here no more leaves it when the parent's exec
 * closes it. `open`: all descriptors, of which the runtime's keep their numbers. Throws `OsError`.
 */
export function renewEventQueue(open: readonly OpenDescriptor[]): void {
  const queues = open.filter(({ kind }) => kind === "eventpoll").map(({ fd }) => ({ fd, watched: readWatched(fd) }));
  for (const { fd, kind } of open) if (kind === "eventfd") replace(fd, SYS.eventfd2, 0, EVENTFD_FLAGS);
  for (const { fd, watched } of queues) {
    replace(fd, SYS.epollCreate1, O.cloexec, 0);
    for (const { target, event } of watched) {
      const result = Number(c.syscall(SYS.epollCtl, fd, EPOLL_CTL_ADD, target, ptr(event), 0));
      if (result < 0 && !NOT_THERE.has(errnoName(errno()))) check(result, "epoll_ctl", QUEUE);
    }
  }
}

/** What an event queue watches: a descriptor, and the struct epoll_event that says for what. */
function readWatched(fd: number): { readonly target: number; readonly event: Uint8Array }[] {
  const watched = [];
  for (const line of byteString(slurp(`/proc/self/fdinfo/${fd}`, QUEUE)).split("\n")) {
    // proc(5): "tfd: 4 events: 80000019 data: 55d4…"
    const found = /^tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)/.exec(line);
    if (found === null) continue;
    watched.push({ target: Number(found[1]), event: renderEpollEvent(`0x${found[2]}`, `0x${found[3]}`) });
  }
  return watched;
}

function replace(fd: number, call: number, first: number, second: number): void {
  const fresh = check(Number(c.syscall(call, first, second, 0, 0, 0)), "epoll_create1, eventfd2", QUEUE);
  check(Number(c.syscall(SYS.dup3, fresh, fd, O.cloexec, 0, 0)), "dup3", QUEUE);
  c.close(fresh);
}

/** struct epoll_event, packed on x86-64 alone (sys/epoll.h). */
function renderEpollEvent(events: string, data: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Number(events), true);
  view.setBigUint64(ARCHITECTURE === "arm64" ? 8 : 4, BigInt(data), true);
  return bytes;
}

/**
 * From now on tools show these words as its command line, and nothing as its environment: both were its parent's, whose may
 * hold secrets, and the kernel reads them from where an exec put them (proc(5), cmdline, environ). Throws `OsError`.
 */
export function renameProcess(words: readonly string[]): void {
  // Behind the name, which may hold blanks and brackets, the third field of proc(5) is the first.
  const fields = byteString(slurp("/proc/self/stat", NAME)).split(") ").pop()?.split(" ") ?? [];
  const [argStart = 0, argEnd = 0, envStart = 0, envEnd = 0] = fields.slice(45, 49).map(Number);
  const argv = memoryAt(argStart, argEnd);
  const environ = memoryAt(envStart, envEnd);
  argv.fill(0);
  environ.fill(0);
  const name = fitName(words, { room: argv.length, more: envStart === argEnd ? environ.length : 0 });
  argv.set(name.subarray(0, argv.length));
  environ.set(name.subarray(argv.length));
}

/** This process's own memory between two addresses; nothing where there is none. */
function memoryAt(start: number, end: number): Uint8Array {
  return start > 0 && end > start ? new Uint8Array(toArrayBuffer(start as Pointer, 0, end - start)) : new Uint8Array();
}

/**
 * The bytes of a command line for `room` bytes. Where that is too little they go on into the `more` bytes behind, in one word
 * up to the first NUL: so the kernel reads it when there is no NUL at the end of the room (its get_mm_cmdline).
 */
export function fitName(words: readonly string[], { room, more }: { room: number; more: number }): Uint8Array {
  const bytes = cBytes(words.join("\0"));
  if (bytes.length <= room) return bytes;
  const title = cBytes(words.join(" "));
  return title.length <= room + more ? title : title.subarray(0, room);
}
