/**
 * sudoers(5) as far as taking rights away needs it: which rules name somebody, and the same text without them. Pure.
 * `Defaults`, comments and everybody else's rules stay as they are; what cannot be judged is told, never guessed.
 */
import { DIGITS, isMadeOf } from "./byte-strings.ts";
import type { Problem } from "./errors.ts";

/** Whose rights are meant. */
export interface Grantee {
  /** Every name of the uid. */
  readonly names: readonly string[];
  readonly uid: number;
  /** The group of his passwd entry: its rules are his own, and are taken away. */
  readonly primaryGroup: { readonly names: readonly string[]; readonly gid: number };
  /** Any other group, of the database or of the running process: shared with others, so that its rules are told. */
  readonly otherGroups: readonly { readonly name: string; readonly gid: number }[];
}

export interface SudoersPlan {
  /** The text without the rules; the same text where there were none. */
  readonly text: string;
  /** The rules that were taken out, each on one line. */
  readonly removed: readonly string[];
  /** What cannot be taken away safely, each with its line. */
  readonly refusals: readonly Problem[];
}

export type UserAliases = ReadonlyMap<string, readonly string[]>;

/** One entry with its continuation lines; `raw` is what the file holds. */
interface Logical {
  readonly raw: string;
  readonly text: string;
  readonly line: number;
}

export const INCLUDED_DIRECTORY = "/etc/sudoers.d";
const KNOWN_INCLUDES = [INCLUDED_DIRECTORY, `${INCLUDED_DIRECTORY}/`].flatMap((path) => [path, `"${path}"`]);
const LINE_ENDS = "\n\r";

// Each regular expression takes 20 to 100 µs at its first use, in which an app waits: the lines of most images need few of them.
const isSpace = (character: string): boolean => character !== "" && character.trim() === "";
const isNumbered = (name: string): boolean => name.startsWith("#") && isMadeOf(name.slice(1), DIGITS);

/** Each text is looked at more than once, while an app waits. */
const logicals = new Map<string, readonly Logical[]>();

function splitLogical(text: string): readonly Logical[] {
  const found = logicals.get(text) ?? joinContinued(text);
  logicals.set(text, found);
  return found;
}

function joinContinued(text: string): Logical[] {
  const lines = text.split("\n");
  const found: Logical[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const first = at;
    while (at + 1 < lines.length && isContinued(lines[at] ?? "") && !isComment(lines[first] ?? "")) at += 1;
    const raw = first === at ? (lines[at] ?? "") : lines.slice(first, at + 1).join("\n");
    const text = first === at ? raw : raw.replace(/\\\r?\n/g, " ");
    found.push({ raw, text: text.trim(), line: first + 1 });
  }
  return found;
}

/** A comment is never continued here: what follows it is then judged too, which errs on the safe side. */
const isComment = (line: string): boolean => /^\s*#(?!\d|-1)/.test(line);

/** Most lines have no backslash. */
const isContinued = (line: string): boolean => line.includes("\\") && /(?:^|[^\\])(?:\\\\)*\\\r?$/.test(line);

/** The `User_Alias` definitions of these texts together (sudoers(5): one name space for all files). */
export function readUserAliases(texts: readonly string[]): UserAliases {
  const aliases = new Map<string, string[]>();
  for (const { text } of texts.flatMap(splitLogical)) {
    if (!text.startsWith("User_Alias")) continue;
    const definitions = /^User_Alias\s+(.*)$/s.exec(text)?.[1];
    for (const definition of definitions?.split(/\s*:\s*(?=[A-Z][A-Z0-9_]*\s*=)/) ?? []) {
      const [, name = "", list = ""] = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*)$/s.exec(definition) ?? [];
      if (name !== "") aliases.set(name, [...(aliases.get(name) ?? []), ...list.split(",").map((one) => one.trim())]);
    }
  }
  return aliases;
}

/** An entry that has sudo read another file, or a directory of them; undefined for any other. */
function parseInclude(text: string): { readonly isDirectory: boolean; readonly path: string } | undefined {
  if (!text.startsWith("@include") && !text.startsWith("#include")) return undefined;
  const isDirectory = text.startsWith("dir", "@include".length);
  const rest = text.slice("@include".length + (isDirectory ? "dir".length : 0));
  return isSpace(rest.charAt(0)) ? { isDirectory, path: rest.trimStart() } : undefined;
}

function isDefaults(text: string): boolean {
  if (!text.startsWith("Defaults")) return false;
  const next = text.charAt("Defaults".length);
  return next === "" || "@:!>".includes(next) || isSpace(next);
}

/** True when this text has sudo read the directory of further files. */
export function includesDirectory(text: string): boolean {
  return splitLogical(text).some((entry) => parseInclude(entry.text)?.isDirectory === true);
}

/**
 * The text of `path` without what gives this user anything. `replacement` stands where the first rule was: a place that
 * sudo is sure to read.
 */
export function stripGrants(
  text: string,
  path: string,
  grantee: Grantee,
  aliases: UserAliases,
  replacement: string | undefined,
): SudoersPlan {
  const refusals: Problem[] = [];
  const kept: string[] = [];
  const removed: string[] = [];
  for (const entry of splitLogical(text)) {
    const refuse = (what: string, hint: string) =>
      refusals.push({ what: `${path}, line ${entry.line}: ${what}`, hint });
    const outcome = judgeEntry(entry, grantee, aliases, refuse);
    if (outcome !== undefined) removed.push(entry.text);
    if (outcome !== undefined && removed.length === 1 && replacement !== undefined) kept.push(replacement);
    if (outcome === undefined) kept.push(entry.raw);
    else if (outcome !== "") kept.push(outcome);
  }
  return { text: kept.join("\n"), removed, refusals };
}

