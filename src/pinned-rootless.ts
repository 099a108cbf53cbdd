/**
 * `WITHSSH_PRIVILEGE=rootless` held to its word before the app starts: whoever pins a mode wants to hear at once that this
 * user cannot serve it. Loaded only then; reads /etc/passwd and nothing else.
 */
import { byteString } from "./byte-strings.ts";
import type { Config } from "./config.ts";
import { slurp } from "./descriptors.ts";
import { isOsError, StageError } from "./errors.ts";
import { parsePasswd } from "./passwd.ts";
import { findRootlessProblem } from "./rootless.ts";
import { settings } from "./settings.ts";

/** Throws `StageError` where sshd as this uid can serve nobody under these settings. */
export function assertRootlessServes(config: Config, uid: number): void {
  const problem = findRootlessProblem(config, uid, parsePasswd(readPasswd()));
  if (problem === undefined) return;
  const what = `${settings.privilege.name}=rootless is not to be had: ${problem.what}`;
  throw new StageError("pickMode", { ...problem, what });
}

function readPasswd(): string {
  try {
    return byteString(slurp("/etc/passwd", "look up our own user"));
  } catch (error) {
    if (isOsError(error, "ENOENT")) return "";
    throw error;
  }
}
