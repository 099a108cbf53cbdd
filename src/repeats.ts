/**
 * What strangers cause stays countable: of refusals alike the first few are told, the rest is counted and told once a
 * window. Must never forget in silence: what finds no room of its own is counted with the others, and no name that a
 * stranger chose decides what is kept. Accepted logins, ends of sessions and all else pass as they are.
 */
import type { Event, Level } from "./events.ts";

export interface RepeatsOptions {
  readonly emit: (event: Event) => void;
  /** A clock that nobody sets. */
  readonly elapsedMs: () => number;
}

export const WINDOW_MS = 60_000;
/** Told one by one, of each address and of each kind of sshd's words, in a window. */
export const FIRST_FEW = 5;
/** Addresses and kinds that are counted apart in a window; the rest is counted together. */
export const MOST_BUCKETS = 50;
const MOST_SAMPLES = 5;
const SAMPLE_LENGTH = 64;
const OTHERS = "others";

type Repeatable = Extract<Event, { type: "refused" | "sshd" }>;

interface Bucket {
  readonly what: Repeatable["type"];
  readonly level: Level;
  readonly address: string | undefined;
  seen: number;
  folded: number;
  readonly samples: Set<string>;
}

/** One window at a time; there is a timer only while one is open. */
export class Repeats {
  readonly #options: RepeatsOptions;
  #buckets = new Map<string, Bucket>();
  #beganMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RepeatsOptions) {
    this.#options = options;
  }

  /** Tells the event, or counts it and tells it at debug alone. */
  offer(event: Event): void {
    if (!isRepeatable(event)) return void this.#options.emit(event);
    if (this.#timer === undefined) {
      this.#beganMs = this.#options.elapsedMs();
      this.#timer = setTimeout(() => this.flush(), WINDOW_MS);
    }
    const bucket = this.#bucketOf(event);
    bucket.seen += 1;
    if (bucket.seen <= FIRST_FEW) return void this.#options.emit(event);
    bucket.folded += 1;
    const sample = (event.type === "refused" ? event.user : event.text).slice(0, SAMPLE_LENGTH);
    if (bucket.samples.size < MOST_SAMPLES) bucket.samples.add(sample);
    this.#options.emit(event.type === "refused" ? { ...event, isRepeat: true } : { ...event, level: "debug" });
  }

  /** Closes the window: each that had more than was told gets its one line. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const buckets = this.#buckets;
    this.#buckets = new Map();
    const seconds = Math.round((this.#options.elapsedMs() - this.#beganMs) / 1000);
    for (const { what, level, address, folded, samples } of buckets.values()) {
      if (folded > 0) {
        this.#options.emit({ type: "repeated", what, level, address, count: folded, seconds, samples: [...samples] });
      }
    }
  }

  #bucketOf(event: Repeatable): Bucket {
    const { type: what } = event;
    const address = event.type === "refused" ? networkOf(event.address) : undefined;
    // sshd's own first word: what a stranger chose comes later in each of its lines that people see (sshd-log.ts).
    const name = `${what} ${address ?? /^\S*/.exec(event.type === "sshd" ? event.text : "")?.[0]}`;
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const isFull = this.#buckets.size >= MOST_BUCKETS;
    const others = this.#buckets.get(`${OTHERS} ${what}`);
    if (isFull && others !== undefined) return others;
    const level = event.type === "refused" ? "info" : event.level;
    const fresh = {
      what,
      level,
      address: isFull ? undefined : address,
      seen: 0,
      folded: 0,
      samples: new Set<string>(),
    };
    this.#buckets.set(isFull ? `${OTHERS} ${what}` : name, fresh);
    return fresh;
  }
}

const isRepeatable = (event: Event): event is Repeatable =>
  event.type === "refused" || (event.type === "sshd" && event.level !== "debug");

/** Who has one IPv6 address has a /64 of them (RFC 6177): those count as one. */
export function networkOf(address: string): string {
  const [bare = ""] = address.split("%", 1);
  if (!bare.includes(":")) return address;
  const [head = "", tail] = bare.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? [] : tail.split(":");
    while (groups.length + behind.length < 8) groups.push("0");
    groups.push(...behind);
  }
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}
