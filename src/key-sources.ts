/**
 * Where keys come from: variables, and files as far as the login users' trust allows. A source that cannot be read is
 * told and keeps what it gave last; it never takes another source's keys away.
 */
import type { Account } from "./accounts.ts";
import type { KeySource } from "./authorized-keys.ts";
import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import { type KeyFile, type KeyFileResult, readKeyFile } from "./key-file.ts";
import { lazyKeyFile, splitKeyText } from "./key-text.ts";
import { settings } from "./settings.ts";

/** What each file gave when it could last be read, by its path. */
export type LastGood = Map<string, KeySource>;

/** The sources of this moment; `isClean` when each of them could be read to its end. */
export interface ReadSources {
  readonly sources: readonly KeySource[];
  readonly isClean: boolean;
}

/** Those whose logins what this setting says may decide; nothing where it is everybody's. */
export function decidedBy(host: Host, setting: string, accounts: readonly Account[]): Pick<KeySource, "users"> {
  const { decidesFor } = host.saidBy(setting);
  if (decidesFor === undefined) return {};
  return { users: accounts.filter(({ uid }) => uid === decidesFor).map(({ name }) => name) };
}

/**
 * Every source with its lines. `users` of a file are those who may trust it: it never decides for anybody else.
 * `lastGood` is read and brought up to date; `fromUrls` is what URLs answered last.
 */
export function readKeySources(
  host: Host,
  config: Config,
  accounts: readonly Account[],
  lastGood: LastGood,
  fromUrls: readonly KeySource[] = [],
): ReadSources {
  const variables = config.keyTexts.map(({ variable, text }): KeySource => {
    return { name: variable, lines: splitKeyText(text), ...decidedBy(host, variable, accounts) };
  });
  const { path, named } = config.authorizedKeysFile;
  const readers = whoMayTrust(host, config, accounts);
  const { files, failed } = readFor(host, path, named, readers);
  const kept = [...lastGood].filter(([name]) => failed.has(name) || failed.has(path));
  const found = new Map([...kept, ...files.map((file) => [file.name, file] as const)]);
  lastGood.clear();
  for (const [name, source] of found) lastGood.set(name, source);
  const inOrder = [...found.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return { sources: [...variables, ...inOrder, ...fromUrls], isClean: failed.size === 0 };
}

/** The login users that the file of keys may decide about, and not the others, if somebody without root has named it. */
function whoMayTrust(host: Host, { authorizedKeysFile, volume }: Config, accounts: readonly Account[]) {
  const { authorizedKeysFile: file, volume: place } = settings;
  if (!authorizedKeysFile.named && volume === place.fallback) return accounts;
  const { users } = decidedBy(host, authorizedKeysFile.named ? file.name : place.name, accounts);
  return users === undefined ? accounts : accounts.filter(({ name }) => users.includes(name));
}

/** The files that somebody trusts, and the paths that could not be read for all who may log in. */
function readFor(host: Host, path: string, named: boolean, accounts: readonly Account[]) {
  const files = new Map<string, { text: string; users: string[] }>();
  const failed = new Set<string>();
  const fail = (source: string, problem: Extract<KeyFile, { problem: unknown }>["problem"]) => {
    if (!failed.has(source)) host.emit({ type: "source failed", source, problem });
    failed.add(source);
  };
  const opener = named ? host.saidBy(settings.authorizedKeysFile.name).host : host;
  for (const { name: user, uid } of accounts) {
    const result: KeyFileResult = readKeyFile(opener, path, { user, uid });
    if (result.kind === "refused") fail(path, result.problem);
    else if (result.kind === "absent") {
      const hint = "AUTHORIZED_KEYS_FILE names it: mount it or remove the setting";
      if (named) fail(path, { what: `${path} is not there`, hint });
    } else {
      for (const file of result.files) {
        if ("problem" in file) fail(file.path, file.problem);
        else {
          const known = files.get(file.path);
          if (known === undefined) files.set(file.path, { text: file.text, users: [user] });
          else if (known.text === file.text) known.users.push(user);
        }
      }
    }
  }
  const sources = [...files].map(([name, { text, users }]): KeySource => {
    const group = name === path ? {} : { group: path };
    return { name, ...group, lines: lazyKeyFile(text), users };
  });
  return { files: sources, failed };
}