/** True where this rule lets its user run us for the one call, and nothing else. `executable` is an absolute path. */
export function isScopedRule(rule: string, executable: string): boolean {
  const [, path] = /^\S+\s+ALL\s*=\s*\(root\)\s*NOPASSWD:\s*(\/\S+) --supervise$/.exec(rule) ?? [];
  return path === executable;
}

type Refuse = (what: string, hint: string) => void;
const REMOVE = "remove it from the image: withssh takes away plain rules of the app's user and his own group only";

/** Undefined: stays as it is. Else what is left of the entry, `""` for nothing. */
function judgeEntry(entry: Logical, grantee: Grantee, aliases: UserAliases, refuse: Refuse): string | undefined {
  const { text } = entry;
  const include = parseInclude(text);
  if (include !== undefined) {
    const isKnown = include.isDirectory && KNOWN_INCLUDES.includes(include.path);
    if (!isKnown) refuse("an include of another place", `move its rules to ${INCLUDED_DIRECTORY}`);
    return undefined;
  }
  if (text === "" || (text.startsWith("#") && !isMadeOf(text.charAt(1), DIGITS)) || isDefaults(text)) return undefined;
  if (text.includes("_Alias") && /^(?:User|Runas|Host|Cmnd|Cmd)_Alias\s/.test(text)) return undefined;
  const split = splitUserList(text);
  if (split === undefined) {
    refuse("not understood", REMOVE);
    return undefined;
  }
  const verdicts = split.items.map((item) => judgeItem(item, grantee, aliases));
  const unsure = verdicts.findIndex((verdict) => verdict !== "ours" && verdict !== "other");
  if (unsure >= 0) {
    refuse(verdicts[unsure] as string, REMOVE);
    return undefined;
  }
  if (!verdicts.includes("ours")) return undefined;
  if (split.items.some((item) => item.startsWith("!"))) {
    refuse("a list with an exception that may name the app's user", REMOVE);
    return undefined;
  }
  const others = split.items.filter((_, at) => verdicts[at] === "other");
  return others.length === 0 ? "" : `${others.join(", ")} ${split.rest}`;
}

/** A rule's user list and what follows it: the hosts, commands, and further `:` parts, which are for the same users. */
function splitUserList(text: string): { items: string[]; rest: string } | undefined {
  const items: string[] = [];
  let left = text;
  for (;;) {
    let bangs = "";
    for (; left.startsWith("!"); left = left.slice(1).trimStart()) bangs += "!";
    const word = left.slice(0, endOfWord(left));
    if (word === "") return undefined;
    items.push(`${bangs}${word}`);
    left = left.slice(word.length);
    const rest = left.trim();
    if (!rest.startsWith(",")) return isSpace(left.charAt(0)) && rest.includes("=") ? { items, rest } : undefined;
    left = rest.slice(1).trimStart();
  }
}

/** Where the word ends that the text begins with: quotes and backslashes take their part of it as it is. */
function endOfWord(text: string): number {
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') {
      const end = text.indexOf('"', at + 1);
      if (end < 0 || text.slice(at, end).includes("\n")) break;
      at = end + 1;
    } else if (character === "\\") {
      if (at + 1 === text.length || LINE_ENDS.includes(text.charAt(at + 1))) break;
      at += 2;
    } else if (",=".includes(character) || isSpace(character)) break;
    else at += 1;
  }
  return at;
}

/** `ours`, `other`, or why nobody can say. Names are compared as sudo may do it: without regard to case. */
function judgeItem(item: string, grantee: Grantee, aliases: UserAliases, depth = 0): string {
  const name = unquote(item.startsWith("!") ? item.replace(/^!+/, "") : item);
  const is = (other: string) => other.toLowerCase() === name.toLowerCase();
  if (name === "ALL" || grantee.names.some(is)) return "ours";
  if (name.startsWith("+")) return "a netgroup, which may hold the app's user";
  if (name.startsWith("%:")) return "a group that only a plugin of sudo knows";
  if (name.startsWith("%")) return judgeGroup(name.slice(1), grantee);
  if (isNumbered(name)) return Number(name.slice(1)) === grantee.uid ? "ours" : "other";
  if (name.startsWith("#")) return "not understood";
  const members = aliases.get(name);
  if (members === undefined) return "other";
  if (depth > 9) return `the alias ${name}, which goes round in circles`;
  const named = members.map((member) => judgeItem(member, grantee, aliases, depth + 1));
  return named.every((verdict) => verdict === "other") ? "other" : `the alias ${name}, which may name the app's user`;
}

function judgeGroup(name: string, { primaryGroup, otherGroups }: Grantee): string {
  const gid = isNumbered(name) ? Number(name.slice(1)) : undefined;
  const is = (other: { name: string; gid: number }) =>
    gid === undefined ? other.name.toLowerCase() === name.toLowerCase() : other.gid === gid;
  if (primaryGroup.names.some((own) => is({ name: own, gid: primaryGroup.gid }))) return "ours";
  if (gid === primaryGroup.gid) return "ours";
  const other = otherGroups.find(is);
  if (other === undefined) return "other";
  return `a rule of the group ${other.name === "" ? other.gid : other.name}, which the app's user is in (database or --group-add)`;
}

/** sudoers(5), "Other special characters and reserved words": quotes, `\x20`, and a backslash before anything else. */
function unquote(word: string): string {
  if (!word.includes('"') && !word.includes("\\")) return word;
  return word
    .replace(/"/g, "")
    .replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\(.)/g, "$1");
}
