/**
 * What people paste where a public key should stand, told in words with what to do. Only looks at lines that are
 * already refused; the answers never hold any of the line.
 */
import type { Refusal } from "./key-blob.ts";
import { KEY_SHAPES } from "./key-blob.ts";

const GIVE_PUB = "give the line of the .pub file";
const NOW_KNOWN = `${GIVE_PUB}, and make a new key: a private key that was pasted is no longer private`;

const FORMS: readonly (readonly [RegExp, string, string])[] = [
  [/BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/, "a private key was pasted", NOW_KNOWN],
  // "openssh-key-v1" and PEM's first bytes in base64, without the BEGIN line; age's secret form.
  [/^(?:b3BlbnNzaC1rZXktdjE|MII[EJ])/, "a private key was pasted", NOW_KNOWN],
  [/^AGE-SECRET-KEY-/i, "a private age key was pasted", NOW_KNOWN],
  [
    /^PuTTY-User-Key-File-/,
    "a PuTTY private key file (.ppk) was pasted",
    `copy "Public key for pasting" from PuTTYgen; ${NOW_KNOWN}`,
  ],
  [/BEGIN SSH2 PUBLIC KEY/, "a public key in RFC 4716 form", "convert it: ssh-keygen -i -f FILE"],
  [
    /BEGIN (?:RSA )?PUBLIC KEY/,
    "a public key in PEM form",
    "convert it: ssh-keygen -i -m PKCS8 -f FILE (PEM for BEGIN RSA)",
  ],
  [/BEGIN (?:X509 |TRUSTED )?CERTIFICATE/, "an X.509 certificate", GIVE_PUB],
  [/BEGIN PGP /, "a PGP key", "export its ssh form: gpg --export-ssh-key ID"],
  [/^age1/, "an age key", `sshd does not know age: ${GIVE_PUB}`],
  [
    /^(?:null|nil|none|undefined|true|false|nan|\(null\)|<nil>|\[object object\])$/i,
    "an empty value spelled as a word",
    "set the variable, or leave it out",
  ],
  [
    /^(?:\$|%[A-Z_]+%|\{\{|<[^>]*>$)/i,
    "a placeholder that nobody filled in",
    "set the variable where the key comes from",
  ],
  [/^https?:\/\//i, "an address, not a key", "put it into AUTHORIZED_KEYS_URL"],
  [/^(?:\/|~\/|\.\.?\/)/, "a path, not a key", "put it into AUTHORIZED_KEYS_FILE"],
  [/^(?:\d+ )?(?:SHA256|MD5):/, "a fingerprint, not a key", GIVE_PUB],
  [/^-+ ?(?:BEGIN|END) /, "a block that is no ssh public key", GIVE_PUB],
  [/^(?:ssh-dss|ssh-dsa)\b/, "a DSA key: sshd no longer takes these", "make a new key: ssh-keygen -t ed25519"],
  [
    /^[a-z0-9@.-]+-cert-v\d+@openssh\.com\b/,
    "a certificate, not a key",
    "give the CA's public key, with cert-authority before it",
  ],
  [/^[^\s:="]+:(?:ssh|ecdsa|sk)-/, "a login name stands before the key", "drop it: WITHSSH_USERS says who logs in"],
  [/^["'`\u2018-\u201f]/, "the line starts with a quote", "drop the quotes"],
  [/^(?:ssh|ecdsa|sk)-[a-z0-9@.-]+$/i, "a key type without its key", "copy the whole line of the .pub file again"],
];

/** Says what the refused `line` (trimmed) seems to be, or undefined. */
export function nameForeignForm(line: string): Refusal | undefined {
  for (const [pattern, reason, hint] of FORMS) {
    if (pattern.test(line)) return { reason, hint };
  }
  const word = line.split(/\s/, 1)[0] ?? "";
  if (KEY_SHAPES.has(word)) {
    // The line was parted at plain blanks, and this is none: it came with a web page.
    const hint = "put a plain space between its parts, or copy the whole line of the .pub file again";
    return { reason: "a blank of another kind stands after the key type", hint };
  }
  if (KEY_SHAPES.has(word.toLowerCase())) {
    return { reason: "the key type is not in small letters", hint: "copy the whole line of the .pub file again" };
  }
  if (/^AAAA[A-Za-z0-9+/]{4}/.test(word)) return { reason: "the key type is missing", hint: missingType(word) };
  if (/^[A-Za-z0-9+/]{40,}={0,2}$/.test(line)) return { reason: "a piece of base64, not a key line", hint: GIVE_PUB };
  return undefined;
}

/** The type that stands in the base64 itself. */
function missingType(base64: string): string {
  const bytes = Buffer.from(base64.slice(0, 64), "base64");
  const type = bytes.length < 4 ? "" : bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0));
  return KEY_SHAPES.has(type) ? `put ${type} and a space before it` : GIVE_PUB;
}
