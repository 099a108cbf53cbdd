/**
 * WITHSSH_REVOKE_SESSIONS: ends the sessions of a key that is gone. A session is who wrote sshd's "Accepted" record, as
 * the kernel says, with the time it started: nothing is taken from text, and no pid is signalled that may be another's.
 */
import { listChildrenOf } from "./descendants.ts";
import type { Event } from "./events.ts";
import { c, SYS } from "./libc.ts";
import { isRunning, type ProcessId, readStartTicks } from "./process-stat.ts";
import type { Session, Sessions } from "./sessions.ts";

/** So long a key must have been gone: an editor's half-written file ends nobody. */
export const REVOKE_AFTER_MS = 5000;
const KILL_AFTER_MS = 1000;
const SIGTERM = 15;
const SIGKILL = 9;

/** What the keys are now; `isClean`: each source could be read, so what is missing was taken away. */
export interface KnownKeys {
  readonly fingerprints: ReadonlySet<string>;
  readonly isClean: boolean;
}

/** Ends sessions of the table whose keys we gave when they logged in, and no others. */
export class KeySessions {
  readonly #sessions: Sessions;
  readonly #emit: (event: Event) => void;
  readonly #known: () => KnownKeys;
  readonly #ours = new WeakSet<Session>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #last: ReadonlySet<string>;
  /** Keys that we gave once: sshd's word of a login may come after the key has gone. */
  readonly #gone = new Set<string>();

  constructor(sessions: Sessions, emit: (event: Event) => void, known: () => KnownKeys) {
    this.#sessions = sessions;
    this.#emit = emit;
    this.#known = known;
    this.#last = known().fingerprints;
  }

  /** A session of the table has begun. Keys that we did not give are left alone. */
  accepted(session: Session): void {
    const { startTicks, user, key } = session;
    if (startTicks === undefined) {
      this.#emit({ type: "session unknown", user, key });
      return;
    }
    const isKnown = this.#known().fingerprints.has(key);
    if (isKnown || this.#gone.has(key)) this.#ours.add(session);
    if (!isKnown) this.keysChanged();
  }

  /** The keys may be others now: those that are gone have five seconds to come back. */
  keysChanged(): void {
    const { fingerprints } = this.#known();
    for (const key of this.#last) if (!fingerprints.has(key)) this.#gone.add(key);
    this.#last = fingerprints;
    for (const key of new Set(this.#list().map((session) => session.key))) {
      if (fingerprints.has(key)) {
        clearTimeout(this.#timers.get(key));
        this.#timers.delete(key);
      } else if (!this.#timers.has(key)) {
        this.#timers.set(
          key,
          setTimeout(() => this.#revoke(key), REVOKE_AFTER_MS),
        );
      }
    }
  }

  #revoke(key: string): void {
    this.#timers.delete(key);
    const { fingerprints, isClean } = this.#known();
    if (fingerprints.has(key)) return;
    // A source that failed may have it: wait until all can be read.
    if (!isClean)
      return void this.#timers.set(
        key,
        setTimeout(() => this.#revoke(key), REVOKE_AFTER_MS),
      );
    for (const session of this.#list().filter((one) => one.key === key)) {
      this.#ours.delete(session);
      if (endTree(session)) this.#emit({ type: "session ended", user: session.user, key });
    }
  }

  #list(): readonly Session[] {
    return this.#sessions.living().filter((session) => this.#ours.has(session));
  }
}

/** TERM, and KILL for what is left a second later, to a session and all below it. False: it was over already. */
function endTree(session: ProcessId): boolean {
  if (!isRunning(session)) return false;
  const pidfds = treeOf(session).flatMap((one) => openPidfd(one) ?? []);
  for (const pidfd of pidfds) signal(pidfd, SIGTERM);
  setTimeout(() => {
    for (const pidfd of pidfds) {
      signal(pidfd, SIGKILL);
      c.close(pidfd);
    }
  }, KILL_AFTER_MS);
  return pidfds.length > 0;
}

/** A process and its descendants, each with its start: what left the session's tree (a daemon) is not the session's. */
function treeOf(root: ProcessId): ProcessId[] {
  const children = listChildrenOf(root.pid).flatMap((pid) => {
    const startTicks = readStartTicks(pid);
    return startTicks === undefined ? [] : treeOf({ pid, startTicks });
  });
  return [root, ...children];
}

/** A pidfd of exactly that process: the start is compared after the pid can no longer be another's. */
function openPidfd(one: ProcessId): number | undefined {
  const pidfd = Number(c.syscall(SYS.pidfdOpen, one.pid, 0, 0, 0, 0));
  if (pidfd < 0) return undefined;
  if (isRunning(one)) return pidfd;
  c.close(pidfd);
  return undefined;
}

const signal = (pidfd: number, number: number) => void c.syscall(SYS.pidfdSendSignal, pidfd, number, 0, 0, 0);
