/**
 * All key sources merged into one file content per login user, and written where sshd reads it. What the sources say
 * is what is allowed: a bad line is told and never repeated, and a user that no setting names keeps no file.
 */
import type { Problem } from "./errors.ts";
import type { Event } from "./events.ts";
import type { Dir, Host } from "./host.ts";
import type { PublicKey } from "./key-line.ts";
import { parseKeyLine } from "./key-line.ts";
import { type KeyTextLine, MOST_TOLD } from "./key-text.ts";
import { giveMemoryBackNow } from "./thrift.ts";

/** One place that keys came from. `users`: the only login users it may decide about; all when left out. */
export interface KeySource {
  readonly name: string;
  /** What it is counted under: the directory that it is a file of. */
  readonly group?: string;
  readonly lines: Iterable<KeyTextLine>;
  readonly users?: readonly string[];
}

/** A key as logs and `--status` show it: never its body. */
export interface KeyFacts {
  readonly type: string;
  readonly fingerprint: string;
  readonly comment: string;
  readonly options: boolean;
  readonly sources: readonly string[];
}

/** What was collected. `problem` is set when there is no key at all: SSH has nobody to let in then. */
export interface CollectedKeys {
  readonly files: ReadonlyMap<string, string>;
  readonly keys: readonly KeyFacts[];
  readonly events: readonly Event[];
  readonly problem?: Problem;
}

/** There may be ten thousand: what many have in common is one list for all of them, and never changed. */
interface Entry {
  readonly key: Pick<PublicKey, "type" | "fingerprint" | "comment" | "options" | "certAuthority" | "line">;
  sources: readonly string[];
  users: readonly string[];
}

const HEADER = "# written by withssh, do not edit: changes here are lost\n";
const FILE_MODE = 0o644;

/** What so many lines leave behind is taken away before the next. */
const LINES_BETWEEN = 1000;

export const NO_KEYS: Problem = {
  what: "no authorized key: nobody could log in, so ssh stays down",
  hint: 'set AUTHORIZED_KEYS to public keys, one a line: AUTHORIZED_KEYS="$(cat ~/.ssh/id_ed25519.pub)"',
};

/**
 * Merges `sources` (in their order) for `users`. Keys are the same when their blob is; lines are the same when their
 * options are too.
 *
 * sshd takes the first line of a key whose options let it in (auth_check_authkeys_file). So where one key stands with
 * and without options, the lines with options come first, whatever the order of the sources: a forced command is not
 * undone because a second source names the same key bare. Nothing is dropped: when from= or expiry-time= of the first
 * does not fit, the bare line still counts, as its source says. The case is warned about.
 */
export function collectAuthorizedKeys(users: readonly string[], sources: readonly KeySource[]): CollectedKeys {
  const events: Event[] = [];
  const byKey = new Map<string, Entry[]>();
  const counts: Record<string, number> = {};
  let seen = 0;
  for (const source of sources) {
    const names = [source.name];
    let count = 0;
    let refused = 0;
    for (const { line, number, doubt } of source.lines) {
      seen += 1;
      if (seen % LINES_BETWEEN === 0) giveMemoryBackNow();
      const key = parseKeyLine(line);
      const reason = doubt ?? (key.verdict === "bad" ? `${key.reason} — hint: ${key.hint}` : undefined);
      if (reason !== undefined) {
        refused += 1;
        if (refused <= MOST_TOLD) events.push({ type: "key line refused", source: source.name, line: number, reason });
      } else if (key.verdict === "key") {
        count += 1;
        addEntry(byKey, key, names, source.users ?? users);
      }
    }
    if (refused > MOST_TOLD) events.push(tellOfMore(source.name, refused - MOST_TOLD));
    const group = source.group ?? source.name;
    counts[group] = (counts[group] ?? 0) + count;
  }
  if (seen > LINES_BETWEEN) giveMemoryBackNow();
  const keys: KeyFacts[] = [];
  const texts = new Map(users.map((user) => [user, [HEADER]]));
  for (const entries of byKey.values()) {
    if (entries.length > 1) events.push(...warnOfDifference(entries));
    entries.sort((a, b) => Number(a.key.options === "") - Number(b.key.options === ""));
    for (const { key, sources: names, users: his } of entries) {
      const { type, fingerprint, comment, options } = key;
      keys.push({ type, fingerprint, comment, options: options !== "", sources: names });
      for (const user of his) texts.get(user)?.push(key.line, "\n");
    }
  }
  events.push({ type: "keys", count: byKey.size, users, sources: counts });
  const files = new Map(Array.from(texts, ([user, parts]) => [user, parts.join("")]));
  // A collector that reads the stack for references may hold on to it: what is in it goes now.
  byKey.clear();
  texts.clear();
  if (seen > LINES_BETWEEN) giveMemoryBackNow();
  return {
    files,
    keys,
    events,
    ...(keys.length === 0 ? { problem: NO_KEYS } : {}),
  };
}

