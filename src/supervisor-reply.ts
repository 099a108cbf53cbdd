/**
 * What the launcher is told by the supervisor where it waits for SSH: one line, or that none came. Loaded only then.
 */
import { StageError } from "./errors.ts";
import { c, ptr } from "./libc.ts";
import { isReadable, leftUntil } from "./poll.ts";
import { parseReply, type Reply } from "./request.ts";

/** Throws unless sshd listens: `WITHSSH_REQUIRE=true` means no app without SSH. Undefined: nobody could be asked. */
export function assertReady(reply: Reply | undefined): void {
  if (reply?.ready === true) return;
  throw new StageError("waitForSsh", {
    what: "SSH is required and not to be had",
    saw: reply?.why ?? "no supervisor",
    hint: "see the lines before this one; without WITHSSH_REQUIRE=true the app starts without SSH",
  });
}

/** How long `WITHSSH_REQUIRE=true` waits for sshd to listen. */
const REPLY_TIMEOUT_MS = 60_000;

/** The supervisor's one line from this pipe, which is closed then. */
export function readReply(fd: number, timeoutMs = REPLY_TIMEOUT_MS): Reply {
  const deadline = performance.now() + timeoutMs;
  const chunk = new Uint8Array(4096);
  let text = "";
  try {
    while (!text.includes("\n")) {
      if (!isReadable(fd, leftUntil(deadline))) {
        return { ready: false, why: `no answer from the supervisor in ${timeoutMs / 1000} s` };
      }
      const got = Number(c.read(fd, ptr(chunk), chunk.length));
      if (got <= 0) return { ready: false, why: "the supervisor ended without an answer" };
      text += Buffer.from(chunk.subarray(0, got)).toString("utf8");
    }
    return parseReply(text) ?? { ready: false, why: "the supervisor's answer was not understood" };
  } finally {
    c.close(fd);
  }
}
