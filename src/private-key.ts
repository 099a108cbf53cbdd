/**
 * Judges the bytes of one private host key, purely and without a helper: what sshd would load and what it would not.
 * The private half decides: every public field must follow from it. Never puts key material into a reason.
 * Format: OpenSSH's PROTOCOL.key; armor rules as sshd's own reader has them (sshkey.c, private2_uudecode).
 */
import { byteString, fromBase64, toBase64 } from "./byte-strings.ts";
import { concat, isSame, WireReader, wireString } from "./ssh-wire.ts";

/** Algorithms that sshd takes as plain host keys. */
export type HostKeyAlgorithm =
  | "ssh-ed25519"
  | "ecdsa-sha2-nistp256"
  | "ecdsa-sha2-nistp384"
  | "ecdsa-sha2-nistp521"
  | "ssh-rsa";

/** What may be shown of a key. `publicLine` has no line end. */
export interface PublicHalf {
  readonly type: HostKeyAlgorithm;
  readonly publicBlob: Uint8Array;
  readonly comment: string;
  readonly publicLine: string;
}

/** `pem`: an older form (PEM, PKCS#8) that sshd reads and only `ssh-keygen -y` can tell the public half of. */
export type PrivateKeyVerdict =
  | ({ readonly verdict: "ok" } & PublicHalf)
  | { readonly verdict: "encrypted" }
  | { readonly verdict: "pem" }
  | { readonly verdict: "bad"; readonly reason: string };

const BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END = "\n-----END OPENSSH PRIVATE KEY-----\n";
const MAGIC = "openssh-key-v1\0";
const LEAST_RSA_BITS = 2048;
/** Bytes of one coordinate of each curve's points. */
const CURVES: Readonly<Record<string, number>> = { nistp256: 32, nistp384: 48, nistp521: 66 };

/** Thrown inside this file only; becomes `verdict: "bad"`. */
class Unusable extends Error {}
const assertThat = (holds: boolean, reason: string): void => {
  if (!holds) throw new Unusable(reason);
};

/** Judges a whole key file. Never throws for what the bytes hold. */
export function parsePrivateKey(bytes: Uint8Array): PrivateKeyVerdict {
  const text = byteString(bytes);
  if (!text.startsWith(BEGIN)) return judgeOtherForm(text);
  try {
    const key = parseContainer(parseArmor(text));
    return key === "encrypted" ? { verdict: "encrypted" } : { verdict: "ok", ...key };
  } catch (error) {
    if (error instanceof Unusable) return { verdict: "bad", reason: error.message };
    if (error instanceof RangeError) return { verdict: "bad", reason: "it is damaged: a field runs past the end" };
    throw error;
  }
}

/**
 * The public half from the line that `ssh-keygen -y` prints, for keys in an older form.
 * A string is the reason why it cannot be a host key.
 */
export function parseDerivedPublicLine(line: string): PublicHalf | string {
  const [type = "", base64 = "", ...comment] = line.trim().split(" ");
  try {
    const blob = fromBase64(base64);
    const wire = new WireReader(blob);
    if (wire.text() !== type) return "type and content disagree";
    assertAlgorithm(type);
    if (type === "ssh-rsa") {
      wire.string();
      assertRsaSize(wire.string());
    }
    return publicHalf(type, blob, comment.join(" "));
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    if (error instanceof RangeError) return "its public half is damaged";
    throw error;
  }
}

function judgeOtherForm(text: string): PrivateKeyVerdict {
  const bad = (reason: string): PrivateKeyVerdict => ({ verdict: "bad", reason });
  if (text.trim() === "") return bad("it is empty");
  if (/^(ssh-|ecdsa-|sk-)[\w@.-]+ AAAA/.test(text)) return bad("it is a public key: the private half belongs here");
  if (text.startsWith("PuTTY-User-Key-File")) return bad("it is a PuTTY key: export it in OpenSSH's form");
  if (text.includes("BEGIN OPENSSH PRIVATE KEY")) {
    // Tried: sshd 9.2 refuses all of these with "error in libcrypto".
    if (text.includes("\r")) return bad("it has Windows line ends (CR LF): sshd cannot read it");
    return bad("something stands before its first line, or that line is not whole: sshd cannot read it");
  }
  const pem = /^-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----\r?\n/.exec(text);
  if (pem === null) return bad("it is no private key in a form that sshd reads");
  if (!text.includes(`-----END ${pem[1]}-----`)) return bad("it is cut off: its last line is missing");
  if (pem[1] === "DSA PRIVATE KEY") return bad("it is a DSA key: sshd no longer takes those");
  if (pem[1] === "ENCRYPTED PRIVATE KEY" || text.includes("Proc-Type: 4,ENCRYPTED")) return { verdict: "encrypted" };
  return { verdict: "pem" };
}

