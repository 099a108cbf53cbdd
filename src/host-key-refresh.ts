/**
 * Looks at the volume's host keys again while sshd serves: what was put there counts, what is gone or broken changes
 * nothing until the next start. Makes and saves nothing.
 */
import type { Problem } from "./errors.ts";
import { HOST_KEY_TYPES, type HostKey, type HostKeyTools, keyFileName } from "./host-key-files.ts";
import { closeHostKeyStore, openHostKeyStore, readStoredKey } from "./host-key-store.ts";
import type { Identity } from "./host-keys.ts";
import { isSame } from "./ssh-wire.ts";

/** What is to be served from now on. `problems` are for telling; `changed`: other keys or certificates than before. */
export interface RefreshedHostKeys {
  readonly keys: readonly HostKey[];
  readonly changed: boolean;
  readonly problems: readonly Problem[];
}

/**
 * Reads the volume's keys again. What serves stays for every type that is not there, or not good, any more. `missing`
 * types are being made by us and join by themselves.
 */
export async function refreshHostKeys(
  tools: HostKeyTools,
  volume: string,
  { keys: serving, missing }: Pick<Identity, "keys" | "missing">,
): Promise<RefreshedHostKeys> {
  const store = openHostKeyStore(tools.host, volume);
  if ("what" in store) return { keys: serving, changed: false, problems: [store] };
  const keys: HostKey[] = [];
  const problems: Problem[] = [];
  try {
    for (const type of HOST_KEY_TYPES) {
      if (missing.includes(type)) continue;
      const served = serving.find((key) => key.type === type);
      const file = "dir" in store ? await readStoredKey(tools, store, type) : ({ state: "absent" } as const);
      if (file.state === "good") keys.push(file.key);
      else if (served !== undefined) keys.push(served);
      if (file.state === "refused") problems.push(file.problem);
      if (file.state === "absent" && served?.saved === true) problems.push(gone(volume, type));
    }
  } finally {
    closeHostKeyStore(store);
  }
  return { keys, changed: !isSameIdentity(keys, serving), problems };
}

const gone = (volume: string, type: HostKey["type"]): Problem => ({
  what: `${volume}/.ssh/${keyFileName(type)} is gone: it still serves, and the next start makes another`,
  hint: "put it back, so that clients do not meet a new identity",
});

function isSameIdentity(a: readonly HostKey[], b: readonly HostKey[]): boolean {
  return a.length === b.length && a.every((key) => b.some((other) => isSameKey(key, other)));
}

function isSameKey(a: HostKey, b: HostKey): boolean {
  if (!isSame(a.publicBlob, b.publicBlob)) return false;
  if (a.certificate === undefined || b.certificate === undefined) return a.certificate === b.certificate;
  return isSame(a.certificate, b.certificate);
}
