/**
 * The first stages of the supervisor's start: as much as an sshd needs to load its libraries and to wait for its config,
 * beside the stages of boot.ts. What is imported here is time in which sshd does not load yet.
 */
import type { Config } from "./config.ts";
import { findSshd } from "./find-sshd.ts";
import type { Host } from "./host.ts";
import { envMap } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { createStages } from "./stage.ts";
import { openStateDirectory, type StateDirectory } from "./state-directory.ts";
import { openRootlessState } from "./state-rootless.ts";

/** What the stages of boot.ts build on. */
export interface Woken {
  readonly state: StateDirectory;
  /** Its absolute path. */
  readonly sshd: string;
}

/** Starts an sshd that waits for its config in this state directory. It only makes the start quicker. */
export type WarmSshd = (sshd: string, state: StateDirectory) => void;

/** Runs the stages in order. Throws `StageError` from the one that failed. */
export async function wake(host: Host, config: Config, request: Request, warm: WarmSshd): Promise<Woken> {
  const stage = createStages(host);
  const state = await stage("openStateDirectory", () => openState(host, config, request));
  const sshd = await stage("findSshd", () => findSshd(host, config.sshd));
  await stage("warmSshd", () => warm(sshd, state));
  return { state, sshd };
}

/** Root's place is fixed; without root the app's environment says where this user may write. */
export function openState(host: Host, config: Config, request: Request): StateDirectory {
  if (request.mode !== "rootless") return openStateDirectory(host);
  const environment = envMap(request.environment);
  return openRootlessState(host, {
    runtimeDirectory: environment.get("XDG_RUNTIME_DIR"),
    home: environment.get("HOME"),
    homeKeys: config.homeKeys,
  });
}