/** The bytes between the markers. Text after the end marker is ignored, white space inside too, as in sshd. */
function parseArmor(text: string): Uint8Array {
  const end = text.indexOf(END, BEGIN.length - 1);
  if (end < 0) {
    assertThat(!text.includes(END.trim()), "its last line does not end with a plain newline: sshd cannot read it");
    throw new Unusable("it is cut off: its last line is missing");
  }
  const armor = text.slice(BEGIN.length, end);
  // As ssh-keygen writes it; to take away any white space takes long at its first time.
  const lines = armor.replaceAll("\n", "");
  const base64 = isBase64(lines) ? lines : armor.replace(/[\s\v]+/g, "");
  assertThat(isBase64(base64), "it is damaged: not base64");
  return fromBase64(base64);
}

const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;

function parseContainer(bytes: Uint8Array): PublicHalf | "encrypted" {
  const magic = byteString(bytes.subarray(0, MAGIC.length));
  assertThat(magic === MAGIC, "it is damaged: not an openssh-key-v1 file");
  const outer = new WireReader(bytes.subarray(MAGIC.length));
  const cipher = outer.text();
  const kdf = outer.text();
  outer.string();
  assertThat(outer.uint32() === 1, "it does not hold exactly one key");
  const publicBlob = outer.string();
  if (cipher !== "none" || kdf !== "none") return "encrypted";
  const section = outer.string();
  assertThat(outer.atEnd(), "it is damaged: bytes after the key");

  const inner = new WireReader(section);
  const check = inner.uint32();
  assertThat(check === inner.uint32() && section.length % 8 === 0, "it is damaged: its check numbers differ");
  const type = inner.text();
  assertAlgorithm(type);
  const derived =
    type === "ssh-ed25519" ? readEd25519(inner) : type === "ssh-rsa" ? readRsa(inner) : readEcdsa(inner, type);
  const comment = inner.text();
  const padding = inner.rest();
  assertThat(padding.length < 8 && padding.every((byte, at) => byte === at + 1), "it is damaged: its padding is wrong");
  assertThat(isSame(derived, publicBlob), "its public and private halves belong to different keys");
  return publicHalf(type, publicBlob, comment);
}

function assertAlgorithm(type: string): asserts type is HostKeyAlgorithm {
  if (type === "ssh-ed25519" || type === "ssh-rsa" || (type.startsWith("ecdsa-sha2-") && type.slice(11) in CURVES))
    return;
  if (type === "ssh-dss") throw new Unusable("it is a DSA key: sshd no longer takes those");
  if (type.startsWith("sk-")) throw new Unusable("it is a security-key handle: it cannot be a host key of a server");
  throw new Unusable("its type is unknown or no host key type");
}

// Each reads the private fields of its type and returns the public blob that follows from them.

function readEd25519(inner: WireReader): Uint8Array {
  const point = inner.string();
  const secret = inner.string();
  // RFC 8709 and PROTOCOL.key: the secret is the seed followed by the public key once more.
  const whole = point.length === 32 && secret.length === 64 && isSame(secret.subarray(32), point);
  assertThat(whole, "it is damaged: its two copies of the public key differ");
  return concat([wireString("ssh-ed25519"), wireString(point)]);
}

function readEcdsa(inner: WireReader, type: string): Uint8Array {
  const curve = inner.text();
  const point = inner.string();
  const secret = inner.string();
  assertThat(type === `ecdsa-sha2-${curve}`, "its type and its curve disagree");
  const size = CURVES[curve] ?? 0;
  assertThat(point.length === 1 + 2 * size && point[0] === 4, "it is damaged: its public point is malformed");
  assertThat(secret.length > 0 && secret.length <= size + 1, "it is damaged: its secret number is malformed");
  return concat([wireString(type), wireString(curve), wireString(point)]);
}

function readRsa(inner: WireReader): Uint8Array {
  const n = inner.string();
  const e = inner.string();
  inner.string();
  inner.string();
  const p = inner.string();
  const q = inner.string();
  assertRsaSize(n);
  assertThat(toBigInt(p) * toBigInt(q) === toBigInt(n), "its public and private halves belong to different keys");
  return concat([wireString("ssh-rsa"), wireString(e), wireString(n)]);
}

function assertRsaSize(n: Uint8Array): void {
  const first = n.findIndex((byte) => byte !== 0);
  const bits = first < 0 ? 0 : (n.length - first) * 8 - Math.clz32(n[first] ?? 0) + 24;
  assertThat(bits >= LEAST_RSA_BITS, `it is an RSA key of ${bits} bits: at least ${LEAST_RSA_BITS} are needed`);
}

const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x0${bytes.toHex()}`);

function publicHalf(type: HostKeyAlgorithm, publicBlob: Uint8Array, rawComment: string): PublicHalf {
  // A comment is free text: one that could break a line is left out of what we print and write.
  const comment = /^[\x20-\x7e]*$/.test(rawComment) ? rawComment.trim() : "";
  const publicLine = `${type} ${toBase64(publicBlob)}${comment === "" ? "" : ` ${comment}`}`;
  return { type, publicBlob, comment, publicLine };
}
