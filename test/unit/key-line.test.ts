import { expect, test } from "vitest";
import { parseKeyLine } from "../../src/key-line.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const GOOD = ["ed25519", "nistp256", "nistp384", "nistp521", "rsa2048", "skEd25519", "skNistp256"] as const;
const ED = SAMPLE_KEYS.ed25519.line;
const [TYPE = "", BLOB = ""] = ED.split(" ");

function reasonOf(line: string): string {
  const verdict = parseKeyLine(line);
  return verdict.verdict === "bad" ? verdict.reason : verdict.verdict;
}

/** A blob of wire strings. */
function wire(...parts: (string | Uint8Array)[]): string {
  const pieces = parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(pieces).toString("base64");
}
const bytesOf = (line: string) => Buffer.from(line.split(" ")[1] ?? "", "base64");

test.each(GOOD)("a %s key is let in as it stands, with the fingerprint that ssh-keygen prints", (name) => {
  const { line, fingerprint } = SAMPLE_KEYS[name];
  const [type, blob, comment] = line.split(" ");
  expect(parseKeyLine(line)).toEqual({
    verdict: "key",
    type,
    blob,
    fingerprint,
    comment,
    options: "",
    certAuthority: false,
    line,
  });
});

test("blank lines and comments are empty", () => {
  for (const line of ["", " \t", "# note", `  # ${ED}`]) expect(parseKeyLine(line)).toEqual({ verdict: "empty" });
});

test("options are kept byte for byte, and blanks around a line are not", () => {
  const options = 'restrict,,Command="say \\"hi  there\\"",environment="A=\u00e4,b",from="10.0.0.0/8,!1.2.3.4"';
  const verdict = parseKeyLine(` ${options} \t ${TYPE}  ${BLOB}\tme and  you \t`);
  expect(verdict).toMatchObject({ options, comment: "me and  you", line: `${options} ${TYPE} ${BLOB} me and  you` });
});

test("a cert-authority line is known as one", () => {
  expect(parseKeyLine(`cert-authority,principals="ops" ${ED}`)).toMatchObject({ certAuthority: true });
  expect(parseKeyLine(`restrict ${ED}`)).toMatchObject({ certAuthority: false });
});

test("the name of a signature before a key is put right, as sshd reads it", () => {
  const rsa = SAMPLE_KEYS.rsa2048.line;
  expect(parseKeyLine(rsa.replace("ssh-rsa", "rsa-sha2-512"))).toMatchObject({ type: "ssh-rsa", line: rsa });
});

test.each([
  ["-----BEGIN OPENSSH PRIVATE KEY-----", "a private key was pasted"],
  ["-----BEGIN RSA PRIVATE KEY-----", "a private key was pasted"],
  ["b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW", "a private key was pasted"],
  ["PuTTY-User-Key-File-3: ssh-ed25519", "a PuTTY private key file (.ppk) was pasted"],
  ["---- BEGIN SSH2 PUBLIC KEY ----", "a public key in RFC 4716 form"],
  ["-----BEGIN PUBLIC KEY-----", "a public key in PEM form"],
  ["-----BEGIN CERTIFICATE-----", "an X.509 certificate"],
  ["-----BEGIN PGP PUBLIC KEY BLOCK-----", "a PGP key"],
  ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "an age key"],
  ["null", "an empty value spelled as a word"],
  ["undefined", "an empty value spelled as a word"],
  ["None", "an empty value spelled as a word"],
  ["$SSH_KEYS", "a placeholder that nobody filled in"],
  ["https://github.com/octocat.keys", "an address, not a key"],
  ["/root/.ssh/id_ed25519.pub", "a path, not a key"],
  ["256 SHA256:xyz me (ED25519)", "a fingerprint, not a key"],
  [SAMPLE_KEYS.dsa.line, "a DSA key: sshd no longer takes these"],
  [SAMPLE_KEYS.certificate.line, "a certificate, not a key"],
  [BLOB, "the key type is missing"],
  [`root:${ED}`, "a login name stands before the key"],
  [`"${ED}"`, "the line starts with a quote"],
  ["ssh-ed25519", "a key type without its key"],
  [ED.toUpperCase(), "the key type is not in small letters"],
  [ED.replaceAll(" ", "\u00a0"), "a blank of another kind stands after the key type"],
  [`\u00a0${ED}`, "the line starts with an invisible or foreign character"],
  [`${TYPE} ${BLOB.slice(0, -3)}`, "the key is cut off"],
  [`${TYPE} ${BLOB.slice(0, -8)}`, "the key is cut off"],
  [
    ED.replace(TYPE, "ecdsa-sha2-nistp256"),
    `the type ecdsa-sha2-nistp256 and the key disagree (the key itself is ${TYPE})`,
  ],
  [`${TYPE} ${BLOB}${ED}`, "two keys are glued together"],
  [`${TYPE} ${BLOB}${BLOB}`, "two keys are glued together"],
  [`${ED}${ED}`, "two keys are glued together"],
  [`${ED} ${SAMPLE_KEYS.rsa2048.line}`, "two keys are glued together"],
  [SAMPLE_KEYS.rsa1024.line, "an rsa key of 1024 bits, at least 2048 are needed"],
  [`${ED}\0`, "a NUL byte in the line"],
  [`${ED}\r${ED}`, "a line end inside the line"],
  [`${ED}\n${ED}`, "a line end inside the line"],
  [`${ED} ${"x".repeat(16384)}`, "a line of more than 16383 characters"],
  [`command="\ufffd" ${ED}`, "the options are not UTF-8"],
  [`restrict hello ${BLOB}`, "no key type that sshd knows"],
])("a bad line is named: %#", (line, reason) => {
  expect(reasonOf(line)).toBe(reason);
});

