/**
 * A public key's base64 as SSH wire format (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, PROTOCOL.u2f): exact lengths,
 * nothing after the end, the type inside as outside. Never accepts what sshd's sshkey_read() refuses; refuses a few
 * forms that it would take, because sshd then logs another fingerprint than ours (padded numbers, a NUL in a name).
 */

/** A refusal in words. Never holds a byte of the key. */
export interface Refusal {
  readonly reason: string;
  readonly hint: string;
}

type Shape = "ed25519" | "rsa" | "nistp256" | "nistp384" | "nistp521" | "sk-ed25519" | "sk-nistp256";

/** The key types that sshd lets in (RFC names), and how each is built. */
export const KEY_SHAPES: ReadonlyMap<string, Shape> = new Map([
  ["ssh-ed25519", "ed25519"],
  ["ssh-rsa", "rsa"],
  ["ecdsa-sha2-nistp256", "nistp256"],
  ["ecdsa-sha2-nistp384", "nistp384"],
  ["ecdsa-sha2-nistp521", "nistp521"],
  ["sk-ssh-ed25519@openssh.com", "sk-ed25519"],
  ["sk-ecdsa-sha2-nistp256@openssh.com", "sk-nistp256"],
]);

/** sshd has let 1024 bits in by default for long; we do not. */
const MIN_RSA_BITS = 2048;
/** OpenSSL's OPENSSL_RSA_MAX_MODULUS_BITS: nothing longer can ever be verified. */
const MAX_RSA_BITS = 16384;
/** Above 3072 bits OpenSSL verifies only with exponents up to 64 bits (rsa_ossl_public_decrypt). */
const RSA_SMALL_MODULUS_BITS = 3072;
const RSA_MAX_EXPONENT_BITS = 64;

