/**
 * Host keys as files: their names, and what a file under such a name is worth. Reads only, never repairs: what exists
 * and cannot be used is told in words and left alone. sshd never reads these files, so owners and modes are no verdict.
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";
import { deriveFromPem } from "./host-key-make.ts";
import type { HostKeyAlgorithm, PublicHalf } from "./private-key.ts";
import { parsePrivateKey } from "./private-key.ts";

/** The types that an identity has, fastest first. rsa takes up to a second to make. */
export const HOST_KEY_TYPES = ["ed25519", "ecdsa", "rsa"] as const;
export type HostKeyType = (typeof HOST_KEY_TYPES)[number];

/** A host key that can be used. `privateBytes` is what sshd gets; `publicLine` has no line end. */
export interface HostKey extends Omit<PublicHalf, "type"> {
  readonly type: HostKeyType;
  readonly algorithm: HostKeyAlgorithm;
  readonly privateBytes: Uint8Array;
  /** The host certificate found beside it, one line. */
  readonly certificate: Uint8Array | undefined;
  readonly origin: "restored" | "made" | "adopted";
  /** False: it lives in memory alone and ends with this container. */
  readonly saved: boolean;
}

export type HostKeyFile =
  | { readonly state: "absent" }
  | { readonly state: "good"; readonly key: HostKey; readonly facts: Facts }
  | { readonly state: "refused"; readonly problem: Problem; readonly short: Uint8Array | undefined };

/** What reading needs beside the directory: the helper for keys in PEM form, and where it may work. */
export interface HostKeyTools {
  readonly host: Host;
  /** Absolute path of ssh-keygen; undefined when the image has none. */
  readonly keygen: string | undefined;
  /** Root-only (rootless: our own), on this machine, not on the volume. */
  readonly privateDir: Dir;
}

const READ = "read host key";
/** More than any key or certificate has. */
export const MOST_KEY_BYTES = 64 * 1024;
const NO_LINK = "put the key file itself there; links are not followed here";

export const keyFileName = (type: HostKeyType): string => `ssh_host_${type}_key`;
export const publicFileName = (type: HostKeyType): string => `ssh_host_${type}_key.pub`;
export const certificateFileName = (type: HostKeyType): string => `ssh_host_${type}_key-cert.pub`;

/** Judges `ssh_host_<type>_key` in `dir`. Throws only what is a bug or the end of us. */
export async function readHostKeyFile(
  tools: HostKeyTools,
  dir: Dir,
  type: HostKeyType,
  origin: HostKey["origin"],
): Promise<HostKeyFile> {
  const name = keyFileName(type);
  const refuse = (saw: string, hint: string, short?: Uint8Array): HostKeyFile => ({
    state: "refused",
    problem: { what: `the host key ${dir.path}/${name} cannot be used`, saw, hint },
    short,
  });
  let content: { bytes: Uint8Array; facts: Facts };
  try {
    content = dir.read(READ, name, MOST_KEY_BYTES);
  } catch (error) {
    if (!isOsError(error)) throw error;
    if (error.code === "ENOENT") return { state: "absent" };
    if (error.code === "ELOOP") return refuse("a symbolic link", NO_LINK);
    if (error.code === "EFBIG") return refuse(`more than ${MOST_KEY_BYTES} bytes`, REPLACE_HINT);
    if (["EINVAL", "EISDIR", "ENXIO"].includes(error.code)) return refuse(kindWords(dir, name), REPLACE_HINT);
    if (error.code === "EACCES" || error.code === "EPERM") {
      return refuse(`no right to read it (${error.code})`, `let uid ${tools.host.self.uid} read it`);
    }
    return refuse(`reading failed with ${error.code}`, "look at the volume itself");
  }
  const half = await judgePrivateKey(tools, content.bytes);
  if (typeof half === "string") return refuse(half, REPLACE_HINT, content.bytes);
  if (!isOfType(half.type, type)) return refuse(`a key of type ${half.type}`, `its name says ${type}: move it away`);
  const key = { ...half, type, algorithm: half.type, privateBytes: content.bytes, origin, saved: true };
  return {
    state: "good",
    facts: content.facts,
    key: { ...key, certificate: readCertificate(tools.host, dir, type, half) },
  };
}

const REPLACE_HINT = "put the good key back, or move this file away and a new key is made (clients will notice)";

/** The public half, or in words why there is none. */
export async function judgePrivateKey(tools: HostKeyTools, bytes: Uint8Array): Promise<PublicHalf | string> {
  const verdict = parsePrivateKey(bytes);
  if (verdict.verdict === "ok") return verdict;
  if (verdict.verdict === "bad") return verdict.reason;
  if (verdict.verdict === "encrypted") return "it is encrypted: a host key must have no passphrase";
  return deriveFromPem(tools, bytes);
}

/** True when an algorithm belongs under that type's file name. */
export function isOfType(algorithm: HostKeyAlgorithm, type: HostKeyType): boolean {
  if (type === "ecdsa") return algorithm.startsWith("ecdsa-sha2-");
  return algorithm === `ssh-${type}`;
}

/** A certificate for this very key; one that is there and is not is told: who trusts the authority alone is locked out. */
function readCertificate(host: Host, dir: Dir, type: HostKeyType, half: PublicHalf): Uint8Array | undefined {
  const name = certificateFileName(type);
  const leaveOut = (saw: string): undefined => {
    const hint = "sign the key on the volume again: ssh-keygen -s CA -h";
    host.emit({ type: "warning", problem: { what: `the certificate ${dir.path}/${name} is not used`, saw, hint } });
  };
  try {
    const { bytes } = dir.read("read host certificate", name, MOST_KEY_BYTES);
    const isOurs = certifies(new TextDecoder("latin1").decode(bytes), half);
    return isOurs ? bytes : leaveOut("none for this key");
  } catch (error) {
    if (!isOsError(error)) throw error;
    return error.code === "ENOENT" ? undefined : leaveOut(error.code === "ELOOP" ? "a symbolic link" : error.code);
  }
}

/** True when the line is a certificate for this very key (PROTOCOL.certkeys): it holds the key's own fields. */
export function certifies(line: string, half: PublicHalf): boolean {
  const [algorithm, base64 = ""] = line.trim().split(" ");
  // They follow the type name in the plain blob.
  const fields = Buffer.from(half.publicBlob).subarray(4 + half.type.length);
  return algorithm === `${half.type}-cert-v01@openssh.com` && Buffer.from(base64, "base64").includes(fields);
}

function kindWords(dir: Dir, name: string): string {
  try {
    return dir.stat(READ, name)?.kind === "directory" ? "a directory" : "no regular file";
  } catch (error) {
    if (isOsError(error)) return "no regular file";
    throw error;
  }
}
