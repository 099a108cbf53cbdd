/**
 * The ready line out of what sshd runs under: fingerprints, and a line for clients' known_hosts. Public halves alone.
 */

import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import type { Event } from "./events.ts";
import { describeHostKey } from "./fingerprint.ts";
import { pickKnownHostsKey, renderKnownHostsLine } from "./known-hosts.ts";
import type { Mode } from "./privilege.ts";

/** Stands in known_hosts lines where nobody said what clients dial; the event says that it is not exact. */
const UNKNOWN_HOST = "unknown-host";

/** The event that people and tests wait for (docs/boot.md). */
export function describeReady(
  config: Config,
  mode: Mode,
  { identity, accounts }: Plan,
): Extract<Event, { type: "ssh ready" }> {
  const keys = identity.keys.map((key) => ({ ...key, keyType: key.algorithm, blob: toBase64(key.publicBlob) }));
  const address = config.publicAddress ?? { host: UNKNOWN_HOST, port: 22 };
  const known = pickKnownHostsKey(keys);
  return {
    type: "ssh ready",
    mode,
    port: config.port,
    users: accounts.map((account) => account.name),
    hostKeys: identity.keys.map(describeHostKey),
    hostKeysPending: identity.missing,
    knownHosts: known === undefined ? "" : renderKnownHostsLine([address], known),
    knownHostsExact: config.publicAddress !== undefined,
  };
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
