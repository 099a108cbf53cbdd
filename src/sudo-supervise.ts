/**
 * The root side of the one sudo call of a start: puts itself right, claims the start, takes the caller's rights away and
 * proves it, answers, and starts the supervisor. What comes over the pipe cannot make root; whatever fails is a refusal.
 */
import "./array-functions.ts";
import { byteString, utf8Of } from "./byte-strings.ts";
import { type Caller, findLauncher, identifyCaller } from "./caller.ts";
import { ClaimSpentError, claimStart, isClaimed } from "./claim.ts";
import { readAll } from "./descriptors.ts";
import { EXIT, renderProblem, StageError } from "./errors.ts";
import { putRight } from "./first-acts.ts";
import type { Host } from "./host.ts";
import { c, check, ptr, SYS } from "./libc.ts";
import { defaultFormat, sayNow } from "./log-line.ts";
import { createNativeHost } from "./native-host.ts";
import { readOwnExecutable } from "./own-executable.ts";
import { nameOfFile, readEnviron } from "./process-facts.ts";
import { Children } from "./processes.ts";
import type { Request } from "./request.ts";
import type { StandIn } from "./stand-in.ts";
import { findSudo } from "./sudo-binary.ts";
import { findOtherDoors } from "./sudo-doors.ts";
import { planTaking, takeAway } from "./sudo-grants.ts";
import type { Listing } from "./sudo-listing.ts";
import { MAX_CALL_BYTES, parseCall, renderSudoReply } from "./sudo-request.ts";
import { type Grantee, isScopedRule } from "./sudoers.ts";

const STAGE = "proveSudoGone";
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const LISTING_TIMEOUT_MS = 5000;

/**
 * Settles rights, and ends, or goes on as the supervisor where there is a stand-in for sudo to wait for; gives the exit code,
 * which sudo passes on to the launcher.
 */
export async function superviseBySudo(standIn: StandIn | undefined): Promise<number> {
  const children = new Children("later");
  const settled = await settleRights(createHost(children), standIn);
  if (settled.host === undefined || settled.start === undefined) {
    // Else PID 1, which may be the app, would be left with a child that it has not made.
    standIn?.endAfterUs(settled.code);
    return settled.code;
  }
  standIn?.end(settled.code);
  // Trouble from here on is SSH's: rights are gone, the app runs.
  const { startForCaller } = await import("./sudo-start.ts");
  return startForCaller({ ...settled, ...settled.start, children, mayStay: standIn !== undefined });
}

/** What came of the call; `start`: a supervisor is wanted for this request and this app. */
type Settled =
  | { readonly code: number; readonly host?: undefined }
  | {
      readonly code: number;
      readonly host: Host;
      readonly caller: Caller;
      readonly start: { readonly request: Request; readonly appPidfd: number } | undefined;
    };

async function settleRights(host: Host, standIn: StandIn | undefined): Promise<Settled> {
  let hasClaimed = false;
  try {
    putRight();
    standIn?.hold();
    claimStart(host);
    hasClaimed = true;
    const launcher = findLauncher(readEnviron());
    const said = readAll(STDIN, "read the call", MAX_CALL_BYTES);
    // The launcher has given up before it came to a request: it has told why.
    if (said.length === 0) return { code: EXIT.stage };
    const call = parseCall(said);
    if (call.logFile !== "" && nameOfFile(STDERR) !== call.logFile) {
      (await import("./sudo-relayed-log.ts")).takeLaunchersStderr(launcher);
      standIn?.hold();
    }
    // Sudo takes a millisecond to end, beside what is done here: the launcher counts the answer too. Where sudo stands between
    // us and the launcher (sudoers(5), use_pty, log_output) there is no answer without it.
    if (call.start && nameOfFile(STDOUT) === call.replyPipe) standIn?.end(EXIT.ok);
    const caller = identifyCaller(host, launcher);
    const executable = readOwnExecutable(host);
    const proved = await proveGone(host, caller, executable);
    // While the launcher waits, so that it is the launcher's.
    const start = call.start ? { request: call.request, appPidfd: openPidfd(caller.pid) } : undefined;
    answer(renderSudoReply({ nonce: call.nonce, proved }));
    return { code: EXIT.ok, host, caller, start };
  } catch (error) {
    const refused = error instanceof StageError ? renderProblem(error.problem) : String(error);
    answer(renderSudoReply({ refused, spent: error instanceof ClaimSpentError }));
    sayNow({ type: "refused start", text: `--supervise refused: ${refused}` }, defaultFormat());
    // Where it was the start's own call, its stderr is the container's log.
    if (!hasClaimed) await tellInLog(host, error);
    return { code: EXIT.stage };
  }
}

const createHost = (children: Children): Host => createNativeHost(children, (event) => sayNow(event, defaultFormat()));

/** Where the launcher's own listing is enough nobody waits for it. */
const loadListing = () => import("./sudo-listing.ts");

