/**
 * The steady state: waits for one thing and reacts. sshd's log becomes events, sshd's end a restart, the app's end ours.
 * Must never act on what a stranger wrote into the log, and never hold the app up.
 */
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import { endDescendants } from "./descendants.ts";
import type { Problem } from "./errors.ts";
import type { Host } from "./host.ts";
import { KeySessions, type KnownKeys } from "./key-sessions.ts";
import { pickKnownHostsKey, renderKnownHostsLine } from "./known-hosts.ts";
import { c, ptr } from "./libc.ts";
import { type LogRecord, LogSocket } from "./log-socket.ts";
import type { Children } from "./processes.ts";
import type { Reply, Request } from "./request.ts";
import { Sshd } from "./sshd.ts";
import { createSshdLogReader } from "./sshd-log.ts";
import { explainRefusal, judgeProof, proofArgv, testArgv } from "./sshd-proof.ts";
import { APP_PIDFD } from "./supervisor-start.ts";

export interface SupervisorOptions {
  readonly host: Host;
  readonly children: Children;
  readonly config: Config;
  readonly request: Request;
  readonly answer: (reply: Reply) => void;
}

/** How often the app's end is looked for where PID 1 is somebody else; a pidfd is not readable by the runtime. */
const APP_CHECK_MS = 1000;
/** Where PID 1 is the app the container ends with it: nothing to look for, only a reason to stay. */
const IDLE_MS = 1 << 30;
/** A refused config is looked at again this often, in silence. */
const REFUSED_RETRY_MS = 30_000;
/** sshd takes milliseconds; one that has ended instead is started again by itself. */
const RELOAD_TIMEOUT_MS = 5000;
const POLLIN = 1;
const PORT_HINT = "where its port is taken: end what holds it, or set WITHSSH_PORT; it is tried again";
/** Stands in known_hosts lines where nobody said what clients dial; the event says that it is not exact. */
const UNKNOWN_HOST = "unknown-host";

