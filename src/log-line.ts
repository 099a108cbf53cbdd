/**
 * One log line without a logging library: what the launcher says before it becomes the app, and the pretty form that
 * people read on a terminal. Shaped as log.ts shapes its lines, so that a reader cannot tell them apart.
 */
import { type Event, type Level, type Line, renderEvent } from "./events.ts";
import { c, ptr } from "./libc.ts";

export type LogFormat = "json" | "pretty";

const STDERR = 2;
const F_GETFD = 1;
const COLORS: Readonly<Record<Level, string>> = { debug: "90", info: "32", warn: "33", error: "31" };

/** A control character in a value must not move the cursor of whoever reads the log. */
function printable(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** `14:03:07 info  withssh: ssh ready port=2222`, in colour. */
export function renderPretty(line: Line, timeMs: number): string {
  const time = new Date(timeMs).toISOString().slice(11, 19);
  const fields = Object.entries(line.fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` \u001b[2m${name}=\u001b[0m${printable(value)}`);
  const level = `\u001b[${COLORS[line.level]}m${line.level.padEnd(5)}\u001b[0m`;
  return `\u001b[2m${time}\u001b[0m ${level} withssh: ${printable(line.msg)}${fields.join("")}\n`;
}

/** One JSON object on one line: level, time (RFC 3339), msg, then the event's fields. */
export function renderJson(line: Line, timeMs: number): string {
  return `${JSON.stringify({ level: line.level, time: new Date(timeMs).toISOString(), msg: line.msg, ...line.fields })}\n`;
}

/** The format where nobody chose one: pretty for a person at a terminal, JSON for everything else. */
export function defaultFormat(fd = STDERR): LogFormat {
  return c.isatty(fd) === 1 ? "pretty" : "json";
}

/** Writes an event to stderr (or where said) at once, as far as it goes: a log that cannot be written stops no start. */
export function sayNow(event: Event, format: LogFormat, fd = STDERR): void {
  // Closed at our start, 2 may be a descriptor of the runtime by now: its own are all close-on-exec, inherited ones not.
  if (fd === STDERR && c.fcntl(STDERR, F_GETFD, 0) !== 0) return;
  const render = format === "pretty" ? renderPretty : renderJson;
  const bytes = Buffer.from(render(renderEvent(event), Date.now()), "utf8");
  c.write(fd, ptr(bytes), bytes.length);
}
