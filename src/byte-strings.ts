/**
 * Byte strings: text with one character a byte, U+0000 to U+00FF, which loses nothing whatever the encoding was; and the C
 * strings that the kernel takes. On the launcher's way: nothing here may be dear at its first use.
 */
import { OsError } from "./errors.ts";

const encoder = new TextEncoder();
/** Arguments of one call, at most. */
const SHORT_BYTES = 16_384;

/** A C string from text, as UTF-8. Text with a NUL would be cut by C: it is a bug or an attack, and throws. */
export function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new OsError("EINVAL", "cString", "pass text to the kernel");
  return encoder.encode(`${text}\0`);
}

/** A C string from a byte string (one character a byte, U+0000 to U+00FF). */
export function cBytes(bytes: string): Uint8Array {
  return bytesFrom(`${bytes}\0`);
}

/** C strings from byte strings. */
export function cBytesOf(strings: readonly string[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const string of strings) found.push(cBytes(string));
  return found;
}

/** True when every character of a byte string is its own UTF-8: then it needs no decoding. */
export function isAscii(bytes: string): boolean {
  return encoder.encode(bytes).length === bytes.length;
}

export const DIGITS = "0123456789";
export const HEX_DIGITS = `${DIGITS}abcdef`;

/**
 * True when the text has at least one character, and each is one of these. A regular expression says the same, but its first
 * use takes 20 to 100 µs that somebody would wait.
 */
export function isMadeOf(text: string, characters: string): boolean {
  for (const character of text) if (!characters.includes(character)) return false;
  return text !== "";
}

/** The bytes of a byte string. */
export function bytesFrom(bytes: string): Uint8Array {
  const encoded = encoder.encode(bytes);
  return encoded.length === bytes.length ? encoded : fromLatin1(bytes);
}

/**
 * A byte string (one character a byte) from bytes: loses nothing, whatever the encoding was. Not by spreading, which walks an
 * iterator and takes many times as long.
 */
export function byteString(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES) return toLatin1(bytes);
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** The bytes of text, as UTF-8. */
export function utf8Of(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Base64 (RFC 4648) without line breaks. */
export function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** The bytes that base64 stands for; what is none is passed over, as Buffer does. */
export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return fromWhatIsBase64(text);
  }
}

// The runtime makes its Buffer when a function that names it is first entered, which takes a fifth of a millisecond that an app or
// sshd would wait: hence functions of their own.
const fromWhatIsBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const fromLatin1 = (bytes: string): Uint8Array => Buffer.from(bytes, "latin1");
const toLatin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** Text from a byte string, read as UTF-8; what is no UTF-8 becomes U+FFFD. For settings and messages only. */
export function textOf(bytes: string): string {
  return isAscii(bytes) ? bytes : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesFrom(bytes));
}

/** A byte string from text, as UTF-8: the other way round. */
export function bytesOf(text: string): string {
  return isAscii(text) ? text : byteString(encoder.encode(text));
}
