/** Where a sudo may be, and whether there is one: the launcher asks before every app, so this knows nothing else. */
import { cString } from "./byte-strings.ts";
import { AT_FDCWD, c } from "./libc.ts";

/** Where sudo counts: never found by PATH. */
export const SUDO_PATHS = ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"] as const;

/** True where the image has a sudo, of whatever kind. */
export function hasSudo(): boolean {
  for (const path of SUDO_PATHS) if (c.faccessat(AT_FDCWD, cString(path), 0) === 0) return true;
  return false;
}
