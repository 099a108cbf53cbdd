/**
 * SSH's wire format (RFC 4251, section 5) as far as key files need it. Reading past the end throws RangeError.
 * Knows nothing of keys and keeps no copy of what it reads.
 */
import { byteString, bytesFrom } from "./byte-strings.ts";

export class WireReader {
  #at = 0;
  readonly #view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  uint32(): number {
    const value = this.#view.getUint32(this.#at);
    this.#at += 4;
    return value;
  }
  /** A length and that many bytes: a view, not a copy. */
  string(): Uint8Array {
    const length = this.uint32();
    if (length > this.bytes.length - this.#at) throw new RangeError("a string runs past the end");
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }
  /** A string as Latin-1: compares safely, never throws on bytes that are no UTF-8. */
  text(): string {
    return byteString(this.string());
  }
  rest(): Uint8Array {
    return this.bytes.subarray(this.#at);
  }
  atEnd(): boolean {
    return this.#at === this.bytes.length;
  }
}

/** Length and bytes. Text is taken as Latin-1 (type and curve names). */
export function wireString(content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === "string" ? bytesFrom(content) : content;
  const out = new Uint8Array(4 + bytes.length);
  new DataView(out.buffer).setUint32(0, bytes.length);
  out.set(bytes, 4);
  return out;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
