/**
 * The launcher's one sudo call, which sudo-begin.ts has begun: lets the app go on only when rights are gone and proved gone, by
 * the root side's answer, by sudo's own end, and by what sudo tells the app's very ids and groups.
 */
import { byteString, textOf } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { StageError } from "./errors.ts";
import { c, errno, O, ptr } from "./libc.ts";
import { isReadable, isWritable, leftUntil } from "./poll.ts";
import { nameOfFile } from "./process-facts.ts";
import type { Request } from "./request.ts";
import { type Asked, askSudo, hearSudo, notProved, SLOW, STAGE, waitUntil } from "./sudo-ask.ts";
import type { BegunCall, SudoUnavailable } from "./sudo-begin.ts";
import { describeListing, judgeListing, type Listing, unsafeRule } from "./sudo-listing.ts";
import { MAX_CALL_BYTES, parseSudoReply, renderCall, renderSudoReply } from "./sudo-request.ts";
import { assertNoTerminalIsWanted, describeEnding, explainSilence } from "./sudo-silence.ts";

const REPLY_TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 4096;
const F_SETFL = 4;
const STDERR = 2;
const TOO_BIG = "make it smaller, 1 MiB is the most: large keys and certificates fit into files (WITHSSH_…_FILE)";
const STILL_THERE =
  "the app does not start with it: look at docker's --group-add, and grant the one rule of the README";
/** What no answer parses as. */
const CUT_SHORT = "?";

/** `gone`: claimed, and nothing is left for the app; `pipe` is where the supervisor answers, and ends when it ends. */
export type SudoOutcome = { readonly kind: "gone"; readonly pipe: number } | SudoUnavailable;

/**
 * Makes the call that has begun. `start`: the supervisor is wanted, and not only the rights gone. Throws `StageError` when
 * rights may be left: then no app may run.
 */
export function finishCall(begun: BegunCall, request: Request, start: boolean): SudoOutcome {
  try {
    return converse(begun, request, start);
  } finally {
    begun.restore();
  }
}

function converse(begun: BegunCall, request: Request, start: boolean): SudoOutcome {
  const { sudo, executable, pid, replyEnd } = begun;
  const deadline = performance.now() + REPLY_TIMEOUT_MS;
  const nonce = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const files = { replyPipe: nameOfFile(replyEnd), logFile: nameOfFile(STDERR) };
  const bytes = renderCall({ nonce, start, ...files, request });
  if (bytes.length > MAX_CALL_BYTES)
    throw notProved("the environment is too big for sudo mode", `${bytes.length} bytes`, TOO_BIG);
  sendWithin(begun.callEnd, bytes, deadline);
  const hear = (one: Asked): Listing => {
    const { stdout, stderr } = hearSudo(one, deadline);
    return judgeListing(stdout, stderr, executable);
  };
  // It is there while the root side still comes up.
  const listing = hear(begun.listing);
  const line = readLine(replyEnd, deadline, renderSudoReply({ nonce, proved: "broad" }).length);
  const ending = line === undefined ? undefined : waitUntil(pid, deadline);
  if (line === undefined || ending === undefined) {
    throw notProved("sudo did not answer", `nothing in ${REPLY_TIMEOUT_MS / 1000} s`, SLOW);
  }
  const reply = line === "" ? undefined : parseSudoReply(textOf(line), nonce);
  if (line === "") {
    const problem = explainSilence({ sudo, executable, ending, listing, deadline });
    return { kind: "unavailable", problem, isNews: true };
  }
  if (reply === undefined) throw notProved("the answer of sudo's side is not ours");
  if ("refused" in reply) {
    if (!reply.spent || listing.kind !== "scoped") throw notProved("sudo's side refused", reply.refused);
    const problem = { what: "the sudo rule is spent for this start", saw: reply.refused };
    return { kind: "unavailable", problem, isNews: true };
  }
  if (ending.code !== 0) throw notProved("sudo's side failed after its answer", describeEnding(ending));
  if (listing.kind === "unsafe") throw new StageError(STAGE, unsafeRule(listing.saw));
  assertNoTerminalIsWanted(listing);
  const isGone =
    reply.proved === "scoped" ? listing.kind === "scoped" : hear(askSudo([sudo, "-n", "-l"])).kind === "nothing";
  if (!isGone) throw notProved("sudo still gives this process something", describeListing(listing), STILL_THERE);
  return { kind: "gone", pipe: replyEnd };
}

/**
 * All bytes, or as many as are taken until the deadline or until nobody reads: then the reply tells. Our end alone does not
 * block (pipe(7): each has its own flags).
 */
function sendWithin(fd: number, bytes: Uint8Array, deadline: number): void {
  c.fcntl(fd, F_SETFL, O.nonblock);
  let done = 0;
  while (done < bytes.length && isWritable(fd, leftUntil(deadline))) {
    const wrote = Number(c.write(fd, ptr(bytes, done), bytes.length - done));
    if (wrote < 0 && errnoName(errno()) === "EPIPE") break;
    done += Math.max(0, wrote);
  }
  c.close(fd);
}

/**
 * One line without its end; `""` at the end of the pipe; undefined at the deadline. Reads no byte beyond a good line, for what
 * follows is for another: so many as no good one is shorter than (`least`, with its end), and from there on one by one.
 */
function readLine(fd: number, deadline: number, least: number): string | undefined {
  const bytes = new Uint8Array(least);
  let text = "";
  while (text.length < MAX_REPLY_BYTES) {
    if (!isReadable(fd, leftUntil(deadline))) return undefined;
    const got = Number(c.read(fd, ptr(bytes), Math.max(1, least - text.length)));
    if (got < 0 && errno() === 4) continue;
    if (got <= 0) return text === "" ? "" : CUT_SHORT;
    text += byteString(bytes.subarray(0, got));
    const end = text.indexOf("\n");
    if (end >= 0) return end === text.length - 1 ? text.slice(0, end) : CUT_SHORT;
  }
  return CUT_SHORT;
}
