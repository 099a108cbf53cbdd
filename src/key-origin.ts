/**
 * Where a key that sshd names was given to us: what the log and people call its source. Names of settings and files only;
 * never the key.
 */
import type { KeyFacts } from "./authorized-keys.ts";
import type { Config } from "./config.ts";
import { settings } from "./settings.ts";

/** A login that used the key: `authority` is the fingerprint of who signed its certificate. */
export interface KeyUse {
  readonly isAccepted: boolean;
  readonly authority?: string;
}

/** The sources of this key, or of the authority behind it; undefined where nothing of ours has it. */
export function findKeyOrigin(
  keys: readonly KeyFacts[],
  config: Pick<Config, "trustedUserCa" | "homeKeys">,
  key: string,
  { isAccepted, authority }: KeyUse,
): string | undefined {
  const found = keys.find(({ fingerprint }) => fingerprint === (authority ?? key));
  if (found !== undefined) return found.sources.join(", ");
  if (authority !== undefined) return config.trustedUserCa === undefined ? undefined : settings.trustedUserCa.name;
  // What else lets sshd accept a key; one that was only tried may be anybody's.
  return isAccepted && config.homeKeys ? "~/.ssh/authorized_keys" : undefined;
}
