/**
 * Answers `--status` over a unix socket in the state directory: a client connects, gets one JSON document, and is closed.
 * Nothing is read from it, nothing of it is logged, and no client can hold us up: writes never block, and few may wait.
 */
import { errnoName } from "./errno.ts";
import { isOsError } from "./errors.ts";
import type { Dir } from "./host.ts";
import { c, errno, ptr } from "./libc.ts";
import { STATUS_NAME } from "./paths.ts";
import { giveMemoryBackSoon } from "./thrift.ts";
import { acceptFrom, listenOn, peerOf } from "./unix-socket.ts";

const OPERATION = "answer status";
/** Clients that have not taken all of their document yet, and what waits for them. */
const MOST_CLIENTS = 16;
const MOST_WAITING_BYTES = 4 << 20;
const CLIENT_MS = 2000;
const RETRY_MS = 20;
/** Accepted in one turn; others wait in the kernel while sshd's log has its turn. */
const MOST_AT_ONCE = 8;
/** A health check asks twice a minute for months: what so many answers leave behind is a few hundred kilobytes. */
const TIDY_EVERY = 64;

interface Client {
  readonly fd: number;
  readonly deadline: number;
  rest: Uint8Array;
}

export class StatusServer {
  readonly #listener: number | undefined;
  readonly #render: (uid: number) => string;
  readonly #onSignal = () => this.#accept();
  #clients: Client[] = [];
  #answers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Listens in `directory`, which only we can write; who may pass it may ask. `render` gives the document for a uid. Throws `OsError`. */
  constructor(directory: Dir, render: (uid: number) => string) {
    this.#render = render;
    // Left by a supervisor that was killed: nobody can listen there any more, or it could not be ours alone.
    if (directory.stat(OPERATION, STATUS_NAME) !== undefined) directory.remove(OPERATION, STATUS_NAME);
    // Before the first client can come: a signal that nobody listens to would end us (signal(7), SIGIO).
    process.on("SIGIO", this.#onSignal);
    try {
      this.#listener = listenOn(`${directory.path}/${STATUS_NAME}`, OPERATION);
    } catch (error) {
      process.off("SIGIO", this.#onSignal);
      throw error;
    }
    this.#accept();
  }

  #accept(): void {
    if (this.#listener === undefined) return;
    for (let count = 0; count < MOST_AT_ONCE; count += 1) {
      const fd = acceptFrom(this.#listener);
      if (fd === undefined) return;
      this.#answer(fd);
    }
    this.#later();
  }

  #answer(fd: number): void {
    const waiting = this.#clients.reduce((bytes, { rest }) => bytes + rest.length, 0);
    if (this.#clients.length >= MOST_CLIENTS || waiting > MOST_WAITING_BYTES) return void c.close(fd);
    try {
      const rest = Buffer.from(this.#render(peerOf(fd, OPERATION).uid), "utf8");
      this.#clients.push({ fd, rest, deadline: performance.now() + CLIENT_MS });
      this.#answers += 1;
      if (this.#answers % TIDY_EVERY === 0) giveMemoryBackSoon();
    } catch (error) {
      c.close(fd);
      if (!isOsError(error)) throw error;
    }
    this.#flush();
  }

  #flush(): void {
    this.#clients = this.#clients.filter((client) => {
      if (!isDone(client) && performance.now() < client.deadline) return true;
      c.close(client.fd);
      return false;
    });
    if (this.#clients.length > 0) this.#later();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
      this.#accept();
    }, RETRY_MS);
  }

  close(): void {
    process.off("SIGIO", this.#onSignal);
    clearTimeout(this.#timer);
    for (const { fd } of this.#clients) c.close(fd);
    if (this.#listener !== undefined) c.close(this.#listener);
  }
}

/** Writes what the kernel takes. True: all is written, or nobody reads any more (the runtime ignores SIGPIPE). */
function isDone(client: Client): boolean {
  while (client.rest.length > 0) {
    const wrote = Number(c.write(client.fd, ptr(client.rest), client.rest.length));
    if (wrote < 0) return !["EAGAIN", "EINTR"].includes(errnoName(errno()));
    client.rest = client.rest.subarray(wrote);
  }
  return true;
}
