/**
 * One line of an authorized_keys text and what sshd would make of it (auth2-pubkeyfile.c auth_check_authkey_line).
 * A line that is let in here is let in by sshd, with the same rights; a refusal never repeats any of the line.
 */
import { fingerprintOf } from "./fingerprint.ts";
import type { Refusal } from "./key-blob.ts";
import { GLUED, KEY_SHAPES, readKeyBlob } from "./key-blob.ts";
import { nameForeignForm } from "./key-foreign.ts";
import { parseKeyOptions } from "./key-options.ts";

/** A good key. `blob` is its base64, `options` byte-exact as given, `line` what to write: one line, no newline. */
export interface PublicKey {
  readonly verdict: "key";
  readonly type: string;
  readonly blob: string;
  readonly fingerprint: string;
  readonly comment: string;
  readonly options: string;
  readonly certAuthority: boolean;
  readonly line: string;
}

export type KeyVerdict = PublicKey | { readonly verdict: "empty" } | ({ readonly verdict: "bad" } & Refusal);

/**
 * OpenSSH before 8.0 read lines into SSH_MAX_PUBKEY_BYTES (16384) and cut the rest; later ones read any length.
 * The longest key that can be verified (rsa, 16384 bits) takes 2.8 KiB.
 */
const MAX_LINE_LENGTH = 16383;

/**
 * Words before a key, and its type: itself, or a signature's name that sshd takes too (sshkey.c keyimpls). The type is one
 * string for all keys, not a piece of each line.
 */
const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ...Array.from(KEY_SHAPES.keys(), (type) => [type, type] as const),
  ["rsa-sha2-256", "ssh-rsa"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"],
]);

const SECOND_KEY = /(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|@openssh\.com)[ \t]+AAAA/;

/**
 * Judges one line, without its newline. Pure; a few microseconds.
 * Out: the key, `empty` for blank lines and comments, or `bad` with a reason and a hint in words.
 */
export function parseKeyLine(text: string): KeyVerdict {
  const start = text.replace(/^[ \t]+/, "");
  if (start === "" || start.startsWith("#")) return { verdict: "empty" };
  if (start.length > MAX_LINE_LENGTH)
    return bad(`a line of more than ${MAX_LINE_LENGTH} characters`, "give each key a line of its own");
  const line = start.replace(/[ \t]+$/, "");
  if (/[\0\r\n]/.test(line)) return badCharacter(line);

  let options = "";
  let certAuthority = false;
  let rest = line;
  let type = keyTypeOf(rest);
  if (type === undefined) {
    const parsed = parseKeyOptions(line);
    if ("reason" in parsed) return { verdict: "bad", ...explain(line, parsed) };
    options = line.slice(0, parsed.end);
    certAuthority = parsed.certAuthority;
    rest = line.slice(parsed.end).replace(/^[ \t]+/, "");
    type = keyTypeOf(rest);
    // A decoder has put U+FFFD in place of bytes that are no UTF-8: the rights would no longer be those given.
    if (options.includes("\ufffd")) return bad("the options are not UTF-8", "save the text as UTF-8");
  }
  if (type === undefined) {
    return {
      verdict: "bad",
      ...explain(rest, { reason: "no key type that sshd knows", hint: "give the line of the .pub file" }),
    };
  }
  const [, blob = "", comment = ""] = /^\S+[ \t]+([^ \t]+)[ \t]*([\s\S]*)$/.exec(rest) ?? [];
  const bytes = readKeyBlob(type, blob);
  if ("reason" in bytes) return { verdict: "bad", ...(SECOND_KEY.test(`${blob} ${comment}`) ? GLUED : bytes) };
  // sshd would take the first and read the second as its comment, so one person is locked out without a word.
  if (comment.includes("AAAA") && SECOND_KEY.test(comment)) return { verdict: "bad", ...GLUED };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a comment gives no rights, but it is printed.
  const cleanComment = comment.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, " ").trimEnd();
  return {
    verdict: "key",
    type,
    blob,
    fingerprint: fingerprintOf(bytes),
    comment: cleanComment,
    options,
    certAuthority,
    line: `${options === "" ? "" : `${options} `}${type} ${blob}${cleanComment === "" ? "" : ` ${cleanComment}`}`,
  };
}

/** The type that the first word announces, when something follows it. */
function keyTypeOf(text: string): string | undefined {
  const end = text.search(/[ \t]/);
  if (end === -1) return undefined;
  return TYPE_WORDS.get(text.slice(0, end));
}

function bad(reason: string, hint: string): KeyVerdict {
  return { verdict: "bad", reason, hint };
}

function badCharacter(line: string): KeyVerdict {
  if (line.includes("\0")) return bad("a NUL byte in the line", "save the text as UTF-8, without NUL bytes");
  return bad("a line end inside the line", "end lines with LF or CR LF");
}

/** A better word than `otherwise` for a refused line, where there is one. */
function explain(line: string, otherwise: Refusal): Refusal {
  const foreign = nameForeignForm(line);
  if (foreign !== undefined) return foreign;
  if (/^[^\x21-\x7e]/.test(line))
    return { reason: "the line starts with an invisible or foreign character", hint: "type the line's start anew" };
  return otherwise;
}