const openPidfd = (pid: number): number =>
  check(Number(c.syscall(SYS.pidfdOpen, pid, 0, 0, 0, 0)), "pidfd_open", "hold on to the app");

/** A call that is not the start's own, refused: told where the operator looks. What cannot be told is still refused. */
async function tellInLog(host: Host, error: unknown): Promise<void> {
  const { reportRefusal, writeRefusal } = await import("./sudo-refusals.ts");
  try {
    const isLater = error instanceof ClaimSpentError || isClaimed();
    if (!reportRefusal() && isLater) writeRefusal(identifyCaller(host, findLauncher(readEnviron())));
  } catch (failure) {
    sayNow({ type: "debug", text: `the refusal is told here alone: ${String(failure)}` }, defaultFormat());
  }
}

/** Nobody may be listening any more: what could not be said is not proved, and the launcher takes it so. */
function answer(line: string): void {
  const bytes = utf8Of(line);
  c.write(STDOUT, ptr(bytes), bytes.length);
}

/**
 * Proves by sudo's own words that our one rule is all there is; takes away, and proves gone, whatever else there is. Where the
 * launcher's own question says as much, asked with the same name and groups, it is not asked a second time: it takes as long
 * as all else here.
 */
async function proveGone(host: Host, caller: Caller, executable: string): Promise<"scoped" | "broad"> {
  const sudo = findSudo();
  if (!("path" in sudo)) throw new StageError(STAGE, sudo.problem);
  const grantee = granteeOf(caller);
  const ask = () => list(host, sudo.path, caller, executable);
  // Asked first: it takes milliseconds, in which we look at the files, and nothing is changed before it has answered.
  const asked = isSeenByLauncher(caller) ? undefined : ask();
  const [door] = findOtherDoors(host, grantee);
  if (door !== undefined) throw new StageError(STAGE, door);
  const plan = planTaking(host, grantee);
  const isOursAlone = plan.rules.length === 1 && plan.rules.every((rule) => isScopedRule(rule, executable));
  if (asked === undefined && isOursAlone) return "scoped";
  const before = await (asked ?? ask());
  if (before.kind === "scoped") return "scoped";
  const { describeListing, unsafeRule } = await loadListing();
  if (before.kind === "unsafe") throw new StageError(STAGE, unsafeRule(before.saw));
  // What nobody understands is no reason to change anything.
  if (before.kind === "unclear") {
    throw new StageError(STAGE, {
      what: "what sudo says is not understood",
      saw: before.saw,
      hint: "this is a bug of withssh, or a sudo that it does not know: report it",
    });
  }
  const changed = await takeAway(host, plan);
  const after = await ask();
  if (after.kind === "nothing") return "broad";
  throw new StageError(STAGE, {
    what: `sudo still gives ${caller.entry.name} something, and nothing says where`,
    saw: `${describeListing(after)}; changed ${changed.join(", ") || "nothing"}`,
    hint: "grant the one rule of the README, and no other",
  });
}

/**
 * True where sudo looks at the same name and groups whether the launcher asks, with the groups of its process, or we, who are
 * told those of the database (sudo.conf(5), group_source). The launcher goes on only where it is told of our one rule.
 */
function isSeenByLauncher({ names, databaseGroups, kernelGroups }: Caller): boolean {
  return names.length === 1 && databaseGroups.every((gid) => kernelGroups.includes(gid));
}

/** The listing of every name of the caller's uid; the first that is not as the others, or that is none of the good ones. */
async function list(host: Host, sudo: string, caller: Caller, executable: string): Promise<Listing> {
  const argv = (name: string) => [sudo, "-n", "-l", "-U", name];
  const listings = await Promise.all(
    caller.names.map(async (name) => {
      const result = await host.run("ask sudo what is left", argv(name), { timeoutMs: LISTING_TIMEOUT_MS });
      if (result.timedOut || result.code === undefined) return { kind: "unclear", saw: "no answer" } as const;
      const { judgeListing } = await loadListing();
      return judgeListing(byteString(result.stdout), byteString(result.stderr), executable);
    }),
  );
  const [first = { kind: "unclear", saw: "no answer" }, ...others] = listings;
  return others.find(({ kind }) => kind !== first.kind && kind !== "nothing") ?? first;
}

function granteeOf({ uid, names, entry, databaseGroups, kernelGroups, nameOfGroup }: Caller): Grantee {
  const nameOf = (gid: number) => nameOfGroup.get(gid) ?? "";
  const others = [...new Set([...databaseGroups, ...kernelGroups])].filter((gid) => gid !== entry.gid);
  return {
    names,
    uid,
    primaryGroup: { names: [nameOf(entry.gid)].filter((name) => name !== ""), gid: entry.gid },
    otherGroups: others.map((gid) => ({ name: nameOf(gid), gid })),
  };
}
