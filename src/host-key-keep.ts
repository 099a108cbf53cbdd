/**
 * Gives a new host key its place: on the volume, where a rival's key of the same type wins over ours, or else in memory,
 * which the caller decides about. Never saves bytes that sshd could not read.
 */
import type { Problem } from "./errors.ts";
import type { HostKey, HostKeyTools, HostKeyType } from "./host-key-files.ts";
import { isOfType } from "./host-key-files.ts";
import { makeHostKey } from "./host-key-make.ts";
import { saveHostKey, savePublicHalf } from "./host-key-save.ts";
import type { HostKeyStore, NoStore } from "./host-key-store.ts";
import { readStoredKey } from "./host-key-store.ts";
import { parsePrivateKey } from "./private-key.ts";
import { isSame } from "./ssh-wire.ts";

/** A key to serve; `failed` (an errno name) when it is in memory alone. Or why there is none. */
export type Kept = { readonly key: HostKey; readonly failed: string | undefined } | { readonly problem: Problem };

/** Makes a fresh key and keeps it. */
export async function makeAndKeep(
  tools: HostKeyTools,
  store: HostKeyStore | NoStore,
  type: HostKeyType,
): Promise<Kept> {
  const bytes = await makeHostKey(tools, type);
  if ("what" in bytes) return { problem: bytes };
  const half = parsePrivateKey(bytes);
  if (half.verdict !== "ok" || !isOfType(half.type, type)) {
    const saw = half.verdict === "bad" ? half.reason : "a key of another kind";
    return {
      problem: {
        what: `ssh-keygen made no usable ${type} host key`,
        saw,
        hint: "install OpenSSH's own ssh-keygen, of the same release as sshd",
      },
    };
  }
  const key = { ...half, type, algorithm: half.type, privateBytes: bytes, certificate: undefined };
  return keepHostKey(tools, store, { ...key, origin: "made", saved: false });
}

/** Saves the key under its type's name, and returns what is there then. */
export async function keepHostKey(tools: HostKeyTools, store: HostKeyStore | NoStore, key: HostKey): Promise<Kept> {
  if (!("dir" in store)) return { key: { ...key, saved: false }, failed: store.unmakeable };
  const outcome = saveHostKey(tools.host, store, key.type, key.privateBytes);
  if (outcome !== "there") return { key: { ...key, saved: false }, failed: outcome.failed };
  const file = await readStoredKey(tools, store, key.type);
  if (file.state === "refused") return { problem: file.problem };
  if (file.state === "absent") return { key: { ...key, saved: false }, failed: "ENOENT" };
  savePublicHalf(tools.host, store, file.key);
  const isOurs = isSame(file.key.privateBytes, key.privateBytes);
  return { key: isOurs ? { ...file.key, origin: key.origin } : file.key, failed: undefined };
}