/** y² = x³ - 3x + b modulo p (FIPS 186-4 D.1.2). */
const CURVES = {
  nistp256: {
    bytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  nistp384: {
    bytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  nistp521: {
    bytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
} as const;

const COPY = "copy the whole line of the .pub file again";
const DAMAGED: Refusal = { reason: "the key is damaged", hint: COPY };
const TRUNCATED: Refusal = { reason: "the key is cut off", hint: COPY };
export const GLUED: Refusal = { reason: "two keys are glued together", hint: "give each key a line of its own" };

/** The four or two low bits of the character before the padding (RFC 4648 §3.5). */
const CANONICAL_END = /(?:[^=]|[AEIMQUYcgkosw048]=|[AQgw]==)$/;
/** More than a line may have (key-line.ts): ten thousand keys, one after the other, take one piece of memory. */
const scratch = Buffer.alloc(16_384);

/**
 * Checks `base64` as the key that `type` (one of KEY_SHAPES) announces.
 * Out: the wire bytes, good until the next call, or the refusal in words.
 */
export function readKeyBlob(type: string, base64: string): Uint8Array | Refusal {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    if (/=[A-Za-z0-9+/]/.test(base64) || /(?:ssh-|ecdsa-|sk-)/.test(base64)) return GLUED;
    return { reason: "the key is not base64", hint: COPY };
  }
  if (base64.length % 4 !== 0) return TRUNCATED;
  // Spare bits in the last character must be zero, as b64_pton wants it: the same key then has one spelling.
  if (!CANONICAL_END.test(base64)) return DAMAGED;
  if (base64.length > scratch.length) return DAMAGED;
  const bytes = scratch.subarray(0, scratch.write(base64, "base64"));
  const reader = new Wire(bytes);
  const inner = reader.text();
  if (inner === undefined) return TRUNCATED;
  if (inner !== type) {
    const known = KEY_SHAPES.has(inner) ? ` (the key itself is ${inner})` : "";
    return { reason: `the type ${type} and the key disagree${known}`, hint: COPY };
  }
  const shape = KEY_SHAPES.get(type);
  const refusal = shape === undefined ? DAMAGED : checkShape(reader, shape);
  if (refusal !== undefined) return refusal;
  if (reader.left === 0) return bytes;
  const next = reader.text() ?? "";
  return KEY_SHAPES.has(next) || next === "ssh-dss" ? GLUED : DAMAGED;
}

function checkShape(reader: Wire, shape: Shape): Refusal | undefined {
  switch (shape) {
    case "ed25519":
      return checkEd25519(reader);
    case "sk-ed25519":
      return checkEd25519(reader) ?? checkApplication(reader);
    case "rsa":
      return checkRsa(reader);
    case "sk-nistp256":
      return checkPoint(reader, "nistp256") ?? checkApplication(reader);
    default:
      return checkPoint(reader, shape);
  }
}

function checkEd25519(reader: Wire): Refusal | undefined {
  const length = reader.skip();
  if (length === undefined) return TRUNCATED;
  return length === 32 ? undefined : DAMAGED;
}

function checkApplication(reader: Wire): Refusal | undefined {
  const application = reader.string();
  if (application === undefined) return TRUNCATED;
  return application.includes(0) ? DAMAGED : undefined;
}

function checkPoint(reader: Wire, name: keyof typeof CURVES): Refusal | undefined {
  const curve = reader.text();
  const point = reader.string();
  if (curve === undefined || point === undefined) return TRUNCATED;
  const { bytes, p, b } = CURVES[name];
  // Only the uncompressed form (0x04 x y) is SSH's: sshbuf_get_eckey refuses all others.
  if (curve !== name || point.length !== 1 + 2 * bytes || point[0] !== 4) return DAMAGED;
  const x = number(point.subarray(1, 1 + bytes));
  const y = number(point.subarray(1 + bytes));
  if (x >= p || y >= p || (y * y - x * x * x + 3n * x - b) % p !== 0n) return DAMAGED;
  return undefined;
}

function checkRsa(reader: Wire): Refusal | undefined {
  const e = reader.string();
  const n = reader.string();
  if (e === undefined || n === undefined) return TRUNCATED;
  const exponentBits = bitLength(e);
  const bits = bitLength(n);
  if (exponentBits === undefined || bits === undefined) return DAMAGED;
  const isOdd = ((e.at(-1) ?? 0) & (n.at(-1) ?? 0) & 1) === 1;
  if (!isOdd || exponentBits < 2 || exponentBits >= bits) return DAMAGED;
  if (bits < MIN_RSA_BITS) {
    return {
      reason: `an rsa key of ${bits} bits, at least ${MIN_RSA_BITS} are needed`,
      hint: "make a new key: ssh-keygen -t ed25519",
    };
  }
  if (bits > MAX_RSA_BITS || (bits > RSA_SMALL_MODULUS_BITS && exponentBits > RSA_MAX_EXPONENT_BITS)) {
    return { reason: "an rsa key that sshd cannot verify", hint: "make a new key: ssh-keygen -t ed25519" };
  }
  return undefined;
}

/** Bits of an mpint (RFC 4251 §5) that is positive and has no needless leading zero; undefined for others. */
function bitLength(bytes: Uint8Array): number | undefined {
  const [first, second] = bytes;
  if (first === undefined || first >= 0x80) return undefined;
  if (first !== 0) return (bytes.length - 1) * 8 + 32 - Math.clz32(first);
  return second !== undefined && second >= 0x80 ? (bytes.length - 1) * 8 : undefined;
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

/** Reads length-prefixed strings (RFC 4251 §5) one after another; undefined once the bytes do not suffice. */
class Wire {
  private at = 0;
  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The length of the next string, which is passed over. */
  skip(): number | undefined {
    if (this.left < 4) return undefined;
    const length = this.bytes.readUInt32BE(this.at);
    if (this.left - 4 < length) return undefined;
    this.at += 4 + length;
    return length;
  }

  string(): Uint8Array | undefined {
    const length = this.skip();
    return length === undefined ? undefined : this.bytes.subarray(this.at - length, this.at);
  }

  text(): string | undefined {
    const start = this.at + 4;
    return this.skip() === undefined ? undefined : this.bytes.toString("latin1", start, this.at);
  }
}
