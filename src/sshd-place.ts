/**
 * The place of the one sshd: its log, and the process that serves or waits to. One place outlives many an sshd: what is in it
 * is ended before another takes it. Loaded before anything that knows what to do with sshd's log.
 */
import type { Event } from "./events.ts";
import { LogSocket } from "./log-socket.ts";
import { CONFIG_NAME, PID_NAME } from "./paths.ts";
import type { Children } from "./processes.ts";
import { Sshd } from "./sshd.ts";

/** Whoever waits for sshd to say that it listens waits this long: it may never do it. */
export const LISTENING_MS = 300;
/** A connection starts sshd once more (its rexec): it takes as long as its own start, and whoever waits tries again first. */
const STARTS = 1.5;
const LONGEST_MS = 100;

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

  /**
   * Lets the one that was loaded accept. `headStart`: and blocks for as long as whoever waits for it already takes to be
   * answered. What we do beside that slows it (`npm run bench`), and none of it is urgent.
   */
  async admit({ headStart }: { headStart: boolean }): Promise<void> {
    const sshd = this.#sshd;
    if (sshd?.admit() !== true || !headStart) return;
    // While we block it would not get it.
    const { promise, resolve: giveUp } = Promise.withResolvers<false>();
    const timer = setTimeout(giveUp, LISTENING_MS, false);
    const isSupplied = await Promise.race([sshd.supplied.then(() => true), promise]);
    clearTimeout(timer);
    if (isSupplied && this.log.awaitRecord(LISTENING_MS)) Bun.sleepSync(Math.min(sshd.facts.upMs * STARTS, LONGEST_MS));
  }

  /** Ends the listener; sessions stay. */
  drop(): void {
    this.#sshd?.stop();
    this.#sshd = undefined;
  }
}
