/**
 * What the doctor says, line by line: a verdict, what it is about, and words. Pure. Says no more than the log would.
 */
import { type Problem, renderProblem, type StageError } from "./errors.ts";
import { type Event, renderEvent } from "./events.ts";

/** `note`: worth knowing; `warn`: SSH would start all the same; `fail`: it would not; `unknown`: not ours to see. */
export type Verdict = "ok" | "note" | "warn" | "fail" | "unknown";

export interface CheckLine {
  readonly verdict: Verdict;
  readonly about: string;
  readonly text: string;
}

export const line = (verdict: Verdict, about: string, what: string | Problem): CheckLine => ({
  verdict,
  about,
  text: typeof what === "string" ? what : renderProblem(what),
});

/** What each stage is about, in a user's words. */
const TOPICS: Readonly<Record<string, string>> = {
  openStateDirectory: "state",
  findSshd: "sshd",
  warmSshd: "sshd",
  findPrograms: "sshd",
  checkCapabilities: "sshd",
  prepareAccounts: "users",
  collectAuthorizedKeys: "keys",
  awaitUrlKeys: "keys",
  restoreHostKeys: "host keys",
  makeHostKeys: "host keys",
  installHostKeys: "host keys",
  writeAuthorizedKeys: "keys",
  writeSshdConfig: "config",
  writeLoginPath: "config",
  savePublicHalves: "host keys",
  pickMode: "mode",
};

export function lineOfFailure({ stage, problem }: StageError, verdict: Verdict): CheckLine {
  return line(verdict, TOPICS[stage] ?? stage, problem);
}

/** Where an event belongs, by its kind; a plain warning belongs to nothing in particular. */
const ABOUT: Readonly<Partial<Record<Event["type"], string>>> = {
  "host keys": "host keys",
  "host key refused": "host keys",
  "volume not mounted": "volume",
  keys: "keys",
  "key line refused": "keys",
  "source failed": "keys",
  "config line left out": "config",
  "account refused": "users",
};

/** What a stage told on its way; nothing for what only debugging wants. A boot that goes on has failed in nothing. */
export function linesOfEvent(event: Event): CheckLine[] {
  const { level, msg, fields } = renderEvent(event);
  // Of no key the stage's failure tells more.
  if (level === "debug" || (event.type === "keys" && event.count === 0)) return [];
  const named = Object.entries(fields).map(([name, value]) => {
    return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  const verdict = level === "info" ? (event.type === "config line left out" ? "note" : "ok") : "warn";
  return [line(verdict, ABOUT[event.type] ?? "start", [msg, ...named].join(" "))];
}

/** A table with the sum at its end. */
export function renderCheck(lines: readonly CheckLine[]): string {
  const width = Math.max(...lines.map(({ about }) => about.length));
  const rows = lines.map(({ verdict, about, text }) => {
    return `${verdict.padEnd(7)}  ${about.padEnd(width)}  ${text.replace(/\p{Cc}/gu, "?")}`;
  });
  return [...rows, "", renderSum(lines), ""].join("\n");
}

function renderSum(lines: readonly CheckLine[]): string {
  const count = (wanted: Verdict) => lines.filter(({ verdict }) => verdict === wanted).length;
  const failed = count("fail");
  if (failed > 0) return `ssh would be down: ${failed} ${failed === 1 ? "reason" : "reasons"}`;
  if (count("unknown") > 0) return "nothing seen that would keep ssh from starting; ask as root to see all";
  return "all would start";
}
