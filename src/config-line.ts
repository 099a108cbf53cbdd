/**
 * One line of sshd_config as sshd itself reads it, and one argument as sshd reads it back. Text here is a byte string:
 * one char a byte (latin1), so that nothing is changed on the way. It never decides what a keyword means.
 * Rules: OpenSSH 10 servconf.c (process_server_config_line_depth), misc.c (strdelim, argv_split); 8.4 where it differs.
 */

/** The release of an sshd, from "OpenSSH_9.2p1". */
export interface SshdVersion {
  readonly major: number;
  readonly minor: number;
}

/** A line that sets something. `match` is the Match block that it is under, undefined where it is global. */
export interface ConfigLine {
  readonly file: string;
  readonly line: number;
  /** Lower case; `word` is as written. */
  readonly keyword: string;
  readonly word: string;
  readonly args: readonly string[];
  /** The whole line, trimmed. */
  readonly text: string;
  readonly match: MatchScope | undefined;
}

/** A Match block: its criteria as written, an outer block's in front (they are ANDed); "" is `Match all`. */
export interface MatchScope {
  readonly criteria: string;
  readonly file: string;
  readonly line: number;
}

/** The words of one line; undefined for blank lines and comments. `rest` is what follows the keyword. */
export function parseConfigLine(
  raw: string,
): { word: string; keyword: string; rest: string; args: string[]; text: string } | undefined {
  // Most lines of a distribution's file, which are not worth a regular expression each.
  if (raw === "" || raw.startsWith("#")) return undefined;
  const end = raw.indexOf("\0");
  const text = trimBlanks(end < 0 ? raw : raw.slice(0, end));
  if (text === "" || text.startsWith("#")) return undefined;
  // The first word ends at a blank, or at one "=" with blanks around it; it may be in double quotes.
  const found = /^(?:"([^"]*)"|([^ \t\r\n"=]+))[ \t\r\n]*=?[ \t\r\n]*/.exec(text);
  const word = found?.[1] ?? found?.[2] ?? text;
  const rest = found === null ? "" : text.slice(found[0].length);
  const { args, end: used } = splitArguments(rest);
  return { word, keyword: word.toLowerCase(), rest: rest.slice(0, used).trimEnd(), args, text };
}

/** Without the blanks that sshd takes away at either end: no others, which are part of a word. */
function trimBlanks(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && " \t\r".includes(text[from] ?? "")) from += 1;
  while (to > from && " \t\r\n\f".includes(text[to - 1] ?? "")) to -= 1;
  return text.slice(from, to);
}

/** Arguments as argv_split(3) in OpenSSH's misc.c makes them; `end` is where a comment begins, or the length. */
export function splitArguments(text: string): { args: string[]; end: number } {
  const args: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === " " || text[at] === "\t") {
      at += 1;
      continue;
    }
    if (text[at] === "#") return { args, end: at };
    let arg = "";
    let quote = "";
    for (; at < text.length; at += 1) {
      const char = text[at] ?? "";
      const next = text[at + 1] ?? "";
      if (char === "\\" && (next === "'" || next === '"' || next === "\\" || (quote === "" && next === " "))) {
        arg += next;
        at += 1;
      } else if (quote === "" && (char === " " || char === "\t")) break;
      else if (quote === "" && (char === '"' || char === "'")) quote = char;
      else if (quote !== "" && char === quote) quote = "";
      else arg += char;
    }
    args.push(arg);
  }
  return { args, end: text.length };
}

/**
 * One argument in double quotes, so that sshd reads back exactly `value`; undefined when that cannot be written:
 * a newline or NUL ever; before 8.7 (argv_split) also a double quote, for which strdelim knew no escape, and a `#`, which
 * began a comment even inside quotes (load_server_config of 8.4).
 */
export function quoteArgument(value: string, version: SshdVersion): string | undefined {
  if (/[\n\0]/.test(value)) return undefined;
  if (isAtLeast(version, 8, 7)) return `"${value.replace(/[\\"]/g, "\\$&")}"`;
  return /["#]/.test(value) ? undefined : `"${value}"`;
}

export function isAtLeast(version: SshdVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Of a text that begins as version.h has it, "OpenSSH_9.2p1"; undefined for any other. */
export function parsePortableVersion(text: string): SshdVersion | undefined {
  return versionIn(/^OpenSSH_(\d{1,4})\.(\d{1,4})p\d/.exec(text));
}

/** Finds "OpenSSH_9.2" in what `sshd -V` says (before 9.3 an error and a usage text, which name it too). */
export function parseSshdVersion(text: string): SshdVersion | undefined {
  return versionIn(/OpenSSH_(\d{1,4})\.(\d{1,4})/.exec(text));
}

const versionIn = (found: RegExpExecArray | null): SshdVersion | undefined =>
  found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
