/**
 * Where keys come from at a start: variables and key files, each read as the login users' trust allows. A source that
 * cannot be read is told and adds nothing; it never takes another source's keys away.
 */
import type { Account } from "./accounts.ts";
import type { KeySource } from "./authorized-keys.ts";
import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import { type KeyFileResult, readKeyFile } from "./key-file.ts";
import { splitKeyFile, splitKeyText } from "./key-text.ts";

/** Every source with its lines. `users` of a file are those who may trust it: it never decides for anybody else. */
export function readKeySources(host: Host, config: Config, accounts: readonly Account[]): readonly KeySource[] {
  const sources: KeySource[] = config.keyTexts.map(({ variable, text }) => ({
    name: variable,
    lines: splitKeyText(text),
  }));
  const file = readFor(host, config.authorizedKeysFile, accounts);
  if (file !== undefined) sources.push(file);
  return sources;
}

function readFor(
  host: Host,
  { path, named }: Config["authorizedKeysFile"],
  accounts: readonly Account[],
): KeySource | undefined {
  const users: string[] = [];
  let text: string | undefined;
  let refusal: Extract<KeyFileResult, { kind: "refused" }> | undefined;
  let isAbsent = false;
  for (const { name, uid } of accounts) {
    const result = readKeyFile(host, path, { user: name, uid, mount: "writable" });
    if (result.kind === "text") {
      text ??= result.text;
      if (text === result.text) users.push(name);
    } else if (result.kind === "refused") refusal ??= result;
    else isAbsent = true;
  }
  if (refusal !== undefined) host.emit({ type: "source failed", source: path, problem: refusal.problem });
  if (isAbsent && named) {
    const problem = {
      what: `${path} is not there`,
      hint: "AUTHORIZED_KEYS_FILE names it: mount it or remove the setting",
    };
    host.emit({ type: "source failed", source: path, problem });
  }
  return text === undefined ? undefined : { name: path, lines: splitKeyFile(text), users };
}
