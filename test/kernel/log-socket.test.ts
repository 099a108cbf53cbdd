/** sshd's log over the kernel's own records. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { c, ptr } from "../../src/libc.ts";
import { type LogRecord, LogSocket } from "../../src/log-socket.ts";
import { spawn, waitFor } from "../../src/processes.ts";

let records: LogRecord[];
let socket: LogSocket;
let fulls: number;
beforeEach(() => {
  records = [];
  fulls = 0;
  socket = new LogSocket();
  socket.listen(
    (record) => void records.push(record),
    () => {
      fulls += 1;
    },
  );
});
afterEach(() => socket.close());

const write = (text: string) => {
  const bytes = Buffer.from(text, "latin1");
  return Number(c.write(socket.writer, ptr(bytes), bytes.length));
};

test("each log call is one record, whatever line ends a stranger put into it", () => {
  write("Invalid user x\r\nAccepted publickey for app from 6.6.6.6 port 77 ssh2\r\n");
  write("second\n");
  socket.drain();
  expect(records.map(({ text }) => text)).toEqual([
    "Invalid user x\r\nAccepted publickey for app from 6.6.6.6 port 77 ssh2\r\n",
    "second\n",
  ]);
});

test("bytes that are no UTF-8 arrive as they are", () => {
  write("\xff\xfe\x00\x80");
  socket.drain();
  expect(records[0]?.text).toBe("\xff\xfe\x00\x80");
});

test("the kernel names the writer, and a child is not taken for its parent", () => {
  write("ours");
  const pid = spawn("test", { argv: ["/bin/echo", "theirs"], environment: [], descriptors: [0, socket.writer, 2] });
  waitFor(pid);
  socket.drain();
  expect(records).toEqual([
    { text: "ours", pid: process.pid },
    { text: "theirs\n", pid },
  ]);
});

test("a record wakes us without a timer", async () => {
  write("wake");
  await expect.poll(() => records.map(({ text }) => text)).toEqual(["wake"]);
});

test("what is said before anybody listens waits for who does", () => {
  const early = new LogSocket();
  const bytes = Buffer.from("early");
  c.write(early.writer, ptr(bytes), bytes.length);
  early.drain();
  const heard: string[] = [];
  early.listen(({ text }) => void heard.push(text));
  expect(heard).toEqual(["early"]);
  early.close();
});

test("a reader that has stopped never blocks the writer: what does not fit is refused at once", () => {
  let sent = 0;
  while (write("x".repeat(1000)) > 0) sent += 1;
  expect(sent).toBeGreaterThan(100);
  socket.drain();
  expect(records).toHaveLength(sent);
  expect(fulls).toBe(1);
  expect(write("room again")).toBe(10);
  socket.drain();
  expect(fulls).toBe(1);
});

test("a log that was never full is never called so, however much went through", () => {
  for (let i = 0; i < 50; i++) {
    for (let j = 0; j < 20; j++) expect(write("x".repeat(1000))).toBe(1000);
    socket.drain();
  }
  expect([records.length, fulls]).toEqual([1000, 0]);
});

test("after its end nothing listens any more", () => {
  const before = process.listenerCount("SIGIO");
  const other = new LogSocket();
  other.listen(() => {});
  expect(process.listenerCount("SIGIO")).toBe(before + 1);
  other.close();
  expect(process.listenerCount("SIGIO")).toBe(before);
});
