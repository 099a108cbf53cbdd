/**
 * What becomes of a sudo call's request once rights are gone: what counts of it starts the supervisor. Trouble from here on is
 * SSH's: the app runs already. Loaded when nobody waits any more.
 */
import { type Caller, tryToRead } from "./caller.ts";
import { judgeVolume } from "./caller-volume.ts";
import { isSteering } from "./early-start.ts";
import { EXIT, isOsError, type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { c, ptr } from "./libc.ts";
import { defaultFormat, sayNow } from "./log-line.ts";
import { readEnviron, splitEnvEntry } from "./process-facts.ts";
import type { Children } from "./processes.ts";
import { type Reply, type Request, renderReply } from "./request.ts";
import { describeOsError } from "./stage.ts";
import { readImageSettings, vetEnvironment } from "./sudo-settings.ts";
import { becomeDetached, startDetached } from "./supervisor-detached.ts";
import { cannotStart } from "./supervisor-start.ts";

const STDOUT = 1;

export interface Start {
  readonly host: Host;
  readonly caller: Caller;
  readonly request: Request;
  readonly appPidfd: number;
  readonly children: Children;
  /** Nobody waits for the end of this process: it can become the supervisor itself. */
  readonly mayStay: boolean;
}

/** Starts it, or becomes it; gives the exit code. What cannot be done is told, and the launcher that waits hears of it. */
export async function startForCaller(start: Start): Promise<number> {
  const { host, caller, appPidfd, children } = start;
  const request = tryToVet(host, caller, start.request);
  if ("problems" in request) {
    if (start.mayStay) return stayDown(start, request.problems);
    refuseSsh(start.request, request.problems);
    return EXIT.ok;
  }
  if (start.mayStay && isUnsteered(request)) {
    const { superviseHere } = await import("./sudo-supervisor.ts");
    return superviseHere(request, appPidfd, children);
  }
  try {
    if (start.mayStay) becomeDetached(request, appPidfd);
    startDetached(request, appPidfd);
  } catch (error) {
    refuseSsh(request, [cannotStart(String(error)).problem]);
  }
  return EXIT.ok;
}

/**
 * Nobody waits for this process but PID 1, which may be the app: it stays, and tells whoever asks why SSH is down. Of the caller's
 * environment nothing counts.
 */
async function stayDown({ caller, request, appPidfd, children }: Start, refused: readonly Problem[]): Promise<number> {
  const { superviseHere } = await import("./sudo-supervisor.ts");
  const vetted = { ...request, ...factsOf(caller), imageSettings: [], environment: [] };
  return superviseHere(vetted, appPidfd, children, refused);
}

/**
 * Our runtime has started in the environment that sudo made, where a supervisor that is executed starts in an empty one: with
 * what a runtime, or a fetch, goes by in it or asked for, it must be that.
 */
const isUnsteered = ({ environment }: Request): boolean => !isSteering(readEnviron()) && !isSteering(environment);

/** What counts of the request, or why nothing does. */
type Vetted = Request | { readonly problems: readonly Problem[] };

function tryToVet(host: Host, caller: Caller, request: Request): Vetted {
  try {
    return vet(host, caller, request);
  } catch (error) {
    if (error instanceof StageError) return { problems: [error.problem] };
    if (isOsError(error)) return { problems: [describeOsError(error)] };
    throw error;
  }
}

function vet(host: Host, caller: Caller, request: Request): Vetted {
  const image = readImageSettings(host);
  if ("problem" in image) return { problems: [image.problem] };
  const view = {
    uid: caller.uid,
    names: caller.names,
    cannotRead: (path: string) => tryToRead(caller, path),
    cannotHold: (path: string) => judgeVolume(caller, path),
  };
  const { environment, refused } = vetEnvironment(request.environment, image, view);
  if (refused.length > 0) return { problems: refused };
  const imageSettings = image.map((entry) => splitEnvEntry(entry)?.name ?? "");
  return { ...request, ...factsOf(caller), imageSettings, environment };
}

/** What of a request the kernel says, and not the caller. */
const factsOf = ({ pid, uid, gid, kernelGroups }: Caller) =>
  ({ mode: "sudo", appPid: pid, appUid: uid, appGid: gid, appGroups: kernelGroups }) as const;

function refuseSsh(request: Request, problems: readonly Problem[]): void {
  for (const problem of problems) sayNow({ type: "ssh down", problem }, defaultFormat());
  const why = problems[0]?.what ?? "refused";
  if (!request.wantsReply) return;
  const bytes = Buffer.from(renderReply({ ready: false, why } satisfies Reply), "utf8");
  c.write(STDOUT, ptr(bytes), bytes.length);
}
