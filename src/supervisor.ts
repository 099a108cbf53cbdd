/**
 * The steady state: waits for one thing and reacts. sshd's log becomes events, sshd's end a restart, the app's end ours.
 * Must never act on what a stranger wrote into the log, and never hold the app up.
 */
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import { endDescendants } from "./descendants.ts";
import type { Problem } from "./errors.ts";
import type { Host } from "./host.ts";
import { findKeyOrigin } from "./key-origin.ts";
import { KeySessions, type KnownKeys } from "./key-sessions.ts";
import { whenEnded } from "./process-end.ts";
import { readStartTicks } from "./process-stat.ts";
import type { Reply, Request } from "./request.ts";
import { Sessions } from "./sessions.ts";
import { judgeSsh, type SshReport, type Trouble } from "./ssh-state.ts";
import { proveConfig, testConfig } from "./sshd-ask.ts";
import { parseSshdRecord, type SshdLog } from "./sshd-log.ts";
import { Logins } from "./sshd-logins.ts";
import { LISTENING_MS, type SshdPlace } from "./sshd-place.ts";
import { describeReady } from "./sshd-ready.ts";
import { UnboundAddresses } from "./sshd-unbound.ts";

export interface SupervisorOptions {
  readonly host: Host;
  readonly place: SshdPlace;
  readonly config: Config;
  readonly request: Request;
  /** A descriptor of the app. */
  readonly appPidfd: number;
  readonly answer: (reply: Reply) => void;
}

