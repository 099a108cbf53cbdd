/**
 * The SSH sessions that are open, in one table for all who ask: the log for how long one was (sshd-logins.ts), `--status`, and
 * the end of a key's sessions (key-sessions.ts). A session's process is the writer of its "Accepted" record as the kernel
 * says, with the time it began; no pid is taken from text.
 */
import { isRunning, type ProcessId } from "./process-stat.ts";

export interface Login {
  readonly user: string;
  /** The client's. */
  readonly address: string;
  readonly port: number;
  /** Fingerprint of the key that let it in. */
  readonly key: string;
  /** Where that key came from; undefined when no source of ours has it (a certificate, a home's key). */
  readonly source?: string | undefined;
}

/** Its `startTicks` are undefined when the process could not be known: it was over already, or the kernel did not name it. */
export interface Session extends Login, ProcessId {
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** The same by a clock that nobody sets: for how long it was. */
  readonly beganMs: number;
}

/** Where the client is: one address and port is one session, as far as the log can tell. */
export type Client = Pick<Login, "address" | "port">;

/** Beyond that an end is still told, without key and duration. */
export const MOST_SESSIONS = 10_000;

/** Whoever hears sshd's log puts in and ends. What it says ends no more than the telling: a session is there while its process is. */
export class Sessions {
  readonly #open = new Map<string, Session>();
  /** Those whose end was told and whose process was still there: for a moment, or longer where another of their client's connections has ended. */
  readonly #told = new Set<Session>();

  /** Puts one in; where there is no more room the oldest counts as told. */
  add(session: Session): void {
    this.#forgetGone();
    const [oldest] = this.#open.values();
    if (this.isFull && oldest !== undefined) this.end(oldest);
    this.end(session);
    this.#open.set(idOf(session), session);
  }

  /** The session of this client, whose end is told now; undefined where none is open. */
  end(client: Client): Session | undefined {
    const session = this.#open.get(idOf(client));
    this.#open.delete(idOf(client));
    if (session !== undefined && isRunning(session)) this.#told.add(session);
    return session;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  get isFull(): boolean {
    return this.#open.size >= MOST_SESSIONS;
  }

  /** Those whose end has not been told yet, oldest first. */
  list(): readonly Session[] {
    return [...this.#open.values()];
  }

  /** Those whose process is there now, told or not. */
  living(): readonly Session[] {
    this.#forgetGone();
    return [...this.#told, ...this.list().filter((session) => isRunning(session))];
  }

  #forgetGone(): void {
    for (const session of this.#told) if (!isRunning(session)) this.#told.delete(session);
  }
}

const idOf = ({ address, port }: Client): string => `${address} ${port}`;
