/** The numbers of system calls against the kernel's own headers: a wrong one would be another call. */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SOURCE = readFileSync(new URL("../../src/libc.ts", import.meta.url), "utf8");
/** What the headers call those that have another name here. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  prlimit: "prlimit64",
  rtSigaction: "rt_sigaction",
  rtSigprocmask: "rt_sigprocmask",
  rtSigpending: "rt_sigpending",
};
/** Name, number on x86-64, number on arm64. */
const CALLS = [...SOURCE.matchAll(/(\w+)(?: =|:) byNumber\((\d+), (\d+)\)/g)].map(
  ([, name = "", x64, arm64]) => [KERNEL_NAMES[name] ?? name, Number(x64), Number(arm64)] as const,
);

/** By name; some of arm64's stand under another prefix, those whose types differ on 32 bits. */
function readNumbers(header: string): Map<string, number> {
  const text = readFileSync(header, "utf8");
  const found = text.matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm);
  return new Map([...found].map(([, name = "", number]) => [name, Number(number)]));
}

/** arm64 has the generic table, which Debian ships beside its own architecture's (linux-libc-dev). */
const ARM64 = "/usr/include/asm-generic/unistd.h";
const X64 = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

test.runIf(existsSync(ARM64))("every call has the kernel's number, on arm64 and on this machine", () => {
  const arm64 = readNumbers(ARM64);
  expect(CALLS.length).toBeGreaterThan(40);
  for (const [name, , number] of CALLS) expect([name, arm64.get(name)]).toEqual([name, number]);
  if (!existsSync(X64)) return;
  const x64 = readNumbers(X64);
  for (const [name, number] of CALLS) expect([name, x64.get(name)]).toEqual([name, number]);
});
