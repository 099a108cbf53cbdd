/**
 * The listening TCP sockets on a port, out of /proc/net/tcp and tcp6 (proc(5)): whose they are, and how many connections
 * wait to be accepted. Opens no connection.
 */
import { byteString, cString } from "./byte-strings.ts";
import { isOsError } from "./errors.ts";
import { AT_FDCWD, c, check, O, ptr } from "./libc.ts";

export interface Listener {
  readonly uid: number;
  readonly inode: string;
  /** Connections that wait to be accepted: what the kernel shows as a listener's receive queue. */
  readonly waiting: number;
}

const OPERATION = "look at listening sockets";
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
/** TCP_LISTEN in net/tcp_states.h, as /proc/net/tcp prints it. */
const LISTEN = "0A";
const CHUNK_BYTES = 16_384;

/** Undefined where the kernel shows no table at all. */
export function readListeners(port: number): readonly Listener[] | undefined {
  const texts = TABLES.flatMap((path) => readListening(path) ?? []);
  return texts.length === 0 ? undefined : texts.flatMap((text) => parseListening(text, port));
}

/** The listening sockets on this port in the text of a table: address in hex, uid and inode in columns. */
export function parseListening(text: string, port: number): Listener[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return text.split("\n").flatMap((line) => {
    const [, local = "", , state, queues = "", , , uid, , inode = ""] = line.trim().split(/\s+/);
    const waiting = Number.parseInt(queues.split(":")[1] ?? "0", 16);
    return state === LISTEN && local.endsWith(suffix) ? [{ uid: Number(uid), inode, waiting }] : [];
  });
}

/** A table's beginning, to its last listening socket: the kernel lists those first, and of others there may be a million. */
function readListening(path: string): string | undefined {
  let fd: number;
  try {
    fd = check(c.openat(AT_FDCWD, cString(path), O.rdonly | O.cloexec, 0), "openat", OPERATION, path);
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
  const chunk = new Uint8Array(CHUNK_BYTES);
  let text = "";
  for (let got = 1; got > 0 && !isPastListeners(text); ) {
    got = Number(c.read(fd, ptr(chunk), chunk.length));
    if (got > 0) text += byteString(chunk.subarray(0, got));
  }
  c.close(fd);
  return text;
}

/** The last whole line is of a socket that does not listen. */
function isPastListeners(text: string): boolean {
  const last = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1) ?? "";
  const [number, , , state] = last.trim().split(/\s+/);
  return number !== undefined && /^\d+:$/.test(number) && state !== LISTEN;
}
