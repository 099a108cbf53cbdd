/**
 * What `--status` tells, as one JSON document (docs/status.md). Facts in, document out. Never a secret: fingerprints, not
 * keys; and of another user's session no more than that it is there.
 */

import type { Config } from "./config.ts";
import { renderProblem } from "./errors.ts";
import { describeHostKey } from "./fingerprint.ts";
import type { Mode } from "./privilege.ts";
import type { RecentProblem } from "./recent-problems.ts";
import type { Session } from "./sessions.ts";
import type { SshReport } from "./ssh-state.ts";

/** A field may be added under the same number; one that goes, or means something else, makes another. */
export const SCHEMA = 1;

export interface StatusFacts {
  readonly version: string;
  readonly mode: Mode;
  readonly config: Config;
  readonly report: SshReport;
  readonly problems: readonly RecentProblem[];
  readonly app: { readonly pid: number; readonly uid: number; readonly gid: number };
  /** The supervisor's own. */
  readonly pid: number;
  readonly uid: number;
  /** Milliseconds that the supervisor has run. */
  readonly upMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly sshdStartTicks: string | undefined;
}

export type StatusDocument = ReturnType<typeof describeStatus>;

/** The document for an asker of this uid: root and we ourselves hear all. */
export function describeStatus(facts: StatusFacts, askerUid: number) {
  const { config, report, now } = facts;
  const { plan, sshd } = report;
  const uids = new Map((plan?.accounts ?? []).map(({ name, uid }) => [name, uid]));
  const hearsAll = askerUid === 0 || askerUid === facts.uid;
  const isHis = ({ user }: Session) => hearsAll || uids.get(user) === askerUid;
  const sshdUpMs = sshd?.pid === undefined ? undefined : sshd.upMs;
  return {
    schema: SCHEMA,
    version: facts.version,
    mode: facts.mode,
    ssh: report.ssh,
    problem: report.problem === undefined ? null : renderProblem(report.problem),
    required: config.require,
    app: facts.app,
    supervisor: { pid: facts.pid, since: timeOf(now - facts.upMs), uptime_s: seconds(facts.upMs) },
    sshd: {
      pid: sshd?.pid ?? null,
      start_ticks: facts.sshdStartTicks ?? null,
      since: sshdUpMs === undefined ? null : timeOf(now - sshdUpMs),
      uptime_s: sshdUpMs === undefined ? null : seconds(sshdUpMs),
      restarts: sshd?.restarts ?? 0,
      version: plan === undefined ? null : `${plan.programs.version.major}.${plan.programs.version.minor}`,
    },
    port: config.port,
    listen: config.listen,
    public_address: config.publicAddress ?? null,
    users: (plan?.accounts ?? []).map(({ name }) => name),
    host_keys: (plan?.identity.keys ?? []).map((key) => ({
      ...describeHostKey(key),
      public_key: Buffer.from(key.publicBlob).toString("base64"),
    })),
    host_keys_last: plan === undefined ? null : lastingOf(plan.identity),
    app_writable: plan?.identity.appWritable ?? null,
    keys: (plan?.keys.keys ?? []).map(({ type, fingerprint, comment, options, sources }) => ({
      type,
      fingerprint,
      comment,
      options,
      sources,
    })),
    sessions: report.sessions.map((session) => describeSession(session, isHis(session))),
    problems: facts.problems.map(({ level, text, timeMs, count }) => ({ time: timeOf(timeMs), level, text, count })),
  };
}

function describeSession({ user, address, port, key, source, sinceMs }: Session, isHis: boolean) {
  const rest = isHis ? { address, port, key, source: source ?? null } : NOT_HIS;
  return { user, since: timeOf(sinceMs), ...rest };
}

/** How long the identity lasts. */
function lastingOf({ inMemory, isUnmounted }: { inMemory: boolean; isUnmounted: boolean }) {
  if (inMemory) return "until the next start";
  return isUnmounted ? "as long as the container" : "beyond the container";
}

const NOT_HIS = { address: null, port: null, key: null, source: null };

const timeOf = (ms: number): string => new Date(ms).toISOString();
const seconds = (ms: number): number => Math.floor(ms / 1000);
