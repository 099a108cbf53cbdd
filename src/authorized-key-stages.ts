/**
 * The two stages of authorized keys: collect them from every source, write one file a login user. Nothing is written
 * before all sources have been read, so a start that finds no key leaves what is there as it is.
 */
import type { Account } from "./accounts.ts";
import {
  type CollectedKeys,
  collectAuthorizedKeys,
  NO_KEYS,
  removeOtherAuthorizedKeys,
  writeAuthorizedKeys,
} from "./authorized-keys.ts";
import type { Config } from "./config.ts";
import { type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { warnOfHomeKeys } from "./key-home.ts";
import { decidedBy, type LastGood, readKeySources } from "./key-sources.ts";
import { readUrlCopies, splitUrls } from "./key-url.ts";
import { fileForm, settings } from "./settings.ts";
import type { StateDirectory } from "./state-directory.ts";
import { readTextSource } from "./text-source.ts";

/** What was collected, and what the next look needs to know of this one. */
export interface AuthorizedKeys extends CollectedKeys {
  readonly lastGood: LastGood;
  /** Every source could be read: what is not there is not meant to be there. */
  readonly isClean: boolean;
}

/** All sources merged. Throws when there is no key: sshd would have nobody to let in. */
export function collectKeys(
  host: Host,
  config: Config,
  accounts: readonly Account[],
  state: StateDirectory,
): AuthorizedKeys {
  const keys = collect(host, config, accounts, state, new Map());
  for (const event of keys.events) host.emit(event);
  if (!config.homeKeys) warnOfHomeKeys(host, accounts, keys.files);
  warnOfKeylessUsers(host, accounts, keys);
  if (keys.problem !== undefined && !config.homeKeys && config.trustedUserCa === undefined) {
    const isPending = config.authorizedKeysUrls !== undefined;
    throw isPending ? new StageError(AWAIT_URL_KEYS, PENDING) : new StageError("collectAuthorizedKeys", keys.problem);
  }
  return keys;
}

/** In sudo mode keys of the environment are the app user's alone: whoever else the image names may be left without any. */
function warnOfKeylessUsers(host: Host, accounts: readonly Account[], keys: CollectedKeys): void {
  const { name } = settings.authorizedKeys;
  const { decidesFor } = host.saidBy(name);
  if (decidesFor === undefined || keys.keys.length === 0) return;
  const isKeyless = ({ name: user }: Account) => !/^[^#]/m.test(keys.files.get(user) ?? "");
  for (const account of accounts.filter(({ uid }) => uid !== decidesFor).filter(isKeyless)) {
    const what = `${account.name} has no key: in sudo mode keys from the environment are for the app's user alone`;
    const hint = `${name}=… in /etc/withssh/settings, a file of root in the image`;
    host.emit({ type: "warning", problem: { what, hint } });
  }
}

/** The stage that is not done while URLs have not answered: SSH is not down for good, it comes. */
export const AWAIT_URL_KEYS = "awaitUrlKeys";
const PENDING: Problem = {
  what: "no authorized key yet: SSH starts when AUTHORIZED_KEYS_URL has given one",
  hint: "a key in AUTHORIZED_KEYS would not wait for the network",
};

/** Whether a boot failed for lack of any key, which is no fault of anything. */
export function lacksKeys(error: unknown): boolean {
  return error instanceof StageError && error.problem === NO_KEYS;
}

/** The URLs of AUTHORIZED_KEYS_URL or its file; a file that cannot be read is told and names none. */
export function readUrls(host: Host, config: Config): readonly string[] {
  if (config.authorizedKeysUrls === undefined) return [];
  const text = readTextSource(host, config.authorizedKeysUrls, settings.authorizedKeysUrls.name);
  if ("bytes" in text) return splitUrls(Buffer.from(text.bytes).toString("utf8"));
  host.emit({ type: "source failed", source: settings.authorizedKeysUrls.name, problem: text.problem });
  return [];
}

/** The same later: tells what is new since `before`, which keys came and which went, and throws for no lack of keys. */
export function recollectKeys(
  host: Host,
  config: Config,
  accounts: readonly Account[],
  state: StateDirectory,
  before: AuthorizedKeys,
): AuthorizedKeys {
  const keys = collect(host, config, accounts, state, before.lastGood);
  const told = new Set(before.events.map((event) => JSON.stringify(event)));
  for (const event of keys.events) {
    if (event.type !== "keys" && !told.has(JSON.stringify(event))) host.emit(event);
  }
  const added = findNew(before, keys);
  const removed = findNew(keys, before);
  if (added.length + removed.length > 0 || !isSameText(before.files, keys.files)) {
    host.emit({ type: "keys changed", count: fingerprintsOf(keys).size, added, removed });
  }
  return keys;
}

function collect(
  host: Host,
  config: Config,
  accounts: readonly Account[],
  state: StateDirectory,
  lastGood: LastGood,
): AuthorizedKeys {
  const copies = readUrlCopies(state.private, readUrls(host, config));
  const fromUrls = copies.map((source) => ({ ...source, ...decidedBy(host, saidAs(config), accounts) }));
  const { sources, isClean } = readKeySources(host, config, accounts, lastGood, fromUrls);
  const users = accounts.map((account) => account.name);
  return { ...collectAuthorizedKeys(users, sources), lastGood, isClean };
}

/** The name by which the URLs were given. */
function saidAs({ authorizedKeysUrls: urls }: Config): string {
  return urls !== undefined && "file" in urls
    ? fileForm(settings.authorizedKeysUrls)
    : settings.authorizedKeysUrls.name;
}

/** Fingerprints that `after` has and `before` has not, each once. */
function findNew(before: CollectedKeys, after: CollectedKeys): string[] {
  const had = fingerprintsOf(before);
  const found = new Set<string>();
  for (const { fingerprint } of after.keys) if (!had.has(fingerprint)) found.add(fingerprint);
  return [...found];
}

const fingerprintsOf = ({ keys }: CollectedKeys) => new Set(keys.map(({ fingerprint }) => fingerprint));

function isSameText(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([user, text]) => b.get(user) === text);
}

/** One file for each login user; files of users that are no longer named go. */
export function writeKeys(host: Host, state: StateDirectory, keys: CollectedKeys): void {
  for (const [user, text] of keys.files) writeAuthorizedKeys(host, state.keys.path, user, text);
  removeOtherAuthorizedKeys(host, state.keys.path, [...keys.files.keys()]);
}
