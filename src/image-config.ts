/**
 * Reads the image's sshd_config with its Includes resolved, as sshd would: every line keeps its file, its number and the
 * Match block it is under. It changes nothing and never fails: what cannot be read is a problem beside the rest.
 * Rules: sshd_config(5) Include and Match; servconf.c (an Include never changes the Match state of the file around it).
 */
import { byteString } from "./byte-strings.ts";
import type { ConfigLine, MatchScope } from "./config-line.ts";
import { parseConfigLine } from "./config-line.ts";
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { resolveLink } from "./links.ts";

export interface ImageConfig {
  readonly lines: readonly ConfigLine[];
  /** True when there is any Match block: what is global then proves nothing for a user by itself. */
  readonly hasMatch: boolean;
  readonly problems: readonly Problem[];
}

/** Where relative Includes start (SSHDIR). */
const SSH_DIRECTORY = "/etc/ssh";
/** SERVCONF_MAX_DEPTH of servconf.c: deeper is fatal for sshd. */
const MOST_NESTED = 16;
const MOST_BYTES = 1 << 20;
const READ = "read the image's sshd_config";
/** A mounted ConfigMap is made of links, and sshd follows them too. */
const FOLLOW = "follow a link of the image's sshd_config";

/** Reads `path` and what it includes. A file that is not there is an empty one. */
export async function readImageConfig(host: Host, path = "/etc/ssh/sshd_config"): Promise<ImageConfig> {
  const lines: ConfigLine[] = [];
  const problems: Problem[] = [];
  let hasMatch = false;

  async function readInto(file: string, outer: MatchScope | undefined, depth: number): Promise<void> {
    const text = await readConfigFile(host, file, problems);
    let match = outer;
    let number = 0;
    for (const raw of text.split("\n")) {
      number += 1;
      const parsed = parseConfigLine(raw);
      if (parsed === undefined) continue;
      const { word, keyword, rest, args, text: whole } = parsed;
      if (keyword === "match") {
        hasMatch = true;
        match = { criteria: joinCriteria(outer, rest), file, line: number };
      } else if (keyword === "include" && args.length > 0) {
        if (depth >= MOST_NESTED) {
          const what = `Includes are nested too deep at ${file}:${number}`;
          problems.push({
            what,
            saw: `more than ${MOST_NESTED}`,
            hint: "does one include itself? sshd stops there too",
          });
          continue;
        }
        for (const arg of args) {
          const pattern = arg.startsWith("/") ? arg : `${SSH_DIRECTORY}/${arg}`;
          for (const found of expandGlob(host, pattern)) await readInto(found, match, depth + 1);
        }
      } else lines.push({ file, line: number, keyword, word, args, text: whole, match });
    }
  }
  await readInto(path, undefined, 0);
  return { lines, hasMatch, problems };
}

/** Both criteria at once: sshd ANDs all in a line, but takes `all` only when it stands alone. */
function joinCriteria(outer: MatchScope | undefined, own: string): string {
  const criteria = own.trim().toLowerCase() === "all" ? "" : own.trim();
  return [outer?.criteria ?? "", criteria].filter((part) => part !== "").join(" ");
}

async function readConfigFile(host: Host, file: string, problems: Problem[]): Promise<string> {
  try {
    const bytes = readRegular(host, file) ?? readRegular(host, await resolveLink(host, FOLLOW, file));
    return bytes === undefined ? "" : byteString(bytes);
  } catch (error) {
    if (!isOsError(error)) throw error;
    // Not there, or a directory or device that a glob caught: for sshd an empty file.
    if (["ENOENT", "ENOTDIR", "EINVAL"].includes(error.code)) return "";
    const hint = "let the user read it that withssh runs as, or remove the Include that names it";
    problems.push({ what: `${file} cannot be read and does not count`, saw: error.code, hint });
    return "";
  }
}

/** The bytes; undefined when the name is a link, which `Dir` never follows. */
function readRegular(host: Host, path: string): Uint8Array | undefined {
  const { parent, name } = splitName(path);
  const dir = host.openDir(READ, parent);
  try {
    return dir.stat(READ, name)?.kind === "link" ? undefined : dir.read(READ, name, MOST_BYTES).bytes;
  } finally {
    dir.close();
  }
}

/** glob(3) with no flags: byte order, no leading dot unless written, nothing when nothing is there. */
function expandGlob(host: Host, pattern: string): string[] {
  let found = [""];
  for (const part of pattern.split("/").filter((component) => component !== "")) {
    const next: string[] = [];
    for (const base of found) {
      if (!/[*?[\\]/.test(part)) next.push(`${base}/${part}`);
      else
        next.push(...listMatching(host, base === "" ? "/" : base, globToRegExp(part)).map((name) => `${base}/${name}`));
    }
    found = next;
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function listMatching(host: Host, path: string, pattern: RegExp): string[] {
  let dir: Dir | undefined;
  try {
    dir = host.openDir(READ, path);
    return dir.list(READ).filter((name) => pattern.test(name));
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  } finally {
    dir?.close();
  }
}

/** One component of a pattern, as fnmatch(3) with FNM_PERIOD reads it. */
function globToRegExp(part: string): RegExp {
  let source = part.startsWith(".") ? "" : "(?!\\.)";
  for (let at = 0; at < part.length; at += 1) {
    const char = part[at] ?? "";
    const set = char === "[" ? /^\[([!^]?)(\]?[^\]]*)\]/.exec(part.slice(at)) : null;
    if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (set !== null) {
      source += `[${set[1] === "" ? "" : "^"}${(set[2] ?? "").replace(/[\\\]^]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else {
      if (char === "\\" && at + 1 < part.length) at += 1;
      source += (part[at] ?? "").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    }
  }
  return new RegExp(`^${source}$`);
}

function splitName(path: string): { parent: string; name: string } {
  const slash = path.lastIndexOf("/");
  return { parent: path.slice(0, slash) || "/", name: path.slice(slash + 1) };
}
