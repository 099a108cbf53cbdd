/**
 * The probe reports all that a process inherits (test/fixtures/probe.c). Run bare and run through withssh the two
 * reports must be the same: what differs is given as lines, with what no two runs share taken out.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DIST_DIR, ROOT } from "../../scripts/places.ts";
import type { Container } from "./container.ts";

/** Where containers that bind `bindProbe()` have it. */
export const PROBE = "/probe";

export interface Descriptor {
  readonly fd: number;
  readonly target: string;
  readonly flags: number;
  readonly cloexec: number;
}

export interface Report {
  readonly pid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly argv: readonly string[];
  readonly environ: readonly string[];
  readonly descriptors: readonly Descriptor[];
  readonly status: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
  readonly children: readonly string[];
  readonly wait: number;
  readonly ignoredSignals: readonly number[];
  readonly [fact: string]: unknown;
}

const compiled = new Map<string, Promise<string>>();

/** Compiles a C file of test/fixtures into dist/, unless a newer result is there; gives its path. */
export function compile(source: string, name: string, flags: readonly string[]): Promise<string> {
  const known = compiled.get(name) ?? compileNow(source, name, flags);
  compiled.set(name, known);
  return known;
}

async function compileNow(source: string, name: string, flags: readonly string[]): Promise<string> {
  const from = join(ROOT, "test/fixtures", source);
  const to = join(DIST_DIR, name);
  if (existsSync(to) && (await stat(to)).mtimeMs > (await stat(from)).mtimeMs) return to;
  await mkdir(DIST_DIR, { recursive: true });
  const part = `${to}.${process.pid}`;
  await promisify(execFile)("gcc", ["-O1", "-Wall", "-Wextra", "-Werror", ...flags, "-o", part, from]);
  await rename(part, to);
  return to;
}

/** A bind mount of the probe, for `binds`. It is linked statically: one file for every C library. */
export async function bindProbe(): Promise<string> {
  return `${await compile("probe.c", "probe", ["-static"])}:${PROBE}:ro`;
}

/** A bind mount of a library for LD_PRELOAD that depends on no C library. */
export async function bindPreload(path: string): Promise<string> {
  const flags = ["-shared", "-fPIC", "-nostdlib", "-fno-stack-protector"];
  return `${await compile("preload.c", "preload.so", flags)}:${path}:ro`;
}

export interface ProbeRun {
  /** Words for `probe with`: what is changed before the command. */
  readonly change?: string;
  /** What stands before the probe in the command: withssh, and what it is given. */
  readonly through: readonly string[];
  /** Arguments for the probe to have; `hex:` for bytes. */
  readonly args?: readonly string[];
}

const SEPARATOR = "====\n";
let runs = 0;

/**
 * Runs the probe inside, bare and then through withssh, not as PID 1; their stderr is /tmp/probe.log there. Gives both
 * reports and what differs. Rejects when either gives no report.
 */
export async function compareInside(container: Container, { change = "", through, args = [] }: ProbeRun) {
  const out = `/tmp/probe-${runs++}`;
  const commands = [[], through].map((before, i) => {
    const changes = ["log", "2", ...change.split(" ").filter(Boolean)];
    return [PROBE, "with", ...changes, "--", ...before, PROBE, "report", `${out}-${i}`, ...args].map(quote).join(" ");
  });
  const show = `cat ${out}-0 && printf ${quote(SEPARATOR)} && cat ${out}-1`;
  const said = await container.exec([
    "sh",
    "-c",
    `${commands.join(" && ")} && ${show} || tail -n 3 /tmp/probe.log >&2`,
  ]);
  const [bare, behind] = said.stdout.split(SEPARATOR);
  if (bare === undefined || behind === undefined) throw new Error(`the probe gave no report — saw ${said.stderr}`);
  const reports = { bare: parseReport(bare), through: parseReport(behind) };
  return { ...reports, differences: findDifferences(reports.bare, reports.through) };
}

/** A word for the shell (POSIX shell, 2.2.2). */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A report from the probe's JSON. */
export function parseReport(json: string): Report {
  return JSON.parse(json) as Report;
}

/** Lines of /proc/PID/status that tell of the run and not of what was inherited; FDSize is how far a table once grew. */
const VOLATILE =
  /^(Vm|Rss|Huge|Pid$|Tgid|Ngid|PPid|NS|SigQ|FDSize|voluntary|nonvoluntary|Mems_allowed|Cpus_allowed_list)/;

/** Every fact that differs, as "name: bare -> through"; pids are told as what they are to the process. */
export function findDifferences(bare: Report, through: Report): string[] {
  const [before, after] = [flatten(settle(bare)), flatten(settle(through))];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name)} -> ${after.get(name)}`);
}

function settle(report: Report): Record<string, unknown> {
  // The supervisor writes to the log that the probe's stderr is: how far says nothing about what was inherited.
  const place = (one: Descriptor) => (one.target === "/tmp/probe.log" ? { ...one, offset: 0 } : one);
  const relative = (fact: unknown) => (fact === report.pid ? "own" : fact);
  const groups = ["pid", "pgid", "sid", "foreground0", "foreground1", "foreground2"];
  return {
    ...report,
    ...Object.fromEntries(groups.filter((name) => name in report).map((name) => [name, relative(report[name])])),
    ppid: report["ppid"] === 0 ? 0 : "somebody",
    argv: report.argv.map((hex, i) => (i === 2 ? "the report's path" : hex)),
    cgroup: String(report["cgroup"]).replace(/[0-9a-f]{64}/g, "id"),
    descriptors: Object.fromEntries(
      report.descriptors.map((one) => [one.fd, { ...place(one), target: one.target.replace(/\[\d+\]/, "[n]") }]),
    ),
    status: Object.fromEntries(Object.entries(report.status).filter(([name]) => !VOLATILE.test(name))),
  };
}

function flatten(value: unknown, name = ""): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Map([[name, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, name === "" ? key : `${name}.${key}`)]),
  );
}
