/**
 * A variable's text, or a file's bytes, as lines that key-line.ts judges one by one. A variable comes through shells,
 * env files and dashboards that glue, quote and escape: keys are found again. Never takes a key away from the options
 * before it, and never lets in a key that a `#` comments out.
 */
import { isOptionLike } from "./key-options.ts";

/** `number` counts from 1. `doubt` says in words why the line must not count, though it may look good. */
export interface KeyTextLine {
  readonly line: string;
  readonly number: number;
  readonly doubt?: string;
}

/** As opt_dequote (misc.c) reads it: `\"` never ends a value, and a backslash is nothing else. */
const QUOTED_VALUE = /="(?:[^"\\]|\\"|\\(?!"))*"/g;
/** A key where it starts: type, base64 that begins with a length, never inside a word. */
const KEY =
  /(?<=^|[\s,;])(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)[ \t]+AAAA[A-Za-z0-9+/]*={0,2}/g;
const BLOCKS: readonly (readonly [RegExp, RegExp])[] = [
  [/^\s*-{4,5} ?BEGIN /, /-{4,5} ?END [A-Z0-9 ]{0,40}-{4,5}/],
  [/^\s*PuTTY-User-Key-File-/, /^Private-(?:MAC|Hash):/],
];
/** What shows that a literal `\n` before it was meant as a line end. */
const LINE_START = new RegExp(
  `^\\s*(?:$|#|${KEY.source}|[a-z0-9-]+="|(?:restrict|cert-authority|pty|no-[a-z0-9-]+)[, ])`,
  "i",
);
const COMMENTED_OUT = "a # comments out all that follows on a line: give each key a line of its own";

/**
 * The text of AUTHORIZED_KEYS and its like: line ends of all kinds (also a literal `\n`), a byte order mark, quotes
 * around the whole, keys glued into one line by blanks, commas or semicolons. Keys glued into one line count from 1.
 */
export function splitKeyText(text: string): KeyTextLine[] {
  // A byte order mark counts as white space in JavaScript: trim() takes it along.
  const plain = unescapeLineEnds(unquote(text.trim())).trim();
  const rows = splitKeyFile(plain.replace(/\r\n?/g, "\n"));
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) {
    return splitRow(only.line, true).map((part, index) => ({ ...part, number: index + 1 }));
  }
  return rows.flatMap((row) => splitRow(row.line, false).map((part) => ({ ...part, number: row.number })));
}

/** Ten times what anybody has: beyond it is no file of keys, and each line would cost memory and time. */
export const MOST_LINES = 100_000;

/** Refused lines of one source that are told one by one: a foreign file must not fill the log. */
export const MOST_TOLD = 20;

/** True when the text has more lines than a file of keys may have. */
export function hasTooManyLines(text: string): boolean {
  return countLines(text) > MOST_LINES;
}

export function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines += 1;
  return lines;
}

/** A file's text: newlines and CR LF only, as sshd reads it. A pasted private key counts as one line. */
export function splitKeyFile(text: string): KeyTextLine[] {
  return [...linesOf(text)];
}

/** The same, split anew each time that it is gone through: ten thousand lines at once take megabytes. */
export function lazyKeyFile(text: string): Iterable<KeyTextLine> {
  return { [Symbol.iterator]: () => linesOf(text) };
}

/** A file's bytes as text: UTF-8, or UTF-16 where a byte order mark says so (PowerShell's `>` writes that). */
export function decodeKeyFile(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  return new TextDecoder().decode(bytes);
}

