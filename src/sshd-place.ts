/**
 * The place of the one sshd: its log, and the process that serves or waits to. One place outlives many an sshd: what is in it
 * is ended before another takes it. Loaded before anything that knows what to do with sshd's log.
 */
import type { Event } from "./events.ts";
import { LogSocket } from "./log-socket.ts";
import { CONFIG_NAME, PID_NAME } from "./paths.ts";
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

  /** Another one, not started yet, whose config is in this directory; the earlier is ended, its sessions stay. */
  renew(path: string, directory: string): Sshd {
    this.drop();
    const [configPath, pidPath] = [`${directory}/${CONFIG_NAME}`, `${directory}/${PID_NAME}`];
    const emit = this.#emit;
    this.#sshd = new Sshd({ children: this.#children, path, configPath, pidPath, log: this.log.writer, emit });
    return this.#sshd;
  }

  /** Ends the listener; sessions stay. */
  drop(): void {
    this.#sshd?.stop();
    this.#sshd = undefined;
  }
}
