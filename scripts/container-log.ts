/**
 * Reads what a container says, stdout and stderr apart, and waits for a line of our log by following it.
 * Never polls and never sleeps: each wait has a deadline and tells, when it passes, what was said instead.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A line of our log, as JSON on stderr. */
export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The contract's last line of a start. */
export interface ReadyLine extends LogLine {
  readonly port: number;
  readonly users: readonly string[];
  readonly host_keys: readonly { readonly type: string; readonly fingerprint: string }[];
  /** Types that join later. */
  readonly host_keys_pending: readonly string[];
  readonly known_hosts: string;
}

/** The line as JSON with a `msg`, or undefined for anything else (an app may write there too). */
export function parseLogLine(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value ? (value as LogLine) : undefined;
  } catch {
    return undefined;
  }
}

/** How long is waited, and from where: `deadlineMs` from now; `since` leaves out what was said before (RFC 3339, for restarted containers). */
export interface LogWait {
  readonly deadlineMs: number;
  readonly since?: string;
}

/**
 * Follows a container's stderr.
 * @param find gives what was awaited for the line that holds it, else undefined
 * @throws Error with what was said on stderr when the deadline passes or the container ends first
 */
export async function waitForLine<Found>(
  container: string,
  find: (text: string) => Found | undefined,
  options: LogWait,
): Promise<Found> {
  const since = options.since === undefined ? [] : ["--since", options.since];
  const following = spawn("docker", ["logs", "--follow", ...since, container], { stdio: ["ignore", "ignore", "pipe"] });
  let why = "before the container ended";
  const deadline = setTimeout(() => {
    why = `within ${options.deadlineMs} ms`;
    following.kill();
  }, options.deadlineMs);
  const seen: string[] = [];
  try {
    for await (const text of createInterface({ input: following.stderr })) {
      seen.push(text);
      const found = find(text);
      if (found !== undefined) return found;
    }
  } finally {
    clearTimeout(deadline);
    following.kill();
  }
  throw new Error(`the awaited log line did not come ${why} — saw:\n${seen.join("\n")}`);
}

/** As `waitForLine`, for the JSON line of which `isIt` says so. */
export async function waitForLog(
  container: string,
  isIt: (line: LogLine) => boolean,
  options: LogWait,
): Promise<LogLine> {
  const find = (text: string) => {
    const line = parseLogLine(text);
    return line !== undefined && isIt(line) ? line : undefined;
  };
  return await waitForLine(container, find, options);
}

/** Waits for `"msg":"ssh ready"`. */
export async function waitForReady(container: string, options: LogWait): Promise<ReadyLine> {
  return (await waitForLog(container, (line) => line.msg === "ssh ready", options)) as ReadyLine;
}

/** rsa is made at the least priority, and there are numbers that take long to find: where much else runs, this is seconds. */
const SLOW_KEY_MS = 60_000;

/**
 * On a first start rsa joins after the ready line, and sshd refuses connections for the milliseconds that it takes to read
 * its config again. Waits that out, so that a login right after the ready line cannot meet it.
 * @throws Error with what was said when it neither joins nor is told to be left out
 */
export async function waitForSlowKey(
  container: string,
  ready: ReadyLine,
  options: { readonly since?: string } = {},
): Promise<void> {
  for (const type of ready.host_keys_pending) {
    const named = new RegExp(`[ _]${type}[ _]`);
    const isSettled = ({ msg, level, host_key }: LogLine) =>
      msg === "host key made and in use"
        ? (host_key as ReadyLine["host_keys"][number]).type.includes(type)
        : (level === "warn" || level === "error") && named.test(msg);
    await waitForLog(container, isSettled, { ...options, deadlineMs: SLOW_KEY_MS });
  }
}