/** A reason to stay where nothing else is. */
const IDLE_MS = 1 << 30;
/** A refused config is looked at again this often, in silence. */
const REFUSED_RETRY_MS = 30_000;
/** sshd takes milliseconds; one that has ended instead is started again by itself. */
const RELOAD_TIMEOUT_MS = 5000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  #plan: Plan | undefined;
  readonly #sessions = new Sessions();
  readonly #keySessions: KeySessions | undefined;
  readonly #logins: Logins;
  #isProved = false;
  #isListening = false;
  #isReady = false;
  #isEnding = false;
  #lastRefusal = "";
  #trouble: Trouble | undefined;
  /** What sshd complained about first since it was last started. */
  #firstError: string | undefined;
  readonly #unbound: UnboundAddresses;
  #finish: () => void = () => {};
  #onReady: () => void = () => {};
  #onListening: () => void = () => {};
  /** Once sshd has listened under a proved plan. */
  readonly ready: Promise<void>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { host, config, place } = options;
    if (config.revokeSessions)
      this.#keySessions = new KeySessions(
        this.#sessions,
        (event) => host.emit(event),
        () => this.#knownKeys(),
      );
    this.#logins = new Logins({
      sessions: this.#sessions,
      emit: (event) => host.emit(event),
      onSession: (session) => this.#keySessions?.accepted(session),
      sourceOf: (key, use) => findKeyOrigin(this.#plan?.keys.keys ?? [], config, key, use),
      startOf: readStartTicks,
      drain: () => place.log.drain(),
      now: () => host.now(),
    });
    this.#unbound = new UnboundAddresses({
      config,
      sshd: () => place.sshd?.facts,
      warn: (problem) => host.emit({ type: "warning", problem }),
    });
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    // Last: what has waited comes at once.
    place.log.listen(
      ({ text, pid }) => this.#onRecord(parseSshdRecord(text), pid),
      () => host.emit({ type: "sshd log full" }),
    );
  }

  /** What sshd runs under; undefined while SSH is down. */
  get plan(): Plan | undefined {
    return this.#isProved ? this.#plan : undefined;
  }

  /**
   * The plan that counts from now on; sshd reads its config again where that has changed and was proved. Resolves when it
   * listens again: until then it refuses connections.
   */
  async adopt(plan: Plan, { reload }: { reload: boolean }): Promise<void> {
    this.#plan = plan;
    this.#keySessions?.keysChanged();
    if (!reload) return;
    const listening = this.#untilListening(RELOAD_TIMEOUT_MS);
    this.#options.place.sshd?.reload();
    await listening;
  }

  /** Resolves when sshd says that it listens, or when this time is over. */
  #untilListening(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#onListening = resolve;
    return promise.then(() => clearTimeout(timer));
  }

  /** Stays until the app has ended or a signal says stop; resolves when everything of ours is gone. */
  watch(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#finish = resolve;
    // Where PID 1 is the app the container ends with it.
    if (this.#options.request.appPid !== 1) whenEnded(this.#options.appPidfd, () => this.#end("app"));
    const timer = setInterval(() => {}, IDLE_MS);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
      process.on(signal, () => signal !== "SIGHUP" && this.#end(signal));
    }
    return promise.then(() => clearInterval(timer));
  }

  /** How SSH is now, for `--status`. */
  report(): SshReport {
    const [sshd, plan, sessions] = [this.#options.place.sshd?.facts, this.plan, this.#sessions.living()];
    return { ...judgeSsh(this.#trouble, sshd, this.#isProved), sshd, plan, sessions };
  }

  /** SSH is not to be had: said loudly, and the app runs. */
  down(problem: Problem, ssh: Trouble["ssh"] = "down"): void {
    this.#options.host.emit({ type: "ssh down", problem });
    this.#options.answer({ ready: false, why: problem.what });
    this.#trouble = { ssh, problem };
  }

  /** SSH starts when there is a key: told, and the launcher that waits goes on waiting. */
  wait(problem: Problem): void {
    this.#options.host.emit({ type: "warning", problem });
    this.#trouble = { ssh: "no keys", problem };
  }

  /**
   * Starts sshd under this plan. With Match blocks in its config nothing listens before the proof; without any, a first
   * value cannot be overridden (sshd_config(5)), and the proof takes no processor from sshd's start.
   */
  async run(plan: Plan): Promise<void> {
    this.#plan = plan;
    this.#keySessions?.keysChanged();
    this.#trouble = undefined;
    const { place } = this.#options;
    const sshd = place.sshd ?? place.renew(plan.programs.sshd, plan.state.private.path);
    const start = () => sshd.start(plan.written.bytes, this.#explain);
    if (!plan.written.hasMatch) {
      const listening = sshd.facts.isListening ? undefined : this.#untilListening(LISTENING_MS);
      start();
      await listening;
    }
    const problems = await this.prove(plan);
    if (problems.length > 0) {
      place.drop();
      this.#refuse(problems);
      return;
    }
    this.#isProved = true;
    if (plan.written.hasMatch) start();
    this.#serves();
  }

  /** Tells why sshd cannot serve: each reason once, however many users and programs it was seen with. */
  #refuse(problems: readonly Problem[]): void {
    const reasons = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
    const text = [...reasons.keys()].join("\n");
    if (text !== this.#lastRefusal) for (const problem of reasons.values()) this.down(problem);
    this.#lastRefusal = text;
  }

  #knownKeys(): KnownKeys {
    const { keys = [], isClean = false } = this.#plan?.keys ?? {};
    return { fingerprints: new Set(keys.map(({ fingerprint }) => fingerprint)), isClean };
  }

  /** Why this plan's config is no good; empty when sshd would keep every promise under it. */
  prove(plan: Plan): Promise<readonly Problem[]> {
    return proveConfig(this.#options.host, this.#options.config, plan);
  }

  /**
   * After an end before it listened: the reason is told once; a config that is refused is looked at again later. A field: a
   * function made in `run` would hold its plan, and with it all keys of the start, for good.
   */
  readonly #explain = async (): Promise<number | undefined> => {
    const { host, config } = this.#options;
    const plan = this.#plan;
    if (plan === undefined) return undefined;
    const refused = await testConfig(host, plan);
    this.#options.place.log.drain();
    const { explainNoListener } = await import("./port-holder.ts");
    this.#refuse(refused.length > 0 ? refused : [explainNoListener(config, this.#firstError)]);
    this.#firstError = undefined;
    return refused.length > 0 ? REFUSED_RETRY_MS : undefined;
  };

  #onRecord(log: SshdLog, pid: number): void {
    if (log.type === "restarting") return;
    if (log.type === "unbound") {
      this.#onRecord({ type: "sshd", level: "error", text: log.text }, pid);
      void this.#unbound.add(log);
      return;
    }
    if (log.type !== "listening") {
      if (log.type === "sshd" && log.level === "error") this.#firstError ??= log.text;
      this.#logins.take(log, pid);
      return;
    }
    this.#options.place.sshd?.listening();
    void this.#unbound.delete(log.address);
    this.#onListening();
    this.#isListening = true;
    this.#lastRefusal = "";
    this.#serves();
  }

  /** Once it both listens and is proved. The first time that is the line that people and tests wait for. */
  #serves(): void {
    const { host, config, request, answer } = this.#options;
    if (this.#plan === undefined || !this.#isProved || !this.#isListening) return;
    this.#trouble = undefined;
    if (this.#isReady) return;
    this.#isReady = true;
    host.emit(describeReady(config, request.mode, this.#plan));
    answer({ ready: true });
    this.#onReady();
  }

  /** Stops the listener, then the sessions; at most once. */
  async #end(why: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#options.host.emit(why === "app" ? { type: "app ended" } : { type: "stopping", why });
    this.#options.place.sshd?.stop();
    await endDescendants();
    this.#options.place.log.drain();
    this.#logins.close();
    this.#finish();
  }
}
