/** What a child that machine code starts comes up with (quick-spawn.s): no shell, which would change it first. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { byteString, cString } from "../../src/byte-strings.ts";
import { memoryFile, readAll } from "../../src/descriptors.ts";
import { c, ptr } from "../../src/libc.ts";
import { type QuickProgram, spawnQuickly } from "../../src/quick-spawn.ts";
import { ignoreSignals } from "../../src/signals.ts";
import { openPipe } from "../../src/supervisor-start.ts";

const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
const SIGUSR2 = 12;
const WNOHANG = 1;
const ENOENT = -2;

const bit = (signal: number) => 1n << BigInt(signal - 1);
/**
 * One that musl keeps for itself, and the last. What 32 and 33 are to glibc (its cancellation and setxid signals) no test may
 * touch while the runtime goes on.
 */
const REAL_TIME = [34, 64];
const SIG_IGN = 1n;
const RT_SIGACTION = 13;
const SIGSET_BYTES = 8;

const read = { path: cString("/bin/cat"), argv: ["cat", "/proc/self/status"].map(cString), environment: [] };

function statusOfChild(program: Partial<QuickProgram>): Map<string, string> {
  const [from, to] = openPipe();
  const pid = spawnQuickly({ ...read, sources: [0, to, 2], detach: undefined, keepMask: false, ...program }) ?? 0;
  c.close(to);
  const text = byteString(readAll(from, "test", 1 << 16));
  c.close(from);
  expect(pid).toBeGreaterThan(0);
  c.wait4(pid, null, 0);
  return new Map(text.split("\n").map((line) => line.split(/:\s*/, 2) as [string, string]));
}

function mask(how: number, signals: bigint): void {
  const set = new Uint8Array(128);
  new DataView(set.buffer).setBigUint64(0, signals, true);
  c.sigprocmask(how, ptr(set), null);
}

/** Past the C library, which refuses to set what it keeps for itself. */
function setRealTime(handler: bigint): void {
  const action = new BigUint64Array([handler, 0n, 0n, 0n]);
  for (const signal of REAL_TIME) c.syscall(RT_SIGACTION, signal, ptr(action), 0, SIGSET_BYTES, 0);
}

// On arm64 the C library starts programs.
const onX64 = test.runIf(process.arch === "x64");

afterEach(() => mask(SIG_SETMASK, 0n));

onX64("every signal is at its default, the last too, and those that a C library keeps for itself", () => {
  ignoreSignals(bit(SIGUSR2));
  setRealTime(SIG_IGN);
  try {
    expect(statusOfChild({}).get("SigIgn")).toBe("0000000000000000");
  } finally {
    setRealTime(0n);
    c.sigaction(SIGUSR2, ptr(new Uint8Array(256)), null);
  }
});

onX64.each([
  { keepMask: true, blocked: bit(SIGUSR2) },
  { keepMask: false, blocked: 0n },
])("blocks what we block only where it is to: $keepMask", ({ keepMask, blocked }) => {
  mask(SIG_BLOCK, bit(SIGUSR2));
  expect(BigInt(`0x${statusOfChild({ keepMask }).get("SigBlk")}`)).toBe(blocked);
  // And we block it still, and nothing else.
  const ours = /^SigBlk:\s*(\w+)/m.exec(readFileSync("/proc/thread-self/status", "utf8"))?.[1];
  expect(BigInt(`0x${ours}`)).toBe(bit(SIGUSR2));
});

onX64("a program that is not there gives its errno, and leaves no child", () => {
  const path = cString("/there/is/none");
  expect(spawnQuickly({ ...read, path, sources: [], detach: undefined, keepMask: false })).toBe(ENOENT);
  expect(c.wait4(-1, ptr(new Int32Array(1)), WNOHANG)).toBe(-1);
});

onX64("a descriptor that keeps its number goes through the exec", () => {
  const file = memoryFile(Buffer.from("word"), "test");
  const [from, to] = openPipe();
  const sources = Array.from({ length: file + 1 }, (_, target) => (target === 1 ? to : target));
  for (let fd = 3; fd < file; fd++) sources[fd] = file;
  const argv = ["cat", `/proc/self/fd/${file}`].map(cString);
  const pid = spawnQuickly({ ...read, argv, sources, detach: undefined, keepMask: false }) ?? 0;
  c.close(to);
  expect(byteString(readAll(from, "test", 16))).toBe("word");
  c.wait4(pid, null, 0);
  for (const fd of [from, file]) c.close(fd);
});
