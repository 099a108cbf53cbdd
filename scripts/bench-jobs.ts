/**
 * What `npm run bench` measures, as jobs for the harness (bench/harness.c), and the bars that the results are held to.
 * Every time is taken twice: as PID 1, which an entrypoint usually is, and as the child of another PID 1.
 */
import type { Sample, Verdict } from "./bench-figures.ts";
import { judge, relatePairs } from "./bench-figures.ts";

/** Who starts the variant: the runtime itself, or an init in front (docker --init, Fly). */
export type Place = "pid1" | "child";

export interface TimeJob {
  readonly kind: "time";
  readonly title: string;
  readonly until: "app" | "banner";
  readonly place: Place;
  readonly keys: "restored" | "none";
  readonly variants: readonly string[];
}

export const PLACES: Readonly<Record<Place, string>> = { pid1: "as PID 1", child: "below another PID 1" };

/** Rounds that are run and not counted. */
export const WARM_UP_ROUNDS = 3;

/** Seconds after "ssh ready" at which memory is read, and seconds of idleness after that. */
export const SETTLE_S = 5;
export const IDLE_S = 20;

/** Jobs for a place: the app with and without us, then SSH, then SSH where no key is anywhere. */
export function timeJobs(place: Place): TimeJob[] {
  const where = PLACES[place];
  const ssh = { kind: "time", until: "banner", place, variants: ["bash", "withssh"] } as const;
  return [
    {
      kind: "time",
      title: `time until the app runs, ${where}`,
      until: "app",
      place,
      keys: "restored",
      variants: ["bare", "tini", "bash", "withssh"],
    },
    {
      kind: "time",
      title: `time until the app runs, image's user with sudo, ${where}`,
      until: "app",
      place,
      keys: "restored",
      variants: ["bash-sudo", "withssh-sudo"],
    },
    { ...ssh, title: `time until SSH answers, ${where}`, keys: "restored" },
    { ...ssh, title: `first start: time until SSH answers, ${where}`, keys: "none" },
  ];
}

/** The job as the harness reads it: tab-separated words. */
export function renderTimeJob(job: TimeJob, rounds: number): string {
  return ["time", job.until, job.place, job.keys, rounds, ...job.variants].join("\t");
}

/** What is measured on both C libraries, a few rounds of each in turn: noise that lasts hits both. */
export const MUSL_JOB: TimeJob = {
  kind: "time",
  title: "time until the app runs, as PID 1, musl beside glibc",
  until: "app",
  place: "pid1",
  keys: "restored",
  variants: ["withssh"],
};
export const MUSL_TURNS = 12;
export const MUSL_ROUNDS = 6;

/** The bars on musl beside glibc: milliseconds, and KiB of own memory. */
export function judgeMusl(ms: { glibc: number; musl: number }, kib: { glibc: number; musl: number }): Verdict[] {
  return [
    judge("app runs on musl, as PID 1", ms.musl / ms.glibc, 1.15, "× glibc"),
    judge("supervisor's own memory on musl, as PID 1", kib.musl / kib.glibc, 1.15, "× glibc"),
  ];
}

/** Watches the supervisor: its memory after it has settled, then its clock ticks while nothing happens. */
export function renderWatchJob(place: Place, role: string): string {
  return ["watch", place, '"msg":"ssh ready"', role, SETTLE_S, IDLE_S].join("\t");
}

const ratio = (ms: number, otherMs: number) => ms / otherMs;
const difference = (ms: number, otherMs: number) => ms - otherMs;

/** The bars on a time, each by the median over rounds of what two runs of the same round say. */
export function judgeTimes(job: TimeJob, samples: readonly Sample[]): Verdict[] {
  const where = PLACES[job.place];
  if (job.variants.includes("withssh-sudo")) {
    const versusSudo = relatePairs(samples, "withssh-sudo", "bash-sudo", ratio);
    return [judge(`app runs, scoped sudo, ${where}`, versusSudo, 0.6, "× bash with sudo")];
  }
  const versusBash = relatePairs(samples, "withssh", "bash", ratio);
  if (job.keys === "none") return [judge(`first start, SSH answers, ${where}`, versusBash, 0.2, "× bash")];
  if (job.until === "banner") return [judge(`SSH answers, ${where}`, versusBash, 1.15, "× bash")];
  const versusTini = relatePairs(samples, "withssh", "tini", difference);
  return [
    judge(`app runs, ${where}`, versusBash, 0.5, "× bash"),
    judge(`app runs, ${where}, after tini`, versusTini, 6, "ms"),
  ];
}

/** What the harness saw of the supervisor. */
export interface Watched {
  readonly anonymousKib: number;
  readonly pssKib: number;
  readonly ticks: number;
}

/** The bars on the supervisor's own memory (MB of 10^6 bytes: the stricter reading) and on what it does when idle. */
export function judgeWatched(place: Place, watched: Watched): Verdict[] {
  const where = PLACES[place];
  return [
    judge(`supervisor's own memory, ${where}`, (watched.anonymousKib * 1024) / 1e6, 10, "MB"),
    judge(`supervisor idle for ${IDLE_S} s, ${where}`, watched.ticks, 2, "clock ticks"),
  ];
}
