/**
 * How a fork of the launcher becomes the supervisor. In a plain start its request says all that sshd's start takes, so sshd is
 * the first thing that it starts: what is imported here is time in which sshd does not load its libraries yet.
 */
import { renewEventQueue } from "./forked-runtime.ts";
import { takeSeat } from "./forked-seat.ts";
import { layGround } from "./ground.ts";
import { openDescriptors } from "./process-facts.ts";
import { Children } from "./processes.ts";
import { forgetInheritedSignals } from "./signals.ts";
import { SshdPlace } from "./sshd-place.ts";
import type { Fork } from "./supervisor-fork.ts";
import { settle, wake, warmIn } from "./wake.ts";

/** What the settings of a plain start say (plain-start.ts: they are all at their defaults but the keys). */
const PLAIN = { sshd: undefined, homeKeys: false };

/** The supervisor's life with the launcher's memory: for a request too, where that is all. Gives the exit code. */
export async function superviseAsFork(fork: Fork): Promise<number> {
  const { request, appPidfd, open = openDescriptors(), isShared } = fork;
  takeSeat(fork, open);
  const ground = layGround(new Children("later", forgetInheritedSignals));
  const place = new SshdPlace(ground.children, ground.native.emit);
  const woken =
    request === undefined ? undefined : await settle(() => wake(ground.native, PLAIN, request, warmIn(place)));
  try {
    // Not where sshd would wait for it: nobody else waits on it any more.
    if (isShared) renewEventQueue(open);
  } catch (error) {
    place.drop();
    throw error;
  }
  const { supervise } = await import("./supervise.ts");
  return supervise({ request, appPidfd, ground, place, woken, isFork: true });
}
