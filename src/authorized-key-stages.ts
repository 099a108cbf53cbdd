/**
 * The two stages of authorized keys: collect them from every source, write one file a login user. Nothing is written
 * before all sources have been read, so a start that finds no key leaves what is there as it is.
 */
import type { Account } from "./accounts.ts";
import {
  type CollectedKeys,
  collectAuthorizedKeys,
  removeOtherAuthorizedKeys,
  writeAuthorizedKeys,
} from "./authorized-keys.ts";
import type { Config } from "./config.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { compileNormally } from "./jit-policy.ts";
import { warnOfHomeKeys } from "./key-home.ts";
import { readKeySources } from "./key-sources.ts";
import type { StateDirectory } from "./state-directory.ts";

/** From about here compiled code is worth its price. */
const MANY_LINES = 500;

/** All sources merged. Throws when there is no key: sshd would have nobody to let in. */
export function collectKeys(host: Host, config: Config, accounts: readonly Account[]): CollectedKeys {
  const { sources } = readKeySources(host, config, accounts, new Map());
  if (sources.some(({ lines }) => lines.length > MANY_LINES)) compileNormally();
  const keys = collectAuthorizedKeys(
    accounts.map((account) => account.name),
    sources,
  );
  for (const event of keys.events) host.emit(event);
  if (!config.homeKeys) warnOfHomeKeys(host, accounts);
  if (keys.problem !== undefined && !config.homeKeys) throw new StageError("collectAuthorizedKeys", keys.problem);
  return keys;
}

/** One file for each login user; files of users that are no longer named go. */
export function writeKeys(host: Host, state: StateDirectory, keys: CollectedKeys): void {
  for (const [user, text] of keys.files) writeAuthorizedKeys(host, state.keys.path, user, text);
  removeOtherAuthorizedKeys(host, state.keys.path, [...keys.files.keys()]);
}