export class Supervisor {
  readonly #options: SupervisorOptions;
  #sshd: Sshd | undefined;
  #log: LogSocket | undefined;
  #plan: Plan | undefined;
  readonly #sessions: KeySessions | undefined;
  readonly #read = createSshdLogReader();
  /** As a field: a function made in `run` would hold its plan, and with it all keys of the start, for good. */
  readonly #onText = ({ text, pid }: LogRecord) => this.#onRecord(this.#read(text), pid);
  #isProved = false;
  #isListening = false;
  #isReady = false;
  #isEnding = false;
  #lastRefusal = "";
  /** What sshd complained about first since it was last started. */
  #firstError: string | undefined;
  #finish: () => void = () => {};
  #onReady: () => void = () => {};
  #onListening: () => void = () => {};
  /** Once sshd has listened under a proved plan. */
  readonly ready: Promise<void>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { host, config } = options;
    if (config.revokeSessions)
      this.#sessions = new KeySessions(
        (event) => host.emit(event),
        () => this.#knownKeys(),
      );
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
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
    this.#sessions?.keysChanged();
    if (!reload) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, RELOAD_TIMEOUT_MS);
    this.#onListening = resolve;
    this.#sshd?.reload();
    await promise;
    clearTimeout(timer);
  }

  /** Stays until the app has ended or a signal says stop; resolves when everything of ours is gone. */
  watch(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#finish = resolve;
    const watchesApp = this.#options.request.appPid !== 1;
    const timer = setInterval(
      () => watchesApp && this.#hasAppEnded() && this.#end("app"),
      watchesApp ? APP_CHECK_MS : IDLE_MS,
    );
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
      process.on(signal, () => signal !== "SIGHUP" && this.#end(signal));
    }
    return promise.then(() => clearInterval(timer));
  }

  /** SSH is not to be had: said loudly, and the app runs. */
  down(problem: Problem): void {
    this.#options.host.emit({ type: "ssh down", problem });
    this.#options.answer({ ready: false, why: problem.what });
  }

  /** Starts sshd under this plan. With Match blocks in its config nothing listens before the proof. */
  async run(plan: Plan): Promise<void> {
    const { host, children } = this.#options;
    this.#plan = plan;
    this.#sessions?.keysChanged();
    this.#log ??= new LogSocket(this.#onText);
    this.#sshd = new Sshd({
      children,
      path: plan.programs.sshd,
      configPath: plan.written.path,
      log: this.#log.writer,
      emit: host.emit,
      explain: this.#explain,
    });
    if (!plan.written.hasMatch) this.#sshd.start();
    const problems = await this.prove(plan);
    if (problems.length > 0) {
      this.#sshd.stop();
      this.#refuse(problems);
      return;
    }
    this.#isProved = true;
    if (plan.written.hasMatch) this.#sshd.start();
    this.#tellReady();
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

  /** The promises that `sshd -T` would not keep, for every login user. */
  async prove(plan: Plan): Promise<readonly Problem[]> {
    const { host, config } = this.#options;
    const { written, programs } = plan;
    const results = await Promise.all(
      plan.accounts.map(async ({ name }) => {
        const argv = proofArgv(programs.sshd, written.path, name, config.port);
        const { code, stdout, stderr } = await host.run("prove the sshd config", argv, { timeoutMs: 10_000 });
        if (code === 0) return judgeProof(Buffer.from(stdout).toString("latin1"), written.promises, written.lines);
        return explainRefusal(Buffer.from(stderr).toString("latin1"), written.path, written.origins);
      }),
    );
    return results.flat();
  }

  /** After an end before it listened: the reason is told once; a config that is refused is looked at again later. */
  readonly #explain = async (): Promise<number | undefined> => {
    const { host } = this.#options;
    const plan = this.#plan;
    if (plan === undefined) return undefined;
    const { code, stderr } = await host.run("test the sshd config", testArgv(plan.programs.sshd, plan.written.path));
    this.#log?.drain();
    const problems =
      code === 0
        ? [{ what: "sshd ended before it listened", saw: this.#firstError ?? "nothing of why", hint: PORT_HINT }]
        : explainRefusal(Buffer.from(stderr).toString("latin1"), plan.written.path, plan.written.origins);
    this.#refuse(problems);
    this.#firstError = undefined;
    return code === 0 ? undefined : REFUSED_RETRY_MS;
  };

  #onRecord(log: ReturnType<ReturnType<typeof createSshdLogReader>>, pid: number): void {
    const { host } = this.#options;
    if (log === undefined || log.type === "restarting") return;
    if (log.type === "listening") {
      this.#sshd?.listening();
      this.#onListening();
      this.#isListening = true;
      this.#lastRefusal = "";
      this.#tellReady();
      return;
    }
    if (log.type === "sshd" && log.level === "error") this.#firstError ??= log.text;
    if (log.type !== "accepted") host.emit(log);
    else {
      const source = this.#plan?.keys.keys.find((key) => key.fingerprint === log.key)?.sources.join(", ");
      host.emit(source === undefined ? log : { ...log, source });
      this.#sessions?.accepted(pid, log.user, log.key);
    }
  }

  /** Once, when it both listens and is proved: the line that people and tests wait for. */
  #tellReady(): void {
    const { host, config, answer } = this.#options;
    if (this.#plan === undefined || this.#isReady || !this.#isProved || !this.#isListening) return;
    this.#isReady = true;
    const { identity, accounts } = this.#plan;
    const keys = identity.keys.map((key) => ({ ...key, keyType: key.algorithm, blob: toBase64(key.publicBlob) }));
    const address = config.publicAddress ?? { host: UNKNOWN_HOST, port: 22 };
    const known = pickKnownHostsKey(keys);
    host.emit({
      type: "ssh ready",
      port: config.port,
      users: accounts.map((account) => account.name),
      hostKeys: keys.map(({ keyType, fingerprint }) => ({ type: keyType, fingerprint })),
      knownHosts: known === undefined ? "" : renderKnownHostsLine([address], known),
      knownHostsExact: config.publicAddress !== undefined,
    });
    answer({ ready: true });
    this.#onReady();
  }

  #hasAppEnded(): boolean {
    const poll = new Uint8Array(8);
    const view = new DataView(poll.buffer);
    view.setInt32(0, APP_PIDFD, true);
    view.setInt16(4, POLLIN, true);
    return c.poll(ptr(poll), 1, 0) > 0 && (view.getInt16(6, true) & POLLIN) !== 0;
  }

  /** Stops the listener, then the sessions; at most once. */
  async #end(why: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#options.host.emit(why === "app" ? { type: "app ended" } : { type: "stopping", why });
    this.#sshd?.stop();
    await endDescendants();
    this.#log?.drain();
    this.#finish();
  }
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
