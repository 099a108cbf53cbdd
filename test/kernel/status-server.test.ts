/** The status socket on the real kernel: who may ask, and that no client can hold the supervisor up. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OsError } from "../../src/errors.ts";
import { c } from "../../src/libc.ts";
import { openNativeDir } from "../../src/native-dir.ts";
import { StatusServer } from "../../src/status-server.ts";
import { connectTo, peerOf, readToEnd } from "../../src/unix-socket.ts";

const PATIENCE_MS = 20_000;

let path = "";
let server: StatusServer;
let document = "";
let asked: number[] = [];

const start = () => {
  const directory = openNativeDir("test", path);
  server = new StatusServer(directory, (uid) => {
    asked.push(uid);
    return document;
  });
  directory.close();
};
const connect = () => connectTo(join(path, "status"), "test", performance.now() + PATIENCE_MS);
const openFds = () => readdirSync("/proc/self/fd").length;

/** Lets the server have its turns until this is so. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error("it did not come to be so in time");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The whole answer, with turns of the server between: both ends are in this process. */
async function read(fd: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  await until(() => {
    try {
      chunks.push(readToEnd(fd, "test", performance.now(), 1 << 30));
      return true;
    } catch (error) {
      if (!(error instanceof OsError) || error.code !== "ETIMEDOUT") throw error;
      return false;
    }
  });
  c.close(fd);
  return Buffer.concat(chunks).toString();
}

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "withssh-status-"));
  document = '{"a":1}';
  asked = [];
  start();
});

afterEach(() => {
  server.close();
  rmSync(path, { recursive: true });
});

test("whoever connects gets the document for his uid, and nothing is read from him", async () => {
  const fd = connect();
  expect(peerOf(fd, "test")).toEqual({ pid: process.pid, uid: process.getuid?.() });
  await until(() => asked.length === 1);
  expect(await read(fd)).toBe('{"a":1}');
  expect(asked).toEqual([process.getuid?.()]);
  expect(statSync(join(path, "status")).mode & 0o777).toBe(0o666);
});

test("what an ended supervisor left behind is replaced", async () => {
  server.close();
  writeFileSync(join(path, "other"), "");
  expect(() => connect()).toThrowError(expect.objectContaining({ code: "ECONNREFUSED" }));
  start();
  const fd = connect();
  await until(() => asked.length === 1);
  expect(await read(fd)).toBe('{"a":1}');
});

test("clients that do not read hold nobody up: others are answered, and those are dropped after two seconds", async () => {
  const before = openFds();
  document = "x".repeat(1 << 20);
  const idle = Array.from({ length: 4 }, () => connect());
  await until(() => asked.length === 4);
  document = "{}";
  const fd = connect();
  await until(() => asked.length === 5);
  expect(await read(fd)).toBe("{}");
  await until(() => openFds() === before + idle.length);
  for (const one of idle) c.close(one);
});

test("too many clients at once are closed without an answer, and the server is well afterwards", async () => {
  document = "x".repeat(1 << 20);
  const many = Array.from({ length: 40 }, () => connect());
  await until(() => asked.length >= 4);
  for (const one of many) c.close(one);
  document = "{}";
  const count = asked.length;
  let answer = "";
  await until(() => asked.length >= count);
  for (let tries = 0; answer !== "{}" && tries < 100; tries += 1) answer = await read(connect());
  expect(answer).toBe("{}");
});

test("a path that no socket address can hold is refused in words", () => {
  expect(() => connectTo(`/${"x".repeat(200)}`, "test", 0)).toThrowError(
    expect.objectContaining({ code: "ENAMETOOLONG" }),
  );
});
