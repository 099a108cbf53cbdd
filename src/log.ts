/**
 * The supervisor's log on stderr: JSON by pino, or pretty for a terminal. The only importer of pino, loaded after sshd
 * has started. Never blocks: a reader that has stopped must not stop us, so what does not fit is counted and told.
 */
import pino from "pino";
import type { Event, Level } from "./events.ts";
import { renderEvent } from "./events.ts";
import { c, errno, ptr } from "./libc.ts";
import { type LogFormat, renderPretty } from "./log-line.ts";
import { isWritable } from "./poll.ts";

export interface Log {
  /** Writes an event that happened at `timeMs` since the epoch. */
  write(event: Event, timeMs: number): void;
}

const STDERR = 2;
/** A pipe that poll(2) calls writable takes this much at once (pipe(7), PIPE_BUF). */
const PIPE_BUF = 4096;
const RETRY_MS = 100;
/** What waits for a slow reader, at most. */
const MAX_WAITING_BYTES = 256 * 1024;

/** A log of this level and format. */
export function createLog(level: Level, format: LogFormat): Log {
  const output = new Output();
  const stream =
    format === "json"
      ? output
      : {
          write: (json: string) => {
            const { level: lineLevel, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
            const line = { level: lineLevel as Level, msg: String(msg), fields };
            output.write(renderPretty(line, Date.parse(String(time))));
          },
        };
  let eventTimeMs = Date.now();
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(eventTimeMs).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    write: (event, timeMs) => {
      eventTimeMs = timeMs;
      const line = renderEvent(event);
      logger[line.level](line.fields, line.msg);
      const lost = output.takeLost();
      if (lost > 0) logger.warn({ count: lost }, renderEvent({ type: "log lost", count: lost }).msg);
    },
  };
}

/** stderr without blocking and without O_NONBLOCK, which would hit the app: one file description serves both. */
class Output {
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  write(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  /** How many lines were lost since the last call, once there is room to say so. */
  takeLost(): number {
    if (this.#waitingBytes > MAX_WAITING_BYTES / 2) return 0;
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  #flush(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!isWritable(STDERR, 0)) break;
      const wrote = Number(c.write(STDERR, ptr(first), Math.min(first.length, PIPE_BUF)));
      if (wrote < 0 && errno() !== 4 && errno() !== 11) {
        // Nobody reads any more (EPIPE, EIO): the line is lost, we are not.
        this.#drop(first.length);
        this.#lost += 1;
      } else if (wrote === first.length) this.#drop(wrote);
      else if (wrote > 0) {
        this.#waiting[0] = first.subarray(wrote);
        this.#waitingBytes -= wrote;
      }
    }
    if (this.#waiting.length === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, RETRY_MS);
  }

  #drop(bytes: number): void {
    this.#waiting.shift();
    this.#waitingBytes -= bytes;
  }
}
