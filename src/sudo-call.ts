/**
 * The launcher's one sudo call: starts our root side, and lets the app go on only when rights are gone and proved gone, by
 * the root side's answer, by sudo's own end, and by what sudo tells the app's very ids and groups.
 */
import { type Problem, StageError } from "./errors.ts";
import { AT_FDCWD, c, check, cString, errno, memoryFile, O, ptr, readAll, SYS } from "./libc.ts";
import { HELPER_ENVIRONMENT } from "./native-host.ts";
import { findOwnPath } from "./own-executable.ts";
import { STATE_DIRECTORY, TAKEN_NAME } from "./paths.ts";
import { isReadable } from "./poll.ts";
import { type Ending, parseStatus, spawn } from "./processes.ts";
import type { Request } from "./request.ts";
import { SUDO_ROLE } from "./roles.ts";
import { discardChildSignal, isChildSignalPending } from "./signals.ts";
import { findSudo } from "./sudo-binary.ts";
import { judgeListing, type Listing, renderScopedRule } from "./sudo-listing.ts";
import { MAX_CALL_BYTES, parseSudoReply, renderCall } from "./sudo-request.ts";

const STAGE = "takeSudoAway";
const OPERATION = "call sudo";
const REPLY_TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 4096;
const MAX_LISTING_BYTES = 1 << 20;
const NOTHING = { path: "/dev/null", write: true } as const;
const F_GETFD = 1;
const SIGCHLD = 17;
const SIG_IGN = 1n;
/** What no answer parses as. */
const CUT_SHORT = "?";

/**
 * `gone`: claimed, and nothing is left for the app; `pipe` is where the supervisor answers, and ends when it ends.
 * `unavailable`: sudo gives this user nothing that we could use; `isNews`: it was there, so people expect to hear why.
 */
export type SudoOutcome =
  | { readonly kind: "gone"; readonly pipe: number }
  | { readonly kind: "unavailable"; readonly problem: Problem; readonly isNews: boolean };

/**
 * Makes the call. `start`: the supervisor is wanted, and not only the rights gone. Throws `StageError` when rights may be
 * left: then no app may run.
 */
export function callSudo(request: Request, start: boolean): SudoOutcome {
  const sudo = findSudo();
  if (!("path" in sudo)) return { kind: "unavailable", problem: sudo.problem, isNews: !sudo.isAbsent };
  const hadChildSignal = isChildSignalPending();
  const inherited = stopIgnoringChildren();
  try {
    return converse(sudo.path, request, start);
  } finally {
    c.sigaction(SIGCHLD, ptr(inherited), null);
    if (!hadChildSignal && isChildSignalPending()) discardChildSignal();
  }
}

/** Where SIGCHLD came ignored nobody could tell how sudo ended (wait(2), ECHILD). Gives what it was, to be put back. */
function stopIgnoringChildren(): Uint8Array {
  const before = new Uint8Array(256);
  c.sigaction(SIGCHLD, null, ptr(before));
  const isIgnored = new DataView(before.buffer).getBigUint64(0, true) === SIG_IGN;
  if (isIgnored) c.sigaction(SIGCHLD, ptr(new Uint8Array(256)), null);
  return before;
}

function converse(sudo: string, request: Request, start: boolean): SudoOutcome {
  const executable = findOwnPath();
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
  const bytes = renderCall({ nonce, start, request });
  if (bytes.length > MAX_CALL_BYTES)
    throw notProved("the environment is too big for sudo mode", `${bytes.length} bytes`);
  const stdin = memoryFile(bytes, OPERATION);
  const pipe = new Int32Array(2);
  check(c.pipe2(ptr(pipe), O.cloexec), "pipe2", OPERATION);
  const [readEnd, writeEnd] = [pipe[0] ?? -1, pipe[1] ?? -1];
  const stderr = c.fcntl(2, F_GETFD, 0) === 0 ? 2 : NOTHING;
  const pid = spawn(OPERATION, {
    argv: [sudo, "-n", executable, SUDO_ROLE],
    environment: HELPER_ENVIRONMENT,
    descriptors: [stdin, writeEnd, stderr],
    // With a controlling terminal and use_pty the log would die with sudo.
    detach: "session",
  });
  c.close(writeEnd);
  c.close(stdin);
  const asked = askSudo(sudo);
  const deadline = Date.now() + REPLY_TIMEOUT_MS;
  const line = readLine(readEnd, deadline);
  const ending = line === undefined ? undefined : waitUntil(pid, deadline);
  if (line === undefined || ending === undefined) {
    throw notProved("sudo did not answer", `nothing in ${REPLY_TIMEOUT_MS / 1000} s`);
  }
  const listing = hear(asked, executable, deadline);
  const reply = line === "" ? undefined : parseSudoReply(line, nonce);
  if (line === "") return explainSilence(ending, listing, executable);
  if (reply === undefined) throw notProved("the answer of sudo's side is not ours");
  if ("refused" in reply) {
    if (!reply.spent || listing.kind !== "scoped") throw notProved("sudo's side refused", reply.refused);
    const problem = { what: "the sudo rule is spent for this start", saw: reply.refused };
    return { kind: "unavailable", problem, isNews: true };
  }
  if (ending.code !== 0) throw notProved("sudo's side failed after its answer", describeEnding(ending));
  const isGone =
    reply.proved === "scoped"
      ? listing.kind === "scoped"
      : hear(askSudo(sudo), executable, deadline).kind === "nothing";
  if (!isGone) throw notProved("sudo still gives this process something", describeListing(listing));
  return { kind: "gone", pipe: readEnd };
}

