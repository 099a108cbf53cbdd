/**
 * When keys behind URLs are asked for: at once, soon again until the first answer, then at the refresh interval with
 * jitter, so that a fleet does not ask in step. An answer that is no good changes nothing.
 */
import type { Host } from "./host.ts";
import { askUrl, urlName } from "./key-url.ts";

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** A tenth either way. */
const JITTER = 0.1;

export interface UrlRefresh {
  readonly host: Host;
  readonly urls: readonly string[];
  readonly refreshMs: number;
  readonly roots: string | undefined;
  readonly keep: (url: string, text: string) => void;
}

/** Asks for every URL until the process ends, each at its own pace. */
export function startUrlRefresh(refresh: UrlRefresh): void {
  for (const url of refresh.urls) void ask(refresh, url, { failures: 0, hasAnswered: false });
}

/** How long to wait after `failures` in a row, the URL having answered before or not. `random` is from 0 to 1. */
export function delayBeforeAsking(
  refreshMs: number,
  { failures, hasAnswered }: { failures: number; hasAnswered: boolean },
  random: number,
): number {
  const retryMs = Math.min(FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1), LAST_RETRY_MS);
  return Math.round((hasAnswered ? refreshMs : retryMs) * (1 - JITTER + 2 * JITTER * random));
}

async function ask(refresh: UrlRefresh, url: string, past: { failures: number; hasAnswered: boolean }): Promise<void> {
  const { host, refreshMs, roots, keep } = refresh;
  const answer = await askUrl(host, url, roots);
  const now =
    "text" in answer
      ? { failures: 0, hasAnswered: true }
      : { failures: past.failures + 1, hasAnswered: past.hasAnswered };
  if ("text" in answer) keep(url, answer.text);
  // Once is enough while it goes on.
  else if (now.failures === 1) host.emit({ type: "source failed", source: urlName(url), problem: answer.problem });
  setTimeout(() => void ask(refresh, url, now), delayBeforeAsking(refreshMs, now, host.random()));
}
