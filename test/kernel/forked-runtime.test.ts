/** What a forked runtime makes its own. That one goes on, as the supervisor, is tried in containers. */
import { expect, test } from "vitest";
import { memoryFile } from "../../src/descriptors.ts";
import { forkRuntime } from "../../src/fork.ts";
import { renewEventQueue } from "../../src/forked-runtime.ts";
import { c, O, ptr, SYS } from "../../src/libc.ts";
import { isReadable } from "../../src/poll.ts";

const makeCounter = () => Number(c.syscall(SYS.eventfd2, 0, O.cloexec | O.nonblock, 0, 0, 0));
const makeQueue = () => Number(c.syscall(SYS.epollCreate1, O.cloexec, 0, 0, 0, 0));
const F_DUPFD = 0;
const EPOLLIN_ET = 0x8000_0001;

/** Has `queue` watch this descriptor; what it tells is `data`. */
function watch(queue: number, fd: number, data: bigint): void {
  const event = new Uint8Array(16);
  const view = new DataView(event.buffer);
  view.setUint32(0, EPOLLIN_ET, true);
  view.setBigUint64(process.arch === "arm64" ? 8 : 4, data, true);
  expect(c.syscall(SYS.epollCtl, queue, 1, fd, ptr(event), 0)).toBe(0);
}

const count = (fd: number) => c.write(fd, ptr(new BigUint64Array([1n])), 8);
const readFdinfo = async (fd: number) => await Bun.file(`/proc/self/fdinfo/${fd}`).text();

test("an event queue goes on under its number, apart from the one that it was, with the same in it", async () => {
  const [queue, counter] = [makeQueue(), makeCounter()];
  watch(queue, counter, 0xdead_beef_0123n);
  // What the parent goes on with.
  const [parentQueue, parentCounter] = [c.fcntl(queue, F_DUPFD, 3), c.fcntl(counter, F_DUPFD, 3)];
  renewEventQueue([
    { fd: queue, kind: "eventpoll" },
    { fd: counter, kind: "eventfd" },
  ]);
  // The kernel adds EPOLLERR and EPOLLHUP.
  expect(await readFdinfo(queue)).toMatch(/tfd:\s*\d+ events:\s*80000019 data:\s*deadbeef0123 /);
  count(parentCounter);
  expect([isReadable(queue, 0), isReadable(parentQueue, 0)]).toEqual([false, true]);
  count(counter);
  expect(isReadable(queue, 0)).toBe(true);
  for (const fd of [queue, counter, parentQueue, parentCounter]) c.close(fd);
});

test("so it does where its parent has closed all of it meanwhile, by its exec", () => {
  const [queue, counter] = [makeQueue(), makeCounter()];
  watch(queue, counter, 1n);
  renewEventQueue([
    { fd: counter, kind: "eventfd" },
    { fd: queue, kind: "eventpoll" },
  ]);
  count(counter);
  expect(isReadable(queue, 0)).toBe(true);
  for (const fd of [queue, counter]) c.close(fd);
});

test("an inherited queue may watch what is not here, or cannot be waited for", async () => {
  const [queue, counter, gone, other] = [makeQueue(), makeCounter(), makeCounter(), makeCounter()];
  for (const fd of [counter, gone, other]) watch(queue, fd, BigInt(fd));
  // They stay watched as long as somebody has them (epoll(7), Q6).
  const kept = [gone, other].map((fd) => c.fcntl(fd, F_DUPFD, 3));
  c.close(gone);
  const file = memoryFile(new Uint8Array(), "test");
  c.syscall(SYS.dup3, file, other, O.cloexec, 0, 0);
  renewEventQueue([{ fd: queue, kind: "eventpoll" }]);
  expect(await readFdinfo(queue)).toMatch(new RegExp(`tfd:\\s*${counter} `));
  count(counter);
  expect(isReadable(queue, 0)).toBe(true);
  for (const fd of [queue, counter, other, file, ...kept]) c.close(fd);
});

test("a process with more than one thread does not fork", async () => {
  // A thread of the runtime's own: it reads the file.
  await Bun.file("/proc/self/stat").text();
  expect(forkRuntime()).toBeUndefined();
});