/**
 * Writes `text` to `user`'s file below `directory` (root-owned, one file per user) in one step: sshd reads either the
 * old or the new. The owner is whoever we are: root, or in rootless mode the user. Throws `OsError`.
 */
export function writeAuthorizedKeys(host: Host, directory: string, user: string, text: string): void {
  withDir(host, directory, (dir) => {
    const temporary = `.${user}.${Math.floor(host.random() * 2 ** 48).toString(36)}`;
    dir.create("write authorized keys", temporary, new TextEncoder().encode(text), { mode: FILE_MODE, sync: false });
    try {
      dir.rename("write authorized keys", temporary, user);
    } catch (error) {
      dir.remove("drop unfinished authorized keys", temporary);
      throw error;
    }
  });
}

/** Removes the files of users that are no longer named (and torn temporary ones): after a restart they would still let in. */
export function removeOtherAuthorizedKeys(host: Host, directory: string, users: readonly string[]): void {
  withDir(host, directory, (dir) => {
    for (const name of dir.list("list authorized keys")) {
      if (!users.includes(name)) dir.remove("drop authorized keys of a user no longer named", name);
    }
  });
}

const tellOfMore = (source: string, count: number): Event => ({
  type: "warning",
  problem: { what: `${count} more lines of ${source} are no keys`, hint: "is it the right file?" },
});

function addEntry(
  byKey: Map<string, Entry[]>,
  key: PublicKey,
  sources: readonly string[],
  users: readonly string[],
): void {
  const entries = byKey.get(key.fingerprint);
  const same = entries?.find((other) => other.key.options === key.options);
  if (same !== undefined) {
    same.sources = union(same.sources, sources);
    same.users = union(same.users, users);
    return;
  }
  const { type, fingerprint, comment, options, certAuthority, line } = key;
  const entry = { key: { type, fingerprint, comment, options, certAuthority, line }, sources, users };
  if (entries === undefined) byKey.set(key.fingerprint, [entry]);
  else entries.push(entry);
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.every((one) => a.includes(one)) ? a : [...new Set([...a, ...b])];
}

/** A CA line and a plain line of one key do not meet: sshd reads each for another kind of login. */
function warnOfDifference(entries: readonly Entry[]): Event[] {
  const plain = entries.filter((entry) => !entry.key.certAuthority);
  const [first] = plain;
  if (plain.length < 2 || first === undefined) return [];
  const names = [...new Set(plain.flatMap((entry) => entry.sources))].join(", ");
  const what = `the key ${first.key.fingerprint} is given more than once with different options`;
  const hint = "sshd takes the first line that fits, those with options first: keep one";
  return [{ type: "warning", problem: { what, saw: names, hint } }];
}

function withDir(host: Host, path: string, use: (dir: Dir) => void): void {
  const dir = host.openDir("open the keys directory", path);
  try {
    use(dir);
  } finally {
    dir.close();
  }
}
