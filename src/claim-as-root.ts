/**
 * The claim where the container starts as root: an image's one sudo rule would else be unspent, and give whoever has it a
 * second supervisor. Loaded only where there is a sudo. Never holds the app up: what cannot be claimed here cannot be later.
 */
import { claimStart } from "./claim.ts";
import { isOsError, StageError } from "./errors.ts";
import { c } from "./libc.ts";
import { openNativeDir } from "./native-dir.ts";

/** Claims this start; an earlier claim is as good. */
export function claimAsRoot(): void {
  try {
    claimStart({ openDir: openNativeDir, self: { uid: c.geteuid(), gid: c.getegid() } });
  } catch (error) {
    if (!(error instanceof StageError) && !isOsError(error)) throw error;
  }
}
