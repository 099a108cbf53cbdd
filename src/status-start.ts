/**
 * Starts what answers `--status`, once everything that matters more has been done. Trouble with it is none of SSH's: told
 * at debug level, and `--status` then finds nobody.
 */
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { c } from "./libc.ts";
import { openState } from "./open-state.ts";
import { KEYS_NAME } from "./paths.ts";
import { readStartTicks } from "./process-stat.ts";
import type { RecentProblems } from "./recent-problems.ts";
import type { Request } from "./request.ts";
import type { StateDirectory } from "./state-directory.ts";
import { describeStatus } from "./status-document.ts";
import { StatusServer } from "./status-server.ts";
import type { Supervisor } from "./supervisor.ts";

declare const WITHSSH_VERSION: string;

const OPERATION = "answer status";

export interface StatusParts {
  readonly host: Host;
  readonly config: Config;
  readonly request: Request;
  readonly supervisor: Supervisor;
  readonly problems: RecentProblems;
}

export function startStatus(parts: StatusParts): void {
  const { host, config, request, supervisor, problems } = parts;
  const render = (uid: number) => {
    const report = supervisor.report();
    const pid = report.sshd?.pid;
    const facts = {
      version: WITHSSH_VERSION,
      mode: request.mode,
      config,
      app: { pid: request.appPid, uid: request.appUid, gid: request.appGid },
      report,
      problems: problems.list(),
      pid: c.getpid(),
      uid: host.self.uid,
      upMs: performance.now(),
      now: host.now(),
      sshdStartTicks: pid === undefined ? undefined : readStartTicks(pid),
    };
    return JSON.stringify(describeStatus(facts, uid));
  };
  try {
    const directory = openStateRoot(host, config, request, supervisor.report().plan);
    try {
      new StatusServer(directory, render);
    } finally {
      directory.close();
    }
  } catch (error) {
    if (!isOsError(error) && !(error instanceof StageError)) throw error;
    host.emit({ type: "debug", text: `nobody answers --status: ${error.message}` });
  }
}

/** The directory above the two parts of our state, which is there also where a later stage has failed. */
function openStateRoot(host: Host, config: Config, request: Request, plan: Plan | undefined): Dir {
  const { path } = (plan?.state ?? openForPath(host, config, request)).keys;
  return host.openDir(OPERATION, path.slice(0, -`/${KEYS_NAME}`.length));
}

function openForPath(host: Host, config: Config, request: Request): StateDirectory {
  const state = openState(host, config, request);
  state.keys.close();
  state.private.close();
  return state;
}
