/**
 * The place of the one sshd: its log, and the process that serves or waits to. One place outlives many an sshd: what is in it
 * is ended before another takes it. Loaded before anything that knows what to do with sshd's log.
 */
import type { Event } from "./events.ts";
import { LogSocket } from "./log-socket.ts";
import type { Children } from "./processes.ts";
import { Sshd } from "./sshd.ts";

export class SshdPlace {
  readonly log = new LogSocket();
  readonly #children: Children;
  readonly #emit: (event: Event) => void;
  #sshd: Sshd | undefined;

  constructor(children: Children, emit: (event: Event) => void) {
    this.#children = children;
    this.#emit = emit;
  }

  /** The one that serves, or waits for its config. */
  get sshd(): Sshd | undefined {
    return this.#sshd;
  }

  /** Another one, not started yet; the earlier is ended, its sessions stay. */
  renew(path: string, configPath: string): Sshd {
    this.drop();
    this.#sshd = new Sshd({ children: this.#children, path, configPath, log: this.log.writer, emit: this.#emit });
    return this.#sshd;
  }

  /** Ends the listener; sessions stay. */
  drop(): void {
    this.#sshd?.stop();
    this.#sshd = undefined;
  }
}
