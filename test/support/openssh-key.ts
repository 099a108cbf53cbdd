/**
 * Makes private keys in OpenSSH's own form for tests, so that no key lies in the repository. `parts` may be changed on
 * the way, to make every kind of damaged key.
 */
import { generateKeyPairSync } from "node:crypto";
import { concat, wireString } from "../../src/ssh-wire.ts";

export interface KeyParts {
  type: string;
  /** Fields of the public blob after the type name. */
  publicFields: Uint8Array[];
  /** Fields of the private section between the type name and the comment. */
  privateFields: Uint8Array[];
  comment: string;
  cipher: string;
  kdf: string;
  count: number;
  checks: [number, number];
  padding: (length: number) => number[];
  trailing: Uint8Array;
}

export interface TestKey {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly publicBlob: Uint8Array;
  readonly publicLine: string;
}

const ascii = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const u32 = (value: number) => new Uint8Array([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
const fromUrl = (text: string | undefined) => new Uint8Array(Buffer.from(text ?? "", "base64url"));
/** RFC 4251 mpint of a positive number. */
const mpint = (bytes: Uint8Array) => ((bytes[0] ?? 0) >= 0x80 ? concat([new Uint8Array(1), bytes]) : bytes);

const CURVES = { nistp256: "P-256", nistp384: "P-384", nistp521: "P-521" } as const;
export type TestKeyType = "ed25519" | "rsa" | "rsa-1024" | keyof typeof CURVES;

/** Fresh parts of a good key. */
export function makeKeyParts(type: TestKeyType): KeyParts {
  const common: Omit<KeyParts, "type" | "publicFields" | "privateFields"> = {
    comment: "",
    cipher: "none",
    kdf: "none",
    count: 1,
    checks: [0x1234, 0x1234],
    padding: (length) => Array.from({ length }, (_, at) => at + 1),
    trailing: new Uint8Array(),
  };
  if (type === "ed25519") {
    const jwk = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
    const x = fromUrl(jwk.x);
    return { type: "ssh-ed25519", publicFields: [x], privateFields: [x, concat([fromUrl(jwk.d), x])], ...common };
  }
  if (type === "rsa" || type === "rsa-1024") {
    const modulusLength = type === "rsa" ? 2048 : 1024;
    const jwk = generateKeyPairSync("rsa", { modulusLength }).privateKey.export({ format: "jwk" });
    const [n, e, d, qi, p, q] = [jwk.n, jwk.e, jwk.d, jwk.qi, jwk.p, jwk.q].map((v) => mpint(fromUrl(v))) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    return { type: "ssh-rsa", publicFields: [e, n], privateFields: [n, e, d, qi, p, q], ...common };
  }
  const jwk = generateKeyPairSync("ec", { namedCurve: CURVES[type] }).privateKey.export({ format: "jwk" });
  const point = concat([new Uint8Array([4]), fromUrl(jwk.x), fromUrl(jwk.y)]);
  const fields = [ascii(type), point];
  return {
    type: `ecdsa-sha2-${type}`,
    publicFields: fields,
    privateFields: [...fields, mpint(fromUrl(jwk.d))],
    ...common,
  };
}

/** The key file of these parts, as ssh-keygen writes it. */
export function encodeKey(parts: KeyParts): TestKey {
  const publicBlob = concat([parts.type, ...parts.publicFields].map(wireString));
  const fields = [parts.type, ...parts.privateFields, parts.comment].map(wireString);
  const section = concat([u32(parts.checks[0]), u32(parts.checks[1]), ...fields]);
  const padding = new Uint8Array(parts.padding((8 - (section.length % 8)) % 8));
  const head = [ascii("openssh-key-v1\0"), wireString(parts.cipher), wireString(parts.kdf), wireString("")];
  const whole = concat([
    ...head,
    u32(parts.count),
    wireString(publicBlob),
    wireString(concat([section, padding])),
    parts.trailing,
  ]);
  const lines = Buffer.from(whole)
    .toString("base64")
    .replace(/(.{70})/g, "$1\n")
    .trimEnd();
  const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
  const publicLine = `${parts.type} ${Buffer.from(publicBlob).toString("base64")}${parts.comment === "" ? "" : ` ${parts.comment}`}`;
  return { bytes: ascii(text), text, publicBlob, publicLine };
}

/** A good key with some of its parts changed. */
export function makeKey(type: TestKeyType, changes: Partial<KeyParts> = {}): TestKey {
  return encodeKey({ ...makeKeyParts(type), ...changes });
}
