/**
 * Keeps the container's PATH in login shells: writes or removes our drop-in in /etc/profile.d. Best effort: a read-only
 * /etc, or an image without that directory, only means that login shells have the distribution's PATH.
 */
import { bytesFrom } from "./byte-strings.ts";
import { isOsError } from "./errors.ts";
import type { Host } from "./host.ts";
import { PROFILE_DROP_IN, renderProfileDropIn, type Variable } from "./session-env.ts";
import { replaceFile } from "./state-directory.ts";

const OPERATION = "write the PATH of login shells";

/** Writes the drop-in for these session variables (and users), or removes ours where there is no PATH to keep. */
export function writeProfileDropIn(host: Host, variables: readonly Variable[], users?: readonly string[]): void {
  const slash = PROFILE_DROP_IN.lastIndexOf("/");
  const name = PROFILE_DROP_IN.slice(slash + 1);
  const text = renderProfileDropIn(variables, users);
  try {
    const dir = host.openDir(OPERATION, PROFILE_DROP_IN.slice(0, slash));
    try {
      if (text !== undefined) replaceFile(dir, OPERATION, name, bytesFrom(text), 0o644);
      else if (dir.stat(OPERATION, name) !== undefined) dir.remove(OPERATION, name);
    } finally {
      dir.close();
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
    host.emit({ type: "debug", text: `${PROFILE_DROP_IN} was not written: ${error.code}` });
  }
}
