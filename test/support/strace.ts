/**
 * What strace wrote of a start (`-f -o`), as points: the nth time that a thread of some program made some call, where the call
 * was delayed. Pure.
 */

/** `program`: what the process was executing; `nth`: of this call in its thread, from 1. */
export interface Point {
  readonly program: string;
  readonly call: string;
  readonly nth: number;
}

const BEGIN = /^(\d+) +(\w+)\((.*)$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/;
const CHILD = /\) += (\d+)(?: \(DELAYED\))?$/;
const EXECUTED = /^"([^"]+)", \[([^\]]*)\]/;

/** Every delayed call. A thread or child is of its parent's program until it executes another. */
export function readPoints(trace: string): Point[] {
  const lines = trace.split("\n");
  const parents = new Map<string, string>();
  for (const line of lines) {
    const [, parent = "", call = "", rest = ""] = BEGIN.exec(line) ?? RESUMED.exec(line) ?? [];
    const child = /^(?:clone3?|v?fork)$/.test(call) ? CHILD.exec(rest)?.[1] : undefined;
    if (child !== undefined) parents.set(child, parent);
  }
  const programs = new Map<string, string>();
  const programOf = (pid: string): string => {
    const parent = parents.get(pid);
    return programs.get(pid) ?? (parent === undefined ? "launcher" : programOf(parent));
  };
  const counts = new Map<string, number>();
  const executing = new Map<string, string>();
  const points: Point[] = [];
  for (const line of lines) {
    const [, pid = "", call = "", rest = ""] = BEGIN.exec(line) ?? RESUMED.exec(line) ?? [];
    if (pid === "") continue;
    const isBegin = !line.includes("<... ");
    const key = `${pid} ${call}`;
    if (isBegin) counts.set(key, (counts.get(key) ?? 0) + 1);
    if (line.endsWith("(DELAYED)")) points.push({ program: programOf(pid), call, nth: counts.get(key) ?? 0 });
    if (call !== "execve") continue;
    if (isBegin) executing.set(pid, nameProgram(rest));
    if (/\) += 0(?: \(DELAYED\))?$/.test(rest)) programs.set(pid, executing.get(pid) ?? "?");
  }
  return points;
}

function nameProgram(rest: string): string {
  const [, path = "", list = ""] = EXECUTED.exec(rest) ?? [];
  const argv = [...list.matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name === "sudo") return argv.includes("-l") ? "sudo -l" : "sudo";
  if (argv[1] === "--supervise") return "root side";
  if (argv[1] === "--supervisor") return "supervisor";
  return name === "withssh" ? "launcher" : name === "exe" ? "supervisor" : name;
}

/** Distinct points, a line for each program: `sudo: openat 1-3 7, read 2`. */
export function renderPoints(points: readonly Point[]): string[] {
  const byProgram = new Map<string, Map<string, Set<number>>>();
  for (const { program, call, nth } of points) {
    const calls = byProgram.get(program) ?? new Map<string, Set<number>>();
    byProgram.set(program, calls);
    calls.set(call, (calls.get(call) ?? new Set()).add(nth));
  }
  return [...byProgram].map(([program, calls]) => {
    const count = [...calls.values()].reduce((sum, nths) => sum + nths.size, 0);
    return `${program} (${count}): ${[...calls].map(([call, nths]) => `${call} ${renderRanges([...nths])}`).join(", ")}`;
  });
}

function renderRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(" ");
}
