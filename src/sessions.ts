/**
 * The SSH sessions that are open: put in at sshd's "Accepted" record, taken out at its "disconnected" one. A session's
 * process is the record's writer as the kernel says, with the time it began; no pid is taken from text.
 */
import { readStartTicks } from "./process-stat.ts";

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

export interface Session extends Login {
  readonly pid: number;
  /** Undefined when the process could not be known: it was over already, or the kernel did not name it. */
  readonly startTicks: string | undefined;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** Below so many nobody looks for sessions that ended without a word. */
const FEW = 64;

export class Sessions {
  readonly #open = new Map<string, Session>();
  #lookAt = FEW;

  /** A login was accepted; `pid` is the kernel's word, 0 where it gave none. */
  accepted(pid: number, login: Login, sinceMs: number): Session {
    const session = { ...login, pid, startTicks: pid > 1 ? readStartTicks(pid) : undefined, sinceMs };
    this.#open.set(idOf(login), session);
    if (this.#open.size > this.#lookAt) this.#lookAt = Math.max(FEW, 2 * this.list().length);
    return session;
  }

  /** The session that ended now, taken out; undefined where none from there was open. */
  disconnected(client: Pick<Login, "address" | "port">): Session | undefined {
    const session = this.#open.get(idOf(client));
    this.#open.delete(idOf(client));
    return session;
  }

  /** Those whose process is there now, oldest first; others are forgotten. */
  list(): readonly Session[] {
    for (const [id, session] of this.#open) if (!isAlive(session)) this.#open.delete(id);
    return [...this.#open.values()];
  }
}

/** True while exactly that process is there: its pid may be another's by now. */
export function isAlive({ pid, startTicks }: Pick<Session, "pid" | "startTicks">): boolean {
  return startTicks !== undefined && readStartTicks(pid) === startTicks;
}

const idOf = ({ address, port }: Pick<Login, "address" | "port">): string => `${address} ${port}`;
