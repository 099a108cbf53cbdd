/**
 * When the runtime gives memory back. It is reluctant to compile (scripts/build.ts), in the supervisor too: with ten thousand
 * keys the compilers and their code took megabytes, and no time was won.
 */

/** What has just worked may work again at once: its garbage waits this long. */
const SETTLED_MS = 1000;
let settling: ReturnType<typeof setTimeout> | undefined;

/**
 * Collects all garbage soon, and the code of what has run: an idle runtime would keep what a start or ten thousand keys have
 * left behind. What runs again is loaded again, from the executable.
 */
export function giveMemoryBackSoon(): void {
  clearTimeout(settling);
  settling = setTimeout(() => {
    Bun.shrink();
    Bun.gc(true);
  }, SETTLED_MS);
}

/** Collects all garbage now, in some milliseconds: for work that would leave tens of megabytes behind before its end. */
export function giveMemoryBackNow(): void {
  Bun.gc(true);
}
