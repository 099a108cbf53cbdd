/**
 * Everything that we log, as one union with one wording each: a kind without a wording does not compile.
 * Fields hold names, fingerprints, counts and paths; never a secret, a key body or a whole environment.
 */
import type { Problem } from "./errors.ts";
import { renderProblem } from "./errors.ts";
import type { Mode } from "./privilege.ts";

export type Level = "debug" | "info" | "warn" | "error";

/** A host key as people compare it. */
export interface HostKeyFacts {
  readonly type: string;
  readonly fingerprint: string;
}

/** A key by its fingerprint, with the source that gives it to us where one does. */
export interface KeyOrigin {
  readonly key: string;
  readonly source?: string;
}

export type Event =
  | {
      readonly type: "ssh ready";
      readonly mode: Mode;
      readonly port: number;
      readonly users: readonly string[];
      readonly hostKeys: readonly HostKeyFacts[];
      /** Types that are being made and join later, by their names in files. */
      readonly hostKeysPending: readonly string[];
      readonly knownHosts: string;
      readonly knownHostsExact: boolean;
    }
  | { readonly type: "ssh down"; readonly problem: Problem }
  | {
      readonly type: "host keys";
      readonly restored: readonly string[];
      readonly made: readonly string[];
      readonly adopted: readonly string[];
      readonly where: string;
      /** What the app could write and so plant an identity; absent when nothing. */
      readonly appWritable?: string;
    }
  | { readonly type: "host key refused"; readonly path: string; readonly problem: Problem }
  | {
      readonly type: "keys";
      readonly count: number;
      readonly users: readonly string[];
      readonly sources: Readonly<Record<string, number>>;
    }
  | { readonly type: "key line refused"; readonly source: string; readonly line: number; readonly reason: string }
  | { readonly type: "source failed"; readonly source: string; readonly problem: Problem }
  | { readonly type: "config line left out"; readonly lines: readonly string[] }
  | { readonly type: "warning"; readonly problem: Problem }
  /** Nothing is mounted where identity lives. */
  | { readonly type: "volume not mounted"; readonly problem: Problem }
  | { readonly type: "sshd exited"; readonly status: string; readonly restartInMs: number }
  | {
      readonly type: "accepted";
      readonly user: string;
      readonly address: string;
      readonly port: number;
      readonly key: string;
      /** Fingerprint of the authority that signed the certificate of this key. */
      readonly authority?: string;
      readonly source?: string;
    }
  | {
      readonly type: "refused";
      readonly user: string;
      readonly address: string;
      readonly port: number;
      readonly why: string;
      /** The keys that were tried. */
      readonly offered: readonly KeyOrigin[];
      /** One of many alike: told at debug, and counted in a "repeated" (repeats.ts). */
      readonly isRepeat?: true;
    }
  | {
      readonly type: "disconnected";
      readonly user: string;
      readonly address: string;
      readonly port: number;
      /** Unknown where the login was not seen. */
      readonly login?: { readonly key: string; readonly source?: string; readonly durationMs: number };
      readonly why?: string;
    }
  | { readonly type: "sshd"; readonly level: Level; readonly text: string }
  | {
      readonly type: "repeated";
      readonly what: "refused" | "sshd";
      /** That of the events that it stands for. */
      readonly level: Level;
      /** Undefined: many addresses. */
      readonly address: string | undefined;
      /** How many were not told one by one, in how long. */
      readonly count: number;
      readonly seconds: number;
      /** Some of the names or words that they had. */
      readonly samples: readonly string[];
    }
  | { readonly type: "log lost"; readonly count: number }
  | { readonly type: "sshd log full" }
  | { readonly type: "refused start"; readonly text: string }
  | { readonly type: "debug"; readonly text: string }
  | { readonly type: "account refused"; readonly user: string; readonly problem: Problem }
  | { readonly type: "host key joined"; readonly hostKey: HostKeyFacts }
  | {
      readonly type: "keys changed";
      readonly count: number;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | { readonly type: "host keys changed"; readonly hostKeys: readonly HostKeyFacts[] }
  | { readonly type: "config changed" }
  | { readonly type: "session ended"; readonly user: string; readonly key: string }
  | { readonly type: "session unknown"; readonly user: string; readonly key: string }
  | { readonly type: "change refused"; readonly problem: Problem }
  | { readonly type: "call refused"; readonly count: number }
  | { readonly type: "app ended" }
  | { readonly type: "stopping"; readonly why: string }
  | { readonly type: "stage"; readonly stage: string; readonly ms: number };

export interface Line {
  readonly level: Level;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** As many as a person would read; ten thousand keys may change at once. */
const MOST_NAMED = 20;

function someOf(names: readonly string[]): readonly string[] {
  if (names.length <= MOST_NAMED) return names;
  return [...names.slice(0, MOST_NAMED), `and ${names.length - MOST_NAMED} more`];
}

type Wordings = { readonly [T in Event["type"]]: (event: Extract<Event, { type: T }>) => Line };

const line = (level: Level, msg: string, fields: Record<string, unknown> = {}): Line => ({ level, msg, fields });

const wordings: Wordings = {
  "ssh ready": (e) =>
    line("info", "ssh ready", {
      mode: e.mode,
      port: e.port,
      users: e.users,
      host_keys: e.hostKeys,
      host_keys_pending: e.hostKeysPending,
      known_hosts: e.knownHosts,
      known_hosts_exact: e.knownHostsExact,
    }),
  "ssh down": (e) => line("error", `ssh is down: ${renderProblem(e.problem)}`, { event: e.type }),
  "host keys": (e) =>
    line("info", "host keys", {
      restored: e.restored,
      made: e.made,
      adopted: e.adopted,
      where: e.where,
      ...(e.appWritable === undefined ? {} : { app_writable: e.appWritable }),
    }),
  "host key refused": (e) => line("error", `host key left alone: ${renderProblem(e.problem)}`, { path: e.path }),
  keys: (e) => line("info", "authorized keys", { count: e.count, users: e.users, sources: e.sources }),
  "key line refused": (e) => line("warn", `key line refused: ${e.reason}`, { source: e.source, line: e.line }),
  "source failed": (e) => line("error", `key source failed: ${renderProblem(e.problem)}`, { source: e.source }),
  "config line left out": (e) => line("info", "lines of the image's sshd_config left out", { lines: e.lines }),
  warning: (e) => line("warn", renderProblem(e.problem)),
  "volume not mounted": (e) => line("warn", renderProblem(e.problem)),
  "sshd exited": (e) => line("error", "sshd exited", { status: e.status, restart_in_ms: e.restartInMs }),
  accepted: (e) =>
    line("info", "accepted", {
      user: e.user,
      address: e.address,
      port: e.port,
      key: e.key,
      authority: e.authority,
      source: e.source,
    }),
  refused: (e) =>
    line(e.isRepeat ? "debug" : "info", "refused", {
      user: e.user,
      address: e.address,
      port: e.port,
      why: e.why,
      ...(e.offered.length === 0 ? {} : { offered: e.offered }),
    }),
  disconnected: (e) =>
    line("info", "disconnected", {
      user: e.user,
      address: e.address,
      port: e.port,
      key: e.login?.key,
      source: e.login?.source,
      duration_ms: e.login === undefined ? undefined : Math.round(e.login.durationMs),
      why: e.why,
    }),
  repeated: (e) =>
    line(e.level, `${e.what}, repeated`, {
      address: e.address,
      count: e.count,
      seconds: e.seconds,
      samples: e.samples,
    }),
  sshd: (e) => line(e.level, "sshd", { text: e.text }),
  "log lost": (e) => line("warn", "log records lost", { count: e.count }),
  "sshd log full": () => line("warn", "sshd's log was full before we read it: some of what sshd said may be lost"),
  debug: (e) => line("debug", e.text),
  "account refused": (e) => line("error", `login user left out: ${renderProblem(e.problem)}`, { user: e.user }),
  "host key joined": (e) => line("info", "host key made and in use", { host_key: e.hostKey }),
  "keys changed": (e) =>
    line("info", "authorized keys changed", { count: e.count, added: someOf(e.added), removed: someOf(e.removed) }),
  "host keys changed": (e) => line("warn", "host keys changed", { host_keys: e.hostKeys }),
  "config changed": () => line("info", "sshd config changed"),
  "session ended": (e) => line("info", "session ended: its key is gone", { user: e.user, key: e.key }),
  "session unknown": (e) =>
    line("warn", "session of an unknown process: it will not end with its key", { user: e.user, key: e.key }),
  "change refused": (e) => line("error", `change left out, what was in force stays: ${renderProblem(e.problem)}`),
  "refused start": (e) => line("error", e.text),
  "call refused": (e) => line("warn", "a further call of --supervise was refused", { count: e.count }),
  "app ended": () => line("info", "the app has ended: ssh ends with it"),
  stopping: (e) => line("info", "stopping", { why: e.why }),
  stage: (e) => line("debug", "stage", { stage: e.stage, ms: e.ms }),
};

/** The level, words and fields of an event, ready for any log format. */
export function renderEvent(event: Event): Line {
  const render = wordings[event.type] as (event: Event) => Line;
  return render(event);
}