/** Quotes around the whole; what was escaped inside double quotes is put back unless bare quotes stand there too. */
function unquote(text: string): string {
  const quote = text[0];
  if (text.length < 2 || (quote !== '"' && quote !== "'") || !text.endsWith(quote)) return text;
  const body = text.slice(1, -1);
  // Every line in quotes of its own: each is unquoted when its turn comes.
  if (/["'][ \t]*[,;]?[ \t]*[\r\n]\s*["']/.test(body)) return text;
  const isEscaped = quote === '"' && /\\"/.test(body) && !/(?:^|[^\\])"/.test(body);
  return (isEscaped ? body.replace(/\\(["\\])/g, "$1") : body).trim();
}

/**
 * `docker --env-file` knows no escapes, so people write `\n`. Only where the text has no real line end and one `\n` is
 * followed by a key, options, a comment or nothing: `CORP\nina` in a comment stays whole, and so do quoted options.
 */
function unescapeLineEnds(text: string): string {
  if (/[\r\n]/.test(text)) return text;
  const ends = Array.from(
    maskQuoted(text).matchAll(/(?:\\r)?\\n/g),
    (match) => [match.index, match[0].length] as const,
  );
  if (!ends.some(([at, length]) => LINE_START.test(text.slice(at + length)))) return text;
  let unescaped = "";
  let from = 0;
  for (const [at, length] of ends) {
    unescaped += `${text.slice(from, at)}\n`;
    from = at + length;
  }
  return unescaped + text.slice(from);
}

/** One entry for a whole PEM, RFC 4716 or PuTTY block: its first line tells all, and nobody needs thirty refusals. */
function* linesOf(text: string): Generator<KeyTextLine> {
  const unended = new Set<RegExp>();
  let at = text.startsWith("\ufeff") ? 1 : 0;
  for (let number = 1; at <= text.length; number += 1) {
    const row = rowAt(text, at);
    yield { line: row.line, number };
    at = row.next;
    const ending = BLOCKS.find(([begin]) => begin.test(row.line))?.[1];
    if (ending === undefined || unended.has(ending) || ending.test(row.line)) continue;
    const block = findEnd(text, at, ending);
    // Without an end every following line is judged by itself: a good key must not vanish in a torn block.
    if (block === undefined) unended.add(ending);
    else {
      at = block.next;
      number += block.rows;
    }
  }
}

function rowAt(text: string, at: number): { readonly line: string; readonly next: number } {
  const newline = text.indexOf("\n", at);
  if (newline < 0) return { line: text.slice(at), next: text.length + 1 };
  return {
    line: text.slice(at, text[newline - 1] === "\r" && newline > at ? newline - 1 : newline),
    next: newline + 1,
  };
}

/** Where the block that began before `from` is over, and how many rows that takes. */
function findEnd(
  text: string,
  from: number,
  ending: RegExp,
): { readonly next: number; readonly rows: number } | undefined {
  let at = from;
  for (let rows = 1; at <= text.length; rows += 1) {
    const row = rowAt(text, at);
    at = row.next;
    if (ending.test(row.line)) return { next: at, rows };
  }
  return undefined;
}

/** The keys of one line, each with the options before it and the comment behind it. */
function splitRow(row: string, isWhole: boolean): Omit<KeyTextLine, "number">[] {
  const line = unquote(trimSeparators(row));
  if (line.startsWith("#") && !isWhole) return [{ line }];
  const masked = maskQuoted(line);
  const starts: number[] = [];
  let gapStart = 0;
  for (const match of masked.matchAll(KEY)) {
    const hash = masked.slice(gapStart, match.index).search(/(?<=^|\s)#/);
    // In a line that was glued nobody can say where a comment ended: what stands behind a # stays out.
    if (hash !== -1) {
      const commentStart = gapStart + hash;
      return [...cut(line.slice(0, commentStart), starts), { line: line.slice(commentStart), doubt: COMMENTED_OUT }];
    }
    starts.push(starts.length === 0 ? 0 : optionsStart(line, masked, gapStart, match.index));
    gapStart = match.index + match[0].length;
  }
  return cut(line, starts);
}

function cut(line: string, starts: readonly number[]): Omit<KeyTextLine, "number">[] {
  if (starts.length === 0) return line.trim() === "" ? [] : [{ line: trimSeparators(line) }];
  return starts.map((start, index) => ({ line: trimSeparators(line.slice(start, starts[index + 1])) }));
}

/** Where, between the end of one key and the start of the next, the comment ends and the options begin. */
function optionsStart(line: string, masked: string, from: number, to: number): number {
  let start = to;
  // Two words that read as options are enough: sshd refuses such a line, and so it is refused.
  for (let words = 0; words < 2; words += 1) {
    let end = start;
    while (end > from && isBlank(masked[end - 1])) end -= 1;
    let at = end;
    while (at > from && !isBlank(masked[at - 1])) at -= 1;
    // `me@host,restrict`: the comment ends within the word, where the first piece reads as an option.
    const pieces = Array.from(masked.slice(at, end).matchAll(/[^,;]+/g));
    const piece = pieces.find(({ index, 0: text }) => isOptionLike(line.slice(at + index, at + index + text.length)));
    if (piece === undefined) return start;
    start = at + piece.index;
    if (piece.index > 0) return start;
  }
  return start;
}

function isBlank(character: string | undefined): boolean {
  return character === undefined || /\s/.test(character);
}

/** The same length, with quoted option values blotted out: no key, comment or separator is ever found in one. */
function maskQuoted(text: string): string {
  return text.replace(QUOTED_VALUE, (value) => `=${"x".repeat(value.length - 1)}`);
}

/** Without a regular expression at the end: those take the square of the time on long runs of blanks. */
function trimSeparators(text: string): string {
  const isSeparator = (character: string) => character === "," || character === ";" || isBlank(character);
  let start = 0;
  let end = text.length;
  while (start < end && isSeparator(text.charAt(start))) start += 1;
  while (end > start && isSeparator(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
