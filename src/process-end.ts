/**
 * The end of a process that is not our child, by its pidfd. The runtime has no event for one, but its event queue takes a
 * pidfd in the place of a socket: readable at the end (pidfd_open(2)), and closed then, since nothing can be read. So the end
 * is known at once, for what the queue's own rare looks cost; where it does not take a pidfd, a look every second does.
 */
import { c } from "./libc.ts";
import { isReadable } from "./poll.ts";

const F_DUPFD_CLOEXEC = 1030;
const LOOK_MS = 1000;

/** Calls `onEnd` once, when the process behind this pidfd has ended. The descriptor stays the caller's. */
export function whenEnded(pidfd: number, onEnd: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isTold = false;
  const look = () => {
    if (isTold) return;
    isTold = isReadable(pidfd, 0);
    if (!isTold) {
      timer ??= setInterval(look, LOOK_MS);
      return;
    }
    clearInterval(timer);
    onEnd();
  };
  // The queue closes what it is given: it gets a descriptor of its own.
  const fd = c.fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
  Bun.connect({ fd, socket: { data: () => {}, close: look, error: look } } as never).catch(look);
}
