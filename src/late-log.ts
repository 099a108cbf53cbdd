/** The log before the logging library is loaded: kept in memory, since neither the app nor sshd's start may wait for that. */
import type { Config } from "./config.ts";
import type { Event } from "./events.ts";
import type { Log } from "./log.ts";

export class LateLog {
  #early: { readonly event: Event; readonly timeMs: number }[] | undefined = [];
  #log: Log | undefined;

  write(event: Event): void {
    const timeMs = Date.now();
    if (this.#log === undefined) this.#early?.push({ event, timeMs });
    else this.#log.write(event, timeMs);
  }

  /** Tells what was kept, and all else at once from now on. */
  async open({ logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">): Promise<void> {
    const [{ createLog }, { defaultFormat }] = await Promise.all([import("./log.ts"), import("./log-line.ts")]);
    if (this.#log !== undefined) return;
    this.#log = createLog(logLevel, logFormat ?? defaultFormat());
    for (const { event, timeMs } of this.#early ?? []) this.#log.write(event, timeMs);
    this.#early = undefined;
  }
}
