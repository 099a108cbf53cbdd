/**
 * Addresses that sshd could not have while it listens on others: it serves, and who is shut out is told, each address once.
 * Says nothing of an sshd that listens nowhere, which is no half measure.
 */
import type { Config } from "./config.ts";
import type { Problem } from "./errors.ts";
import type { SshdFacts } from "./sshd.ts";
import type { Unbound } from "./sshd-log.ts";

export interface UnboundOptions {
  readonly config: Config;
  /** How sshd is now. */
  readonly sshd: () => SshdFacts | undefined;
  readonly warn: (problem: Problem) => void;
}

export class UnboundAddresses {
  readonly #options: UnboundOptions;
  /** As sshd said it last, by address. */
  readonly #unbound = new Map<string, Unbound>();
  readonly #told = new Set<string>();

  constructor(options: UnboundOptions) {
    this.#options = options;
  }

  /** sshd could not have this one. Resolves when what is to be told of it was. */
  add(unbound: Unbound): Promise<void> {
    this.#unbound.set(unbound.address, unbound);
    return this.#tell();
  }

  /** sshd has this one: it listens. Resolves when what is to be told of others was. */
  delete(address: string): Promise<void> {
    this.#unbound.delete(address);
    this.#told.delete(address);
    return this.#tell();
  }

  async #tell(): Promise<void> {
    const { config, sshd, warn } = this.#options;
    if (this.#unbound.size === 0 || sshd()?.isListening !== true) return;
    const { explainUnbound } = await import("./port-holder.ts");
    for (const [address, unbound] of this.#unbound) {
      if (this.#told.has(address)) continue;
      this.#told.add(address);
      const problem = explainUnbound(unbound, config, sshd()?.pid);
      if (problem !== undefined) warn(problem);
    }
  }
}
