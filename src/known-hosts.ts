/**
 * Lines ready for a client's known_hosts, so that nobody needs `StrictHostKeyChecking no`. Only public halves.
 * Format: sshd(8) SSH_KNOWN_HOSTS FILE FORMAT. It never hashes names: the line is for people to compare.
 */
import { type Address, SSH_PORT } from "./addresses.ts";

export interface PublicHostKey {
  /** "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa". */
  readonly keyType: string;
  /** The blob in base64. */
  readonly blob: string;
}

/** One line without its newline: all addresses, comma between, the key's type and its blob. */
export function renderKnownHostsLine(addresses: readonly Address[], key: PublicHostKey): string {
  return `${addresses.map(renderHost).join(",")} ${key.keyType} ${key.blob}`;
}

/** The key to name where there is room for one: ed25519, which every client asks for first, else the first there is. */
export function pickKnownHostsKey<K extends { readonly keyType: string }>(keys: readonly K[]): K | undefined {
  return keys.find((key) => key.keyType === "ssh-ed25519") ?? keys[0];
}

/** As ssh writes it itself (put_host_port in misc.c): brackets only beside a port; names in lower case (hostfile.c). */
function renderHost({ host, port }: Address): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return port === SSH_PORT ? bare : `[${bare}]:${port}`;
}
