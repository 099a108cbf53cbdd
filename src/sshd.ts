/**
 * sshd as a foreground child: started, restarted with backoff, reloaded, stopped. Sessions are children of their own and
 * survive it. Never sends SIGHUP by itself: the caller has had sshd judge the config, since a bad one ends sshd.
 */
import { type AcceptGate, makeAcceptGate } from "./accept-gate.ts";
import { countFailures, delayAfter } from "./backoff.ts";
import { bytesOf } from "./byte-strings.ts";
import { EXIT, isOsError } from "./errors.ts";
import type { Event } from "./events.ts";
import { HELPER_ENVIRONMENT } from "./helper-environment.ts";
import { c } from "./libc.ts";
import { pauseMicroseconds } from "./poll.ts";
import { type Children, type Ending, spawn } from "./processes.ts";
import { type Handover, type WithheldConfig, withholdConfig } from "./withheld-config.ts";

const SIGHUP = 1;
const SIGKILL = 9;
const SIGTERM = 15;
/** How soon an sshd that does not wait for its config yet is asked again, twice as long each time, and when that ends. */
const FIRST_TRY_MS = 1;
const LAST_TRY_MS = 4096;
/** How often it is asked where nothing else is done meanwhile. */
const LOOK_US = 100;
/** sshd would read a terminal's or our stdin for nothing. */
const NOTHING = { path: "/dev/null", write: true } as const;

export interface SshdOptions {
  readonly children: Children;
  readonly path: string;
  readonly configPath: string;
  /** As the config names it. */
  readonly pidPath: string;
  /** The socket's end that becomes its stderr. */
  readonly log: number;
  readonly emit: (event: Event) => void;
}

/** Asked after an end before it listened: told by the callee; milliseconds to stay quiet for, where that is another time. */
export type Explain = (ending: Ending) => Promise<number | undefined>;
/** What the supervisor knows of sshd. */
export interface SshdFacts {
  /** Undefined while none runs. */
  readonly pid: number | undefined;
  readonly isListening: boolean;
  /** Since it was last started. */
  readonly upMs: number;
  readonly restarts: number;
  /** "exit 255" or "signal 9"; undefined when it has not ended yet. */
  readonly lastEnding: string | undefined;
}

