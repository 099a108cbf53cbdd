/** The state directory of a supervisor in any mode. */
import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import { envMap } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { openStateDirectory, type StateDirectory } from "./state-directory.ts";
import { openRootlessState } from "./state-rootless.ts";

/** Root's place is fixed; without root the app's environment says where this user may write. */
export function openState(host: Host, config: Pick<Config, "homeKeys">, request: Request): StateDirectory {
  if (request.mode !== "rootless") return openStateDirectory(host);
  const environment = envMap(request.environment);
  return openRootlessState(host, {
    runtimeDirectory: environment.get("XDG_RUNTIME_DIR"),
    home: environment.get("HOME"),
    homeKeys: config.homeKeys,
  });
}
