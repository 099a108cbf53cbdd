/**
 * The first stages of the supervisor's start: as much as an sshd needs to load its libraries and to wait for its config,
 * beside the stages of boot.ts. What is imported here is time in which sshd does not load yet.
 */
import type { Config } from "./config.ts";
import { findSshd } from "./find-sshd.ts";
import type { Host } from "./host.ts";
import type { Request } from "./request.ts";
import type { SshdPlace } from "./sshd-place.ts";
import { createStages } from "./stage.ts";
import { openStateDirectory, type StateDirectory } from "./state-directory.ts";

/** What the stages of boot.ts build on. */
export interface Woken {
  readonly state: StateDirectory;
  /** Its absolute path. */
  readonly sshd: string;
}

/** Starts an sshd that waits for its config in this state directory. It only makes the start quicker. */
export type WarmSshd = (sshd: string, state: StateDirectory) => void;

/** As that is done for real. */
export const warmIn =
  (place: SshdPlace): WarmSshd =>
  (sshd, { private: dir }) =>
    place.renew(sshd, dir.path).warm();

/** Runs the stages in order. Throws `StageError` from the one that failed. */
export async function wake(
  host: Host,
  config: Pick<Config, "sshd" | "homeKeys">,
  request: Request,
  warm: WarmSshd,
): Promise<Woken> {
  const stage = createStages(host);
  const state = await stage("openStateDirectory", async () =>
    request.mode === "rootless"
      ? (await import("./open-state.ts")).openState(host, config, request)
      : openStateDirectory(host),
  );
  const sshd = await stage("findSshd", () => findSshd(host, config.sshd));
  await stage("warmSshd", () => warm(sshd, state));
  return { state, sshd };
}

/** What this gives, or throws, to be taken later. */
export async function settle<T>(run: () => Promise<T>): Promise<() => Promise<T>> {
  try {
    const value = await run();
    return async () => value;
  } catch (error) {
    return async () => {
      throw error;
    };
  }
}
