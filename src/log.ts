/**
 * The supervisor's log on stderr: JSON by pino, or pretty for a terminal. The only importer of pino, loaded after sshd
 * has started. Never blocks: a reader that has stopped must not stop us, so what does not fit is counted and told.
 */
import pino from "pino";
import { byteString, cString } from "./byte-strings.ts";
import type { Event, Level } from "./events.ts";
import { renderEvent } from "./events.ts";
import { AT_FDCWD, c, errno, O, ptr, SYS } from "./libc.ts";
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
/** What strangers cause has a half of that, so that it drives out neither logins nor trouble. */
const MAX_WAITING_NOISE_BYTES = MAX_WAITING_BYTES / 2;
const NOISE: ReadonlySet<Event["type"]> = new Set(["refused", "repeated", "sshd", "debug", "stage"]);

/** A log of this level and format. */
export function createLog(level: Level, format: LogFormat): Log {
  takeOwnStderr();
  const output = new Output(() => tellLost());
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
  const tellLost = () => {
    const lost = output.takeLost();
    if (lost > 0) logger.warn({ count: lost }, renderEvent({ type: "log lost", count: lost }).msg);
  };
  return {
    write: (event, timeMs) => {
      eventTimeMs = timeMs;
      const line = renderEvent(event);
      output.roomBytes = NOISE.has(event.type) ? MAX_WAITING_NOISE_BYTES : MAX_WAITING_BYTES;
      logger[line.level](line.fields, line.msg);
      tellLost();
    },
  };
}

/**
 * Opens what stderr leads to once more, without blocking, and puts that in its place: O_NONBLOCK on what we inherited would
 * hit the app, since one file description serves both. Files and sockets stay, and whatever we may not open: there poll(2)
 * asks first, and only an app that fills the pipe in the same moment can hold us up.
 */
function takeOwnStderr(): void {
  const target = new Uint8Array(64);
  const path = cString("/proc/self/fd/2");
  const name = byteString(target.subarray(0, Math.max(0, Number(c.readlinkat(AT_FDCWD, path, ptr(target), 64)))));
  if (!/^(?:pipe:|\/dev\/(?:pts\/|console|tty))/.test(name)) return;
  // Without O_NOCTTY a session leader would get the app's terminal as its own.
  const own = c.openat(AT_FDCWD, path, O.wronly | O.nonblock | O.noctty | O.cloexec, 0);
  if (own < 0) return;
  c.syscall(SYS.dup3, own, STDERR, 0, 0, 0);
  c.close(own);
}

/** stderr, never waited for. */
class Output {
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  /** For the next line. */
  roomBytes = MAX_WAITING_BYTES;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onRoom: () => void;

  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  write(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    if (this.#waitingBytes + bytes.length > this.roomBytes) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  /** How many lines were lost since the last call, once there is room to say so. */
  takeLost(): number {
    if (this.#waitingBytes > MAX_WAITING_NOISE_BYTES / 2) return 0;
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
      this.#onRoom();
    }, RETRY_MS);
  }

  #drop(bytes: number): void {
    this.#waiting.shift();
    this.#waitingBytes -= bytes;
  }
}
