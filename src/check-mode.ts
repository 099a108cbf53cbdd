/**
 * Where the rights of a start would come from, and why: found out without making the one sudo call. The doctor's part of
 * what launch.ts decides.
 */
import { findAppUser } from "./become.ts";
import { type CheckLine, line, lineOfFailure } from "./check-lines.ts";
import type { Config } from "./config.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { c } from "./libc.ts";
import { assertRootlessServes } from "./pinned-rootless.ts";
import { type Mode, notToBeHad, pickMode } from "./privilege.ts";
import type { StatusDocument } from "./status-document.ts";
import { describeSudo, inspectSudo } from "./sudo-check.ts";

export interface CheckedMode {
  /** Undefined: a pinned mode is not to be had. */
  readonly mode: Mode | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly lines: readonly CheckLine[];
}

/** `running`: what the supervisor of this container says, where there is one. Throws `SettingsError` for WITHSSH_APP_USER. */
export async function checkMode(host: Host, config: Config, running: StatusDocument | undefined): Promise<CheckedMode> {
  const euid = c.geteuid();
  if (euid === 0 && running !== undefined && running.mode !== "root") {
    const { uid, gid } = running.app;
    const text = `${running.mode}, as this container has been started; root asks, and its app is uid ${uid}`;
    return { mode: running.mode, uid, gid, lines: [line("ok", "mode", text)] };
  }
  const ids = { uid: euid, gid: c.getegid() };
  try {
    return { ...ids, ...(await choose(host, config, euid)) };
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    return { ...ids, mode: undefined, lines: [lineOfFailure(error, "fail")] };
  }
}

async function choose(
  host: Host,
  config: Config,
  euid: number,
): Promise<Partial<CheckedMode> & Pick<CheckedMode, "mode" | "lines">> {
  const choice = pickMode(config, { euid });
  if (choice === "root") {
    const user = config.appUser === undefined ? undefined : await findAppUser(config.appUser);
    const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
    return { mode: "root", ...ids, lines: [line("ok", "mode", "root: the image runs as root")] };
  }
  const why = `the image runs as uid ${euid}`;
  if (choice === "rootless") {
    assertRootlessServes(config, euid);
    return { mode: "rootless", lines: [line("ok", "mode", `rootless: it is pinned, and ${why}`)] };
  }
  const found = await inspectSudo(host);
  const { serves, problem } = "listing" in found ? describeSudo(found.listing) : { serves: false, ...found };
  if (serves) {
    const isScoped = "listing" in found && found.listing.kind === "scoped";
    const text = `sudo: ${why}`;
    return { mode: "sudo", lines: [line("ok", "mode", text), line(isScoped ? "ok" : "warn", "mode", problem)] };
  }
  if (choice === "sudo") throw notToBeHad("sudo", problem.what, problem.hint ?? "grant the one rule of the README");
  const isNews = "listing" in found || !found.isAbsent;
  return {
    mode: "rootless",
    lines: [line("ok", "mode", `rootless: ${why}`), line(isNews ? "warn" : "note", "mode", problem)],
  };
}