interface Asked {
  readonly pid: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** Starts `sudo -n -l` with our very ids and groups: a --group-add is in no database, and root cannot see what it gives. */
function askSudo(sudo: string): Asked {
  const stdout = memoryFile(new Uint8Array(), OPERATION);
  const stderr = memoryFile(new Uint8Array(), OPERATION);
  const pid = spawn(OPERATION, {
    argv: [sudo, "-n", "-l"],
    environment: HELPER_ENVIRONMENT,
    descriptors: [{ path: "/dev/null", write: false }, stdout, stderr],
    detach: "session",
  });
  return { pid, stdout, stderr };
}

function hear({ pid, stdout, stderr }: Asked, executable: string, deadline: number): Listing {
  if (waitUntil(pid, deadline) === undefined) throw notProved("sudo did not say in time what is left");
  const [out = "", err = ""] = [stdout, stderr].map((fd) => {
    check(Number(c.lseek(fd, 0, 0)), "lseek", OPERATION);
    const text = Buffer.from(readAll(fd, OPERATION, MAX_LISTING_BYTES)).toString("latin1");
    c.close(fd);
    return text;
  });
  return judgeListing(out, err, executable);
}

/**
 * sudo ended and our root side said nothing: sudo refused, or our side died before its first word. Only what sudo tells about
 * us decides: with a rule that could run us, rights may be left.
 */
function explainSilence(ending: Ending, listing: Listing, executable: string): SudoOutcome {
  const unavailable = (what: string, saw: string | undefined, hint: string): SudoOutcome => ({
    kind: "unavailable",
    problem: { what, ...(saw === undefined ? {} : { saw }), hint },
    isNews: true,
  });
  const rule = `write to /etc/sudoers.d/withssh: app ALL=${renderScopedRule(executable)}`;
  if (ending.code !== 1) throw notProved("sudo ended without an answer", describeEnding(ending));
  switch (listing.kind) {
    case "nothing":
      if (c.faccessat(AT_FDCWD, cString(`${STATE_DIRECTORY}/${TAKEN_NAME}`), 0, 0) === 0) {
        const what = "an earlier start of this container took the broad sudo rule away: a broad rule serves one start";
        return unavailable(what, undefined, `${rule} — it serves every start`);
      }
      return unavailable("no sudo rule names this user", undefined, rule);
    case "password":
      return unavailable("sudo wants a password, or has no rule for this user", undefined, rule);
    case "stranger":
      return unavailable(`sudo does not know uid ${c.geteuid()}`, undefined, "give it a line in /etc/passwd");
    case "other":
      if (listing.coversUs) break;
      return unavailable("no sudo rule names withssh for this user", listing.rules.join("; "), rule);
    default:
  }
  throw notProved("sudo may run withssh, and it did not answer", describeListing(listing));
}

function describeListing(listing: Listing): string {
  if (listing.kind === "other") return listing.rules.join("; ");
  return "saw" in listing ? listing.saw : listing.kind;
}

const describeEnding = ({ code, signal }: Ending): string =>
  signal === undefined ? `exit status ${code}` : `signal ${signal}`;

function notProved(what: string, saw?: string): StageError {
  const hint = "the app does not start with rights that may be left; look at the lines before this one";
  return new StageError(STAGE, { what, ...(saw === undefined ? {} : { saw }), hint });
}

/** One line without its end; `""` at the end of the pipe; undefined at the deadline. Reads no byte beyond the line. */
function readLine(fd: number, deadline: number): string | undefined {
  const byte = new Uint8Array(1);
  let text = "";
  while (text.length < MAX_REPLY_BYTES) {
    if (!isReadable(fd, left(deadline))) return undefined;
    const got = Number(c.read(fd, ptr(byte), 1));
    if (got < 0 && errno() === 4) continue;
    if (got <= 0) return text === "" ? "" : CUT_SHORT;
    if (byte[0] === 0x0a) return text;
    text += String.fromCharCode(byte[0] ?? 0);
  }
  return CUT_SHORT;
}

/** The child's end; undefined at the deadline. A pidfd is readable when the process has ended (pidfd_open(2)). */
function waitUntil(pid: number, deadline: number): Ending | undefined {
  const pidfd = check(Number(c.syscall(SYS.pidfdOpen, pid, 0, 0, 0, 0)), "pidfd_open", OPERATION);
  const ended = isReadable(pidfd, left(deadline));
  c.close(pidfd);
  if (!ended) return undefined;
  const status = new Int32Array(1);
  if (c.waitpid(pid, ptr(status), 0) !== pid) throw notProved("sudo's end cannot be known");
  return parseStatus(status[0] ?? 0);
}

const left = (deadline: number): number => Math.max(0, deadline - Date.now());
