/** What sshd would load is "ok", what it would not is refused in words; each rule was tried against sshd 9.2. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { fingerprintOf } from "../../src/fingerprint.ts";
import { parseDerivedPublicLine, parsePrivateKey } from "../../src/private-key.ts";
import { wireString } from "../../src/ssh-wire.ts";
import type { KeyParts, TestKeyType } from "../support/openssh-key.ts";
import { encodeKey, makeKey, makeKeyParts } from "../support/openssh-key.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const judge = (text: string) => parsePrivateKey(bytes(text));
const reasonOf = (data: Uint8Array) => {
  const verdict = parsePrivateKey(data);
  return verdict.verdict === "bad" ? verdict.reason : verdict.verdict;
};
const rsa = makeKeyParts("rsa");
const ed = makeKey("ed25519");

test.each<[TestKeyType, string]>([
  ["ed25519", "ssh-ed25519"],
  ["nistp256", "ecdsa-sha2-nistp256"],
  ["nistp384", "ecdsa-sha2-nistp384"],
  ["nistp521", "ecdsa-sha2-nistp521"],
  ["rsa", "ssh-rsa"],
])("a good %s key is told with the public half that follows from it", (kind, type) => {
  const key = makeKey(kind, { comment: "root@image" });
  expect(parsePrivateKey(key.bytes)).toEqual({
    verdict: "ok",
    type,
    publicBlob: key.publicBlob,
    comment: "root@image",
    publicLine: key.publicLine,
  });
});

test("a comment that could forge a line is left out", () => {
  const verdict = parsePrivateKey(makeKey("ed25519", { comment: "x\nssh-ed25519 AAAA" }).bytes);
  expect(verdict).toMatchObject({ verdict: "ok", comment: "" });
  expect(JSON.stringify(verdict)).not.toContain("\\n");
});

test("text after the end marker and odd wrapping inside do not matter, as in sshd", () => {
  expect(judge(`${ed.text}junk\n`).verdict).toBe("ok");
  const [first, ...rest] = ed.text.trimEnd().split("\n");
  const body = rest.slice(0, -1);
  expect(judge(`${first}\n${body.join("")}\n${rest.at(-1)}\n`).verdict).toBe("ok");
  expect(judge(`${first}\n\n  ${body.join("\n\n  ")}\n${rest.at(-1)}\n`).verdict).toBe("ok");
});

test.each([
  ["Windows line ends", (text: string) => text.replaceAll("\n", "\r\n"), "Windows line ends"],
  ["a missing last newline", (text: string) => text.trimEnd(), "does not end with a plain newline"],
  ["a byte order mark", (text: string) => `\xef\xbb\xbf${text}`, "before its first line"],
  ["an empty first line", (text: string) => `\n${text}`, "before its first line"],
  ["only its beginning", (text: string) => text.slice(0, 200), "cut off"],
  ["nothing", () => "", "empty"],
  ["only white space", () => " \n", "empty"],
  ["characters that are not base64", (text: string) => text.replace("b3BlbnNz", "b3Blbn*z"), "not base64"],
  ["its public half", () => ed.publicLine, "public key: the private half belongs here"],
  ["a PuTTY key", () => "PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY"],
  ["something else", () => "hello\n", "no private key"],
])("a file with %s is refused in words", (_, change, words) => {
  expect(reasonOf(bytes(change(ed.text)))).toContain(words);
});

const flip = (field: Uint8Array, at: number) => field.map((byte, index) => (index === at ? byte ^ 1 : byte));
const other = makeKeyParts("ed25519");
test.each<[string, Partial<KeyParts>, string]>([
  ["check numbers that differ", { checks: [1, 2] }, "check numbers"],
  ["wrong padding", { padding: (n) => Array(n).fill(9) }, "padding"],
  ["two keys", { count: 2 }, "exactly one"],
  ["bytes after the key", { trailing: bytes("x") }, "bytes after"],
  ["another key's public half", { publicFields: other.publicFields }, "different keys"],
  ["a DSA type", { type: "ssh-dss" }, "DSA"],
  ["a security key type", { type: "sk-ssh-ed25519@openssh.com" }, "security-key"],
  ["an unknown type", { type: "ssh-new" }, "unknown"],
  ["too few fields", { privateFields: [] }, "damaged"],
])("a key with %s is refused in words", (_, changes, words) => {
  expect(reasonOf(encodeKey({ ...makeKeyParts("ed25519"), comment: "abc", ...changes }).bytes)).toContain(words);
});

test("an ed25519 key whose two copies of the public key differ is damaged", () => {
  const [point = bytes(""), secret = bytes("")] = other.privateFields;
  expect(reasonOf(encodeKey({ ...other, privateFields: [point, flip(secret, 40)] }).bytes)).toContain("copies");
});

test("an rsa key whose primes do not make its modulus is refused", () => {
  const fields = rsa.privateFields.map((field, at) => (at === 4 ? flip(field, 20) : field));
  expect(reasonOf(encodeKey({ ...rsa, privateFields: fields }).bytes)).toContain("different keys");
  expect(reasonOf(encodeKey(rsa).bytes)).toBe("ok");
});

test("an ecdsa key on another curve than its type says, or with a malformed point, is refused", () => {
  const p256 = makeKeyParts("nistp256");
  const [, point = bytes(""), secret = bytes("")] = p256.privateFields;
  const withFields = (...privateFields: Uint8Array[]) => reasonOf(encodeKey({ ...p256, privateFields }).bytes);
  expect(withFields(bytes("nistp384"), point, secret)).toContain("disagree");
  expect(withFields(bytes("nistp256"), point.subarray(1), secret)).toContain("point");
  expect(withFields(bytes("nistp256"), point, bytes(""))).toContain("its secret number is malformed");
});

test("an rsa key under 2048 bits is refused with its size", () => {
  expect(reasonOf(makeKey("rsa-1024").bytes)).toContain("RSA key of 1024 bits");
});

test("a field length past the end is damage, not a crash", () => {
  for (let cut = 0; cut < 230; cut += 7) {
    const raw = Buffer.from(ed.text.split("\n").slice(1, -2).join(""), "base64").subarray(0, cut);
    const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${raw.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
    expect(reasonOf(bytes(text)), `cut at ${cut}`).toMatch(/damaged|exactly one/);
  }
});

test("an encrypted key is told apart, in OpenSSH's form and in PEM", () => {
  expect(parsePrivateKey(makeKey("ed25519", { cipher: "aes256-ctr", kdf: "bcrypt" }).bytes).verdict).toBe("encrypted");
  const options = { format: "pem", cipher: "aes-256-cbc", passphrase: "secret words" } as const;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  expect(judge(privateKey.export({ ...options, type: "pkcs8" })).verdict).toBe("encrypted");
  expect(judge(privateKey.export({ ...options, type: "sec1" })).verdict).toBe("encrypted");
});

test("PEM and PKCS#8 are left to ssh-keygen, but for DSA and what is cut off", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ format: "pem", type: "sec1" }).toString();
  expect(judge(pem).verdict).toBe("pem");
  expect(judge(privateKey.export({ format: "pem", type: "pkcs8" }).toString()).verdict).toBe("pem");
  expect(reasonOf(bytes(pem.slice(0, -30)))).toContain("cut off");
  expect(reasonOf(bytes(pem.replaceAll("EC PRIVATE", "DSA PRIVATE")))).toContain("DSA");
});

test("the line of ssh-keygen -y gives the same public half, and is judged too", () => {
  const key = makeKey("nistp256", { comment: "c" });
  const { verdict: _, ...half } = parsePrivateKey(key.bytes) as { verdict: "ok" };
  expect(parseDerivedPublicLine(`${key.publicLine}\n`)).toEqual(half);
  expect(parseDerivedPublicLine(makeKey("rsa-1024").publicLine)).toContain("1024 bits");
  expect(parseDerivedPublicLine(key.publicLine.replace("nistp256 ", "nistp384 "))).toContain("disagree");
  const dss = Buffer.from(wireString("ssh-dss")).toString("base64");
  expect(parseDerivedPublicLine(`ssh-dss ${dss}`)).toContain("DSA");
  expect(parseDerivedPublicLine("")).toContain("damaged");
});

test("no reason ever holds key material", () => {
  for (const text of [ed.text.replace("b3BlbnNz", "b3Blbn*z"), ed.text.slice(0, 150), ed.publicLine, "s3cret-words"]) {
    expect(reasonOf(bytes(text))).not.toMatch(/b3Bl|AAAA|s3cret/);
  }
});

test.each(["ed25519", "rsa"] as const)("a fingerprint of %s is the hash of the public blob", (kind) => {
  const { publicBlob } = makeKey(kind, {});
  const hash = createHash("sha256").update(publicBlob).digest("base64").replace("=", "");
  expect(fingerprintOf(publicBlob)).toBe(`SHA256:${hash}`);
});

test("a fingerprint is what ssh-keygen -l prints", () => {
  expect(fingerprintOf(bytes(""))).toBe("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
});
