/**
 * Asks the running supervisor for its status, as whoever we are. Believes only an answer from the uid that owns the place
 * where it was asked, by the kernel's word. Changes nothing, and waits two seconds at most.
 */
import { isOfEarlierStart } from "./claim.ts";
import { isOsError, type Problem } from "./errors.ts";
import { listIfThere } from "./if-there.ts";
import { c } from "./libc.ts";
import { openNativeDir } from "./native-dir.ts";
import { PRIVATE_NAME, STATE_DIRECTORY, STATUS_NAME } from "./paths.ts";
import type { StatusDocument } from "./status-document.ts";
import { findStatusPlaces, type StatusPlace, uidOfFirstProcess } from "./status-places.ts";
import { connectTo, peerOf, readToEnd } from "./unix-socket.ts";

const OPERATION = "ask the supervisor";
const PATIENCE_MS = 2000;
const MAX_BYTES = 16 << 20;

/** What was answered, and by whom; or why nobody did. */
export type StatusAnswer = { readonly document: StatusDocument; readonly uid: number } | { readonly problem: Problem };

export function askStatus(environment: ReadonlyMap<string, string>): StatusAnswer {
  const places = findStatusPlaces({ euid: c.geteuid(), environment });
  let first: StatusAnswer | undefined;
  for (const place of places) {
    const answer = askAt(place);
    if (answer === undefined) continue;
    if ("document" in answer) return answer;
    if (c.geteuid() === 0 && place.uid === 0) {
      // A user could play a supervisor that has ended: where root's was, nobody else's word counts for root.
      if (!isOfEarlierStart(listRecords())) return first ?? answer;
      first ??= { problem: OF_EARLIER_START };
    } else first ??= answer;
  }
  if (first !== undefined) return first;
  return { problem: absentFor(c.geteuid(), uidOfFirstProcess()) };
}

function listRecords(): readonly string[] {
  return listIfThere({ openDir: openNativeDir }, OPERATION, `${STATE_DIRECTORY}/${PRIVATE_NAME}`, ["ENOENT", "EACCES"]);
}

/** It was root's by a sudo rule that was taken away: this start has none of root's. */
const OF_EARLIER_START: Problem = {
  what: "no supervisor of this start answers",
  saw: "one of an earlier start of this container, which had root by a sudo rule for one start",
  hint: "the container's log says why this start has none; the one rule of the README serves every start",
};

/** One without root answers nobody but its own user and root: its place is closed to others. */
function absentFor(euid: number, containerUid: number): Problem {
  if (containerUid !== 0 && euid !== containerUid) {
    const hint = `ask as the container's user: docker exec --user ${containerUid} CONTAINER withssh --status`;
    return { what: "no supervisor answers this user", saw: `we are uid ${euid}`, hint };
  }
  const hint = "is withssh its ENTRYPOINT, and has it just been started? The container's log says more";
  return { what: "no supervisor answers in this container", hint };
}

/** Undefined: nobody has ever listened there. */
function askAt({ directory, uid }: StatusPlace): StatusAnswer | undefined {
  const path = `${directory}/${STATUS_NAME}`;
  const deadline = performance.now() + PATIENCE_MS;
  let fd: number | undefined;
  try {
    fd = connectTo(path, OPERATION, deadline);
    const peer = peerOf(fd, OPERATION);
    if (peer.uid !== uid) {
      const what = `not the supervisor: another user listens at ${path}`;
      return refuse(
        what,
        `uid ${peer.uid}, not ${uid}`,
        "somebody has put it there: look at what runs in this container",
      );
    }
    const text = Buffer.from(readToEnd(fd, OPERATION, deadline, MAX_BYTES)).toString("utf8");
    if (text === "") return refuse("the supervisor has too many askers", path, "ask again");
    return { document: JSON.parse(text) as StatusDocument, uid };
  } catch (error) {
    if (error instanceof SyntaxError) return refuse("the supervisor's answer was cut short", path, "ask again");
    if (!isOsError(error)) throw error;
    if (error.code === "ENOENT") return undefined;
    if (error.code === "ECONNREFUSED") {
      const hint = "sshd and its sessions go on without it; restart the container";
      return refuse("the supervisor has ended", path, hint);
    }
    if (error.code === "ETIMEDOUT")
      return refuse("the supervisor does not answer", `nothing in ${PATIENCE_MS} ms`, STUCK);
    return refuse(
      "the supervisor cannot be asked",
      `${path}: ${error.code}`,
      "ask as root, or as the container's user",
    );
  } finally {
    if (fd !== undefined) c.close(fd);
  }
}

const STUCK = "is it stopped, or the machine very busy?";

function refuse(what: string, saw: string, hint: string): StatusAnswer {
  return { problem: { what, saw, hint } };
}
