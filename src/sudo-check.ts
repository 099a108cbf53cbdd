/**
 * What sudo gives the user that asks, or another, for `--check`: sudo's own words, judged as a start judges them. Only
 * lists; never makes the one call of a start.
 */
import type { Problem } from "./errors.ts";
import type { Host } from "./host.ts";
import { findOwnPath } from "./own-executable.ts";
import { findSudo } from "./sudo-binary.ts";
import { judgeListing, type Listing, renderScopedRule, unsafeRule } from "./sudo-listing.ts";

const TIMEOUT_MS = 5000;

export type SudoFinding = { readonly listing: Listing } | { readonly isAbsent: boolean; readonly problem: Problem };

/** `user`: ask about somebody else, as root. */
export async function inspectSudo(host: Host, user?: string): Promise<SudoFinding> {
  const sudo = findSudo();
  if (!("path" in sudo)) return sudo;
  const argv = [sudo.path, "-n", "-l", ...(user === undefined ? [] : ["-U", user])];
  const { stdout, stderr, timedOut } = await host.run("ask sudo what it gives", argv, { timeoutMs: TIMEOUT_MS });
  if (timedOut) return { listing: { kind: "unclear", saw: "no answer in time" } };
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  return { listing: judgeListing(text(stdout), text(stderr), findOwnPath()) };
}

/** What a start would make of it, in words. `serves`: sudo mode would be had. */
export function describeSudo(listing: Listing): { readonly serves: boolean; readonly problem: Problem } {
  const rule = `grant the one rule: app ALL=${renderScopedRule(findOwnPath())}`;
  switch (listing.kind) {
    case "scoped":
      return { serves: true, problem: { what: "the one sudo rule is there: it serves at each start" } };
    case "other": {
      const saw = listing.rules.join("; ");
      if (!listing.coversUs) return { serves: false, problem: { what: "no sudo rule names withssh", saw, hint: rule } };
      const what = "a broad sudo rule: it is taken away at the first start, and serves that start alone";
      return { serves: true, problem: { what, saw, hint: rule } };
    }
    case "unsafe":
      return { serves: false, problem: unsafeRule(listing.saw) };
    case "unclear":
      return { serves: false, problem: { what: "sudo's words are not understood", saw: listing.saw, hint: rule } };
    default:
      return { serves: false, problem: { what: "sudo gives this user nothing", saw: listing.kind, hint: rule } };
  }
}
