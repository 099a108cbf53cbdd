/** Which sshd: the one that is named, or the first of the usual places. Apart from programs.ts, since sshd is started first. */
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { installHint } from "./packages.ts";
import { SSHD_PATHS } from "./paths.ts";

/** Finds sshd (or takes `named`, which must be there). Throws `StageError` naming packages. */
export function findSshd(host: Host, named: string | undefined): string {
  for (const path of named === undefined ? SSHD_PATHS : [named]) if (host.isExecutable(path)) return path;
  const what = named === undefined ? "there is no sshd in this image" : `WITHSSH_SSHD: ${named} cannot be run`;
  const hint = named === undefined ? installHint("sshd") : "name the image's own sshd, or remove WITHSSH_SSHD";
  throw new StageError("findSshd", { what, hint });
}
