/**
 * The last things that went wrong, as the log told them, for `--status`: few, repeats counted. Kept in memory alone.
 */
import { type Event, type Level, renderEvent } from "./events.ts";

export interface RecentProblem {
  readonly level: Level;
  readonly text: string;
  /** When it was told last, in milliseconds since the epoch, and how often. */
  readonly timeMs: number;
  readonly count: number;
}

const MOST = 10;

export class RecentProblems {
  readonly #problems = new Map<string, RecentProblem>();

  /** Takes note of a warning or an error; all else is none of ours. */
  note(event: Event, timeMs: number): void {
    // What a busy door says most: not worth wording twice.
    if (FREQUENT.has(event.type)) return;
    const { level, msg, fields } = renderEvent(event);
    if (level !== "warn" && level !== "error") return;
    const named = Object.entries(fields).filter(([name]) => NAMED.has(name));
    const text = [msg, ...named.map(([name, value]) => `${name}=${value}`)].join(" ");
    const count = (this.#problems.get(text)?.count ?? 0) + 1;
    // Put at the end: the one that was told longest ago goes first.
    this.#problems.delete(text);
    this.#problems.set(text, { level, text, timeMs, count });
    const [oldest] = this.#problems.keys();
    if (this.#problems.size > MOST && oldest !== undefined) this.#problems.delete(oldest);
  }

  /** The oldest first. */
  list(): readonly RecentProblem[] {
    return [...this.#problems.values()];
  }
}

const FREQUENT: ReadonlySet<Event["type"]> = new Set(["accepted", "refused", "disconnected", "stage", "debug"]);

/** Fields that say what a problem is about; others (counts, times) would make each of its repeats another one. */
const NAMED: ReadonlySet<string> = new Set(["source", "line", "path", "user", "status", "text"]);