test.each([
  ["a byte too many", wire(TYPE, bytesOf(ED).subarray(-32), "")],
  ["a short key", wire(TYPE, new Uint8Array(31))],
])("an ed25519 key with %s is damaged", (_name, blob) => {
  expect(reasonOf(`${TYPE} ${blob}`)).toBe("the key is damaged");
});

test.each(["nistp256", "nistp384", "nistp521"] as const)("a %s point that is not on its curve is damaged", (name) => {
  const { line } = SAMPLE_KEYS[name];
  const bytes = bytesOf(line);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  expect(reasonOf(line.replace(/AAAA\S+/, bytes.toString("base64")))).toBe("the key is damaged");
});

test("a key has one spelling: spare bits of its base64 must be zero", () => {
  const line = SAMPLE_KEYS.nistp256.line;
  expect(line).toContain("= ecdsa256");
  const last = line[line.indexOf("=") - 1] ?? "";
  const next = String.fromCharCode(last.charCodeAt(0) + 1);
  expect(reasonOf(line.replace(`${last}=`, `${next}=`))).toBe("the key is damaged");
});

test("a compressed point, a hybrid one and a foreign curve are damaged", () => {
  const type = "ecdsa-sha2-nistp256";
  const point = bytesOf(SAMPLE_KEYS.nistp256.line).subarray(-65);
  const compressed = Buffer.concat([Buffer.from([2 + ((point.at(-1) ?? 0) & 1)]), point.subarray(1, 33)]);
  expect(reasonOf(`${type} ${wire(type, "nistp256", compressed)}`)).toBe("the key is damaged");
  const hybrid = Buffer.concat([Buffer.from([6 + ((point.at(-1) ?? 0) & 1)]), point.subarray(1)]);
  expect(reasonOf(`${type} ${wire(type, "nistp256", hybrid)}`)).toBe("the key is damaged");
  expect(reasonOf(`${type} ${wire(type, "nistp384", point)}`)).toBe("the key is damaged");
});

test("rsa numbers that no signature can fit are refused", () => {
  const n = Buffer.concat([Buffer.from([0, 0x80]), Buffer.alloc(255, 1)]);
  const rsa = (e: Uint8Array, modulus: Uint8Array) => reasonOf(`ssh-rsa ${wire("ssh-rsa", e, modulus)}`);
  expect(rsa(Buffer.from([1, 0, 1]), n)).toBe("key");
  expect(rsa(Buffer.from([1]), n)).toBe("the key is damaged");
  expect(rsa(Buffer.from([2]), n)).toBe("the key is damaged");
  expect(rsa(Buffer.from([0, 3]), n)).toBe("the key is damaged");
  expect(rsa(Buffer.from([3]), n.subarray(1))).toBe("the key is damaged");
  expect(rsa(n, n)).toBe("the key is damaged");
  const huge = Buffer.concat([Buffer.from([0, 0x80]), Buffer.alloc(511, 1)]);
  expect(rsa(Buffer.alloc(9, 1), huge)).toBe("an rsa key that sshd cannot verify");
});

test("no reason and no hint repeats any of the line", () => {
  const secret = "s3cr3tvalue";
  const lines = [
    `command="${secret}`,
    `environment="${secret}" ${ED}`,
    `${secret}="x" ${ED}`,
    `${secret} ${ED}`,
    `ssh-${secret} ${BLOB}`,
    `${TYPE} ${secret}`,
    `-----BEGIN ${secret} PRIVATE KEY-----`,
    `${TYPE} ${wire(secret, "x")}`,
    secret,
  ];
  for (const line of lines) {
    const verdict = parseKeyLine(line);
    expect(verdict.verdict, line).toBe("bad");
    expect(JSON.stringify(verdict)).not.toContain(secret);
  }
});

test("control characters of a comment are not written", () => {
  const verdict = parseKeyLine(`${TYPE} ${BLOB} me\u001b[31m\u2028you`);
  expect(verdict).toMatchObject({ comment: "me [31m you", line: `${TYPE} ${BLOB} me [31m you` });
});
