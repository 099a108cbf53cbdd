/**
 * The runtime's thrift: how eager it is to compile, and when it gives memory back. The executable starts reluctant to
 * compile (scripts/build.ts), since a launcher ends before compiled code pays; who has long work to do asks for the normal
 * policy first.
 */

/** Back to the runtime's normal policy, for good; a runtime that cannot is left as it is. */
export function compileNormally(): void {
  Bun.unsafe.setJITPolicy?.(1);
}

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
