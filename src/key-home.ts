/**
 * A login user's own ~/.ssh/authorized_keys while it does not count (`WITHSSH_HOME_KEYS=false`): told by path and
 * fingerprints, so that nobody who knew sshd's default wonders. Reads only; never repairs a home.
 */
import type { Account } from "./accounts.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { parseKeyLine } from "./key-line.ts";
import { decodeKeyFile, splitKeyFile } from "./key-text.ts";

const OPERATION = "look for a home's keys";
const MAX_BYTES = 1 << 20;
/** As many as a person would compare. */
const MOST_NAMED = 5;

/**
 * Warns once for each login user whose home has keys that do not count. `files`: what lets each of them in; a key that is there
 * too counts, as where the settings name that very file.
 */
export function warnOfHomeKeys(host: Host, accounts: readonly Account[], files: ReadonlyMap<string, string>): void {
  for (const { name, home } of accounts) {
    const path = `${home === "/" ? "" : home}/.ssh/authorized_keys`;
    const fingerprints = readFingerprints(host, home, files.get(name) ?? "");
    if (fingerprints.length === 0) continue;
    const more = fingerprints.length > MOST_NAMED ? ` and ${fingerprints.length - MOST_NAMED} more` : "";
    host.emit({
      type: "warning",
      problem: {
        what: `${path} does not count: ${name} logs in with the keys that the settings name`,
        saw: `${fingerprints.slice(0, MOST_NAMED).join(", ")}${more}`,
        hint: "WITHSSH_HOME_KEYS=true honours it; or move its keys to AUTHORIZED_KEYS",
      },
    });
  }
}

/** Of keys that are not in `counting`. Links are not followed below the home: what cannot be read plainly is not news. */
function readFingerprints(host: Host, home: string, counting: string): string[] {
  const open: Dir[] = [];
  try {
    const dir = host.openDir(OPERATION, home === "" ? "/" : home);
    open.push(dir);
    const ssh = dir.openDir(OPERATION, ".ssh");
    open.push(ssh);
    const text = decodeKeyFile(ssh.read(OPERATION, "authorized_keys", MAX_BYTES).bytes);
    return splitKeyFile(text).flatMap(({ line }) => {
      const key = parseKeyLine(line);
      return key.verdict === "key" && !counting.includes(key.blob) ? [key.fingerprint] : [];
    });
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  } finally {
    for (const dir of open) dir.close();
  }
}
