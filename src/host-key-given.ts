/**
 * WITHSSH_HOST_KEYS: an identity given as text (PEM blocks, or base64 of them), for a fleet out of a secret store. It
 * wins over the volume, which is neither read nor written. Never shows a byte of it.
 */
import type { Problem } from "./errors.ts";
import {
  certifies,
  HOST_KEY_TYPES,
  type HostKey,
  type HostKeyTools,
  isOfType,
  judgePrivateKey,
} from "./host-key-files.ts";
import type { Identity } from "./host-keys.ts";

const BLOCK = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z0-9 ]*PRIVATE KEY-----/g;
const CERTIFICATE = /^(?:ssh|ecdsa)-[a-z0-9-]+-cert-v01@openssh\.com AAAA[A-Za-z0-9+/=]+/gm;

/** The private key blocks and host certificates in the text; line ends are made sshd's own. */
export function splitHostKeys(text: string): { blocks: string[]; certificates: string[] } {
  const plain = unwrap(text).replace(/\r\n?/g, "\n");
  const blocks = Array.from(plain.matchAll(BLOCK), ([block]) => `${block.replace(/^[ \t]+|[ \t]+$/gm, "")}\n`);
  return { blocks, certificates: Array.from(plain.matchAll(CERTIFICATE), ([line]) => `${line}\n`) };
}

/** base64 of the blocks as the blocks; literal `\n` of an env file as line ends. */
function unwrap(text: string): string {
  if (text.includes("-----BEGIN")) return /[\r\n]./.test(text.trim()) ? text : text.replaceAll("\\n", "\n");
  return Buffer.from(text.replace(/\s+/g, ""), "base64").toString("latin1");
}

/**
 * The identity out of the text, with what could not be used told as refused. A problem: nothing in it serves, and no
 * other identity is made up.
 */
export async function restoreGivenHostKeys(
  tools: HostKeyTools,
  name: string,
  bytes: Uint8Array,
): Promise<Identity | { readonly problem: Problem }> {
  const { blocks, certificates } = splitHostKeys(Buffer.from(bytes).toString("latin1"));
  const keys: HostKey[] = [];
  let problem: Problem | undefined;
  for (const [at, block] of blocks.entries()) {
    const privateBytes = Buffer.from(block, "latin1");
    const half = await judgePrivateKey(tools, privateBytes);
    const type = typeof half === "string" ? undefined : HOST_KEY_TYPES.find((one) => isOfType(half.type, one));
    const isDouble = keys.some((key) => key.type === type);
    if (typeof half === "string" || type === undefined || isDouble) {
      const saw = typeof half === "string" ? half : isDouble ? `a second ${type} key` : `a key of type ${half.type}`;
      problem = {
        what: `key ${at + 1} of ${name} cannot be used`,
        saw,
        hint: "one private key of a type, no passphrase",
      };
      tools.host.emit({ type: "host key refused", path: name, problem });
      continue;
    }
    const certificate = certificates.find((line) => certifies(line, half));
    keys.push({
      ...half,
      type,
      algorithm: half.type,
      privateBytes,
      certificate: certificate === undefined ? undefined : Buffer.from(certificate, "latin1"),
      origin: "restored",
      saved: true,
    });
  }
  if (keys.length === 0) {
    const hint = "give it what ssh-keygen writes, from -----BEGIN to -----END, or base64 of that";
    return { problem: problem ?? { what: `${name} holds no private key`, hint } };
  }
  const inOrder = HOST_KEY_TYPES.flatMap((type) => keys.filter((key) => key.type === type));
  const restored = inOrder.map((key) => key.type);
  tools.host.emit({ type: "host keys", restored, made: [], adopted: [], where: name });
  return { keys: inOrder, missing: [], appWritable: undefined, inMemory: false, isUnmounted: false };
}
