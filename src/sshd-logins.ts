/**
 * What sshd says of connections, joined: the keys that were tried come with the refusal, key, source and duration with the
 * end. Each connection ends in one event, also where sshd said nothing at its end. Must never act on a pid from text, and
 * never hold more than a bounded number of strangers.
 */
import type { Event, KeyOrigin } from "./events.ts";
import type { ProcessId } from "./process-stat.ts";
import { Repeats } from "./repeats.ts";
import type { Client, Session, Sessions } from "./sessions.ts";
import { type LoginLog, NO_KEY } from "./sshd-log.ts";

export interface LoginsOptions {
  /** Where the open sessions are kept. */
  readonly sessions: Sessions;
  readonly emit: (event: Event) => void;
  /** A session has begun, and was told. */
  readonly onSession?: (session: Session) => void;
  /** Where a key (or the authority that signed its certificate) comes from; undefined where nothing of ours gave it. */
  readonly sourceOf: (key: string, login: { isAccepted: boolean; authority?: string }) => string | undefined;
  /** When the process with this pid began, in any unit; undefined where there is none. */
  readonly startOf: (pid: number) => string | undefined;
  /** Takes what sshd has said until now: called before an end is believed that no record told. */
  readonly drain: () => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A clock that nobody sets; the runtime's unless said. */
  readonly elapsedMs?: () => number;
}

/** sshd holds at most 200 strangers at a time (MaxStartups), and a stranger for 30 s (LoginGraceTime). */
const MOST_STRANGERS = 1000;
const MOST_OFFERED = 10;
/** How often it is looked whether a process is gone that has not said so; only while there is one. */
export const SWEEP_MS = 10_000;
const UNSEEN = "its process is gone, sshd said nothing";
const TIMED_OUT = `${NO_KEY}, until the connection ended`;

/** Who has not been let in: the process is the record's writer, as the kernel says. */
interface Stranger extends ProcessId {
  readonly user: string;
  readonly address: string;
  readonly port: number;
  readonly offered: KeyOrigin[];
}

/** The connections of one sshd, strangers and sessions apart: no stranger pushes a session out. */
export class Logins {
  readonly #options: LoginsOptions;
  readonly #repeats: Repeats;
  readonly #elapsedMs: () => number;
  readonly #strangers = new Map<string, Stranger>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.#elapsedMs = options.elapsedMs ?? (() => performance.now());
    this.#repeats = new Repeats({ emit: options.emit, elapsedMs: this.#elapsedMs });
  }

  /** A record, in order; `pid`: its writer by the kernel's word, 0 where it gave none. */
  take(log: LoginLog | Extract<Event, { type: "sshd" }>, pid: number): void {
    if (log.type === "sshd") return void this.#repeats.offer(log);
    const id = `${log.address} ${log.port}`;
    // One address and port is one connection: the one before has ended.
    if (log.type === "tried" || log.type === "accepted") this.#endSession(log, UNSEEN);
    if (log.type === "tried") this.#tried(id, log, pid);
    else if (log.type === "accepted") this.#accepted(id, log, pid);
    else if (log.type === "refused") {
      const offered = this.#strangers.get(id)?.offered ?? [];
      this.#strangers.delete(id);
      this.#repeats.offer({ ...log, offered });
    } else if (!this.#endSession(log) && !this.#endStranger(id)) {
      const text = `connection closed: ${id}`;
      this.#repeats.offer(log.type === "disconnected" ? log : { type: "sshd", level: "debug", text });
    }
    this.#watch();
  }

  #tried(id: string, { user, key, address, port }: Extract<LoginLog, { type: "tried" }>, pid: number): void {
    const known = this.#strangers.get(id);
    const stranger = known ?? { user, address, port, ...this.#writer(pid), offered: [] };
    const isNew = key !== undefined && !stranger.offered.some((one) => one.key === key);
    if (isNew && stranger.offered.length < MOST_OFFERED)
      stranger.offered.push(this.#origin(key, { isAccepted: false }));
    if (known !== undefined) return;
    if (this.#strangers.size >= MOST_STRANGERS) this.sweep();
    const [oldest] = this.#strangers.keys();
    if (this.#strangers.size >= MOST_STRANGERS && oldest !== undefined) this.#endStranger(oldest);
    this.#strangers.set(id, stranger);
  }

  #accepted(id: string, log: Extract<LoginLog, { type: "accepted" }>, pid: number): void {
    const { sessions, now, onSession } = this.#options;
    const { authority } = log;
    const origin = this.#origin(log.key, { isAccepted: true, ...(authority === undefined ? {} : { authority }) });
    this.#strangers.delete(id);
    if (sessions.isFull) this.sweep();
    const { user, address, port } = log;
    const clocks = { sinceMs: now(), beganMs: this.#elapsedMs() };
    const session = { user, address, port, ...this.#writer(pid), ...origin, ...clocks };
    sessions.add(session);
    this.#repeats.offer({ ...log, ...origin });
    onSession?.(session);
  }

  #endSession(client: Client, why?: string): boolean {
    const session = this.#options.sessions.end(client);
    if (session === undefined) return false;
    const { user, address, port, key, source, beganMs } = session;
    const durationMs = this.#elapsedMs() - beganMs;
    const login = { key, durationMs, ...(source === undefined ? {} : { source }) };
    this.#repeats.offer({ type: "disconnected", user, address, port, login, ...(why === undefined ? {} : { why }) });
    return true;
  }

  #endStranger(id: string): boolean {
    const stranger = this.#strangers.get(id);
    if (stranger === undefined) return false;
    this.#strangers.delete(id);
    const { user, address, port, offered } = stranger;
    this.#repeats.offer({ type: "refused", user, address, port, why: TIMED_OUT, offered });
    return true;
  }

  /** Ends what has ended without a record: a session that was killed, a stranger whose time was up (OpenSSH 9.2). */
  sweep(): void {
    const { sessions, startOf, drain } = this.#options;
    // Where nothing was there already when the record was read, it is gone; without the kernel's word nobody knows.
    const isGone = ({ pid, startTicks }: ProcessId) =>
      pid > 1 && (startTicks === undefined || startOf(pid) !== startTicks);
    const ended = sessions.list().filter(isGone);
    const strangers = [...this.#strangers].filter(([, one]) => isGone(one));
    if (ended.length + strangers.length === 0) return;
    drain();
    const left = new Set(sessions.list());
    for (const session of ended) if (left.has(session)) this.#endSession(session, UNSEEN);
    for (const [id, one] of strangers) if (this.#strangers.get(id) === one) this.#endStranger(id);
    this.#watch();
  }

  /** The last words: who is gone by now, and what was only counted. */
  close(): void {
    this.sweep();
    clearInterval(this.#timer);
    this.#repeats.flush();
  }

  /** A timer only while somebody is there: an idle supervisor sleeps. */
  #watch(): void {
    if (this.#options.sessions.isEmpty && this.#strangers.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else this.#timer ??= setInterval(() => this.sweep(), SWEEP_MS);
  }

  #writer(pid: number): ProcessId {
    return { pid, startTicks: pid > 1 ? this.#options.startOf(pid) : undefined };
  }

  #origin(key: string, login: Parameters<LoginsOptions["sourceOf"]>[1]): KeyOrigin {
    const source = this.#options.sourceOf(key, login);
    return { key, ...(source === undefined ? {} : { source }) };
  }
}