/** One sshd at a time. `listening()` is for whoever reads its log: only that tells. */
export class Sshd {
  readonly #options: SshdOptions;
  #pid: number | undefined;
  #startedAt = 0;
  #hasListened = false;
  #failures = 0;
  #restarts = 0;
  #isWanted = false;
  /** It was ended so that another reads the config by its name: that end is no failure. */
  #isReplaced = false;
  #explain: Explain = async () => undefined;
  /** What the sshd that was started early waits for. */
  #withheld: WithheldConfig | undefined;
  readonly #supply = Promise.withResolvers<void>();
  /** Undefined: it may accept when it listens. */
  #gate: AcceptGate | undefined;
  #isShut = false;
  #lastEnding: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SshdOptions) {
    this.#options = options;
  }

  /** Resolves when one that was loaded has its config, or gets none. */
  get supplied(): Promise<void> {
    return this.#supply.promise;
  }

  /** How it is now. */
  get facts(): SshdFacts {
    return {
      pid: this.#pid,
      isListening: this.#pid !== undefined && this.#hasListened,
      upMs: performance.now() - this.#startedAt,
      restarts: this.#restarts,
      lastEnding: this.#lastEnding,
    };
  }

  /** Starts it as far as it goes without a config; `start` gives it one. It is only quicker: what fails here is no loss. */
  warm(): void {
    try {
      this.#withheld = withholdConfig(this.#options.configPath);
      this.#spawn();
      // It gets no further than its config meanwhile.
      this.#gate = makeAcceptGate(this.#options.pidPath);
      this.#isShut = this.#gate !== undefined;
    } catch (error) {
      if (!isOsError(error)) throw error;
      this.#dropWithheld();
    }
  }

  /**
   * Gives a warm one this config, where it can be kept from accepting: it listens, and nobody is let in before `admit`. One that
   * has not come to its config yet is waited for, half as long as it has been on its way: nothing of ours is as urgent.
   */
  load(config: Uint8Array): void {
    if (!this.#isShut || this.#isWanted || this.#pid === undefined) return;
    this.#isWanted = true;
    this.#give(config, FIRST_TRY_MS, this.facts.upMs / 2);
  }

  /** Lets one that was loaded accept from now on; false where none was. */
  admit(): boolean {
    if (this.#isWanted) this.#openGate();
    return this.#isWanted;
  }

  /**
   * Starts it under the config that is in force, and again whenever it ends, until `stop`; one that was loaded accepts from
   * now on at the latest. Throws `OsError` when it cannot be executed at all.
   */
  start(config: Uint8Array, explain: Explain): void {
    this.#explain = explain;
    this.#openGate();
    if (!this.#isWanted) this.#begin(config);
  }

  #openGate(): void {
    if (this.#isShut) this.#gate?.open();
    this.#isShut = false;
  }

  #begin(config?: Uint8Array): void {
    this.#isWanted = true;
    this.#hasListened = false;
    if (this.#pid === undefined) this.#spawn();
    else if (config !== undefined) this.#give(config, FIRST_TRY_MS);
  }

  /** Tries again until it reads: it may be slower than we are, or have read the config by its name already. */
  #give(config: Uint8Array, nextMs: number, patienceMs = 0): void {
    const handover = this.#hasListened ? "read" : this.#offer(config, patienceMs);
    if (handover === "absent" && nextMs < LAST_TRY_MS) {
      this.#timer = setTimeout(() => this.#give(config, nextMs * 2), nextMs);
      return;
    }
    this.#dropWithheld();
    // It reads what is there by its name when it is started again.
    if (handover === "read" || this.#pid === undefined) return;
    this.#isReplaced = true;
    c.kill(this.#pid, SIGKILL);
  }

  #offer(config: Uint8Array, patienceMs: number): Handover | undefined {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const handover = this.#withheld?.give(config);
      if (handover !== "absent" || performance.now() >= deadline) return handover;
      pauseMicroseconds(LOOK_US);
    }
  }

  #dropWithheld(): void {
    this.#withheld?.close();
    this.#withheld = undefined;
    this.#supply.resolve();
  }

  #spawn(): void {
    const { path, configPath, log, children } = this.#options;
    const argv = [bytesOf(path), "-D", "-e", "-f", bytesOf(configPath)];
    this.#startedAt = performance.now();
    const pid = spawn("start sshd", { argv, environment: HELPER_ENVIRONMENT, descriptors: [NOTHING, NOTHING, log] });
    this.#pid = pid;
    children.ended(pid).then((ending) => this.#ended(ending));
  }

  /** What its log said: it listens. */
  listening(): void {
    this.#hasListened = true;
  }

  /** Reads its config again; the caller has proved it. */
  reload(): void {
    if (this.#pid !== undefined) c.kill(this.#pid, SIGHUP);
  }

  /** Ends the listener; sessions stay. */
  stop(): void {
    this.#isWanted = false;
    this.#dropWithheld();
    clearTimeout(this.#timer);
    // Before the gate it would take SIGTERM for a failure to write its PID file.
    if (this.#pid !== undefined) c.kill(this.#pid, this.#isShut ? SIGKILL : SIGTERM);
    if (this.#isShut) this.#gate?.close();
  }

  async #ended(ending: Ending): Promise<void> {
    this.#pid = undefined;
    this.#dropWithheld();
    if (!this.#isShut) this.#gate?.close();
    const isReplaced = this.#isReplaced;
    this.#isReplaced = false;
    if (isReplaced && this.#isWanted) return this.#startAgain();
    this.#lastEnding = renderEnding(ending);
    if (!this.#isWanted) return;
    this.#failures = countFailures(this.#failures, performance.now() - this.#startedAt);
    const quietMs = this.#hasListened ? undefined : await this.#explain(ending);
    const delayMs = quietMs ?? delayAfter(this.#failures, Math.random());
    if (quietMs === undefined) {
      this.#options.emit({ type: "sshd exited", status: renderEnding(ending), restartInMs: delayMs });
    }
    this.#timer = setTimeout(() => {
      this.#restarts += 1;
      this.#startAgain();
    }, delayMs);
  }

  /** A program that is not there just now (a package is being upgraded) is one more end: it is tried again. */
  #startAgain(): void {
    try {
      this.#begin();
    } catch (error) {
      if (!isOsError(error)) throw error;
      void this.#ended({ code: EXIT.notFound, signal: undefined });
    }
  }
}

/** "exit 255" or "signal 9". */
function renderEnding(ending: Ending): string {
  return ending.signal === undefined ? `exit ${ending.code ?? "unknown"}` : `signal ${ending.signal}`;
}
