/**
 * sshd's stderr as a SOCK_SEQPACKET pair: one record a log call, whatever line ends a stranger put into a login name,
 * with the writer's pid from the kernel (unix(7), SO_PASSCRED). sshd's end never blocks: a full log hangs logins.
 */

import { byteString } from "./byte-strings.ts";
import { c, check, ptr, SYS } from "./libc.ts";
import { isReadable } from "./poll.ts";
import { signalOnInput } from "./signal-io.ts";

/** One log call of sshd: its text as a byte string, and who made it, as the kernel says. */
export interface LogRecord {
  readonly text: string;
  readonly pid: number;
}

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
/** linux/sockios.h: what was sent and not received yet, as the kernel counts it against SO_SNDBUF. */
const SIOCOUTQ = 0x5411;
const SO_PASSCRED = 16;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
const SCM_CREDENTIALS = 2;
const OPERATION = "open sshd's log";
const RECORD_BYTES = 16 * 1024;
const CONTROL_BYTES = 64;
const SEND_BUFFER_BYTES = 1 << 20;

/** Reads until it is closed; wakes by SIGIO (fcntl(2), O_ASYNC), so that an idle log costs neither thread nor timer. */
export class LogSocket {
  readonly #reader: number;
  /** The end that becomes sshd's stderr. */
  readonly writer: number;
  #onRecord: ((record: LogRecord) => void) | undefined;
  #onFull: () => void = () => {};
  readonly #room = new Int32Array(1);
  readonly #listener = () => this.drain();
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  readonly #control = new Uint8Array(CONTROL_BYTES);
  readonly #vector = new BigUint64Array([BigInt(ptr(this.#buffer)), BigInt(RECORD_BYTES)]);
  readonly #header = new BigUint64Array(7);

  constructor() {
    const pair = new Int32Array(2);
    check(c.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ptr(pair)), "socketpair", OPERATION);
    this.#reader = pair[0] ?? -1;
    this.writer = pair[1] ?? -1;
    const one = new Int32Array([1]);
    const size = new Int32Array([SEND_BUFFER_BYTES]);
    check(c.setsockopt(this.#reader, SOL_SOCKET, SO_PASSCRED, ptr(one), 4), "setsockopt", OPERATION);
    c.setsockopt(this.writer, SOL_SOCKET, SO_SNDBUF, ptr(size), 4);
    // As much as the kernel allows, which is not what was asked for.
    c.syscall(SYS.getsockopt, this.writer, SOL_SOCKET, SO_SNDBUF, ptr(this.#room), ptr(new Int32Array([4])));
    check(c.fcntl(this.writer, F_SETFL, O_NONBLOCK), "fcntl", OPERATION);
  }

  /**
   * Hands every record to this function from now on, those that have waited first. `onFull`: it was full when we came to
   * read, so some of what was said may be lost; before the records that are there.
   */
  listen(onRecord: (record: LogRecord) => void, onFull: () => void = () => {}): void {
    this.#onRecord = onRecord;
    this.#onFull = onFull;
    process.on("SIGIO", this.#listener);
    signalOnInput(this.#reader, OPERATION);
    this.drain();
  }

  /** Blocks until there is a record that nobody has taken yet; false when this time is over. */
  awaitRecord(timeoutMs: number): boolean {
    return isReadable(this.#reader, timeoutMs);
  }

  /** Takes every record that is there, once somebody listens. */
  drain(): void {
    const onRecord = this.#onRecord;
    if (onRecord === undefined) return;
    if (this.#isFull()) this.#onFull();
    for (let record = this.#receive(); record !== undefined; record = this.#receive()) onRecord(record);
  }

  /** The kernel takes a record while less than the whole room is used (sock_alloc_send_pskb), and refuses it then. */
  #isFull(): boolean {
    const used = new Int32Array(1);
    return (
      Number(c.syscall(SYS.ioctl, this.writer, SIOCOUTQ, ptr(used), 0, 0)) === 0 &&
      (used[0] ?? 0) >= (this.#room[0] ?? 0)
    );
  }

  /** msghdr of recvmsg(2): name, its length, the vector, its count, control data, its size, flags. */
  #receive(): LogRecord | undefined {
    this.#header.fill(0n);
    this.#header[2] = BigInt(ptr(this.#vector));
    this.#header[3] = 1n;
    this.#header[4] = BigInt(ptr(this.#control));
    this.#header[5] = BigInt(CONTROL_BYTES);
    const length = Number(c.recvmsg(this.#reader, ptr(this.#header), MSG_DONTWAIT));
    if (length <= 0) return undefined;
    const view = new DataView(this.#control.buffer);
    const hasCredentials = this.#header[5] !== 0n && view.getInt32(12, true) === SCM_CREDENTIALS;
    const text = byteString(this.#buffer.subarray(0, length));
    return { text, pid: hasCredentials ? view.getInt32(16, true) : 0 };
  }

  close(): void {
    process.off("SIGIO", this.#listener);
    c.close(this.#reader);
    c.close(this.writer);
  }
}
