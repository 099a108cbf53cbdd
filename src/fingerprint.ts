/** How a key is shown to people. Asked for when it is shown: the first hash that the runtime makes takes a fifth of a millisecond. */
import type { HostKeyFacts } from "./events.ts";

/** 32 bytes in base64, without its one padding character. */
const LENGTH = 43;

/** As `ssh-keygen -l` prints it: SHA256 of the public blob (RFC 4253, section 6.6) in base64 without padding. */
export function fingerprintOf(publicBlob: Uint8Array): string {
  return `SHA256:${Bun.CryptoHasher.hash("sha256", publicBlob, "base64").slice(0, LENGTH)}`;
}

/** A host key as people compare it. */
export function describeHostKey(key: { readonly algorithm: string; readonly publicBlob: Uint8Array }): HostKeyFacts {
  return { type: key.algorithm, fingerprint: fingerprintOf(key.publicBlob) };
}
