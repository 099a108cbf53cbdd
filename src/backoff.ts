/**
 * How long to wait before sshd is started again: growing, jittered, and short again after a quiet while. Pure.
 */

export const FIRST_DELAY_MS = 100;
export const LONGEST_DELAY_MS = 30_000;
/** sshd that ran this long is taken to be well. */
export const QUIET_MS = 10_000;

/** How often it failed in a row, given how long it ran the last time. */
export function countFailures(before: number, ranMs: number): number {
  return ranMs >= QUIET_MS ? 1 : before + 1;
}

/**
 * The delay before the next start after `failures` in a row (from 1), in milliseconds: it doubles, and jitter (`random`
 * from 0 to 1) takes up to half of it away, so that a fleet does not restart in step.
 */
export function delayAfter(failures: number, random: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 20));
  return Math.round(full * (1 - random / 2));
}
