/**
 * A process that somebody waits for stays as a stand-in, which does nothing but end when it is told to, and a child of it goes on
 * in its memory: so that work can outlive its own process without another start of the runtime. Knows nothing of SSH.
 */
import { EXIT } from "./errors.ts";
import { c, O, ptr, SYS } from "./libc.ts";
import { goOnApart } from "./shared-memory.ts";

/** stand-in.s, as as(1) makes it. */
export const MACHINE_CODE = [
  "4989f9498b3931f631d24d8b51084531c0b8380000000f054885c00f8eaa00000041b8400000004c",
  "89c731f6498d513841ba08000000b80d0000000f0585c07517498379380176104c89c7498d711831",
  "d2b80d0000000f0541ffc875cabf02000000498d711031d241ba08000000b80e0000000f05498b79",
  "60b8030000000f05498b7958498d7170ba0200000031c00f054883f8fc74e9498b79684883f8017c",
  "22741b48c7c7ffffffff31f631d24531d2b83d0000000f054883f8fc74e5410fb67970b8e7000000",
  "0f05f4c3",
].join("");

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

export interface StandIn {
  /** Once more: dies with it until `end`. A change of ids ends that (prctl(2), PR_SET_PDEATHSIG). */
  hold(): void;
  /** Ends it with this exit code; from then on its end is none of ours. Once: a second time nothing happens. */
  end(code: number): void;
  /** Has it end with this exit code once we have ended, which we are about to: so nobody above it meets us. Nothing after `end`. */
  endAfterUs(code: number): void;
}

/**
 * Goes on in a process, and a session, of its own; until `end` it dies with the stand-in, which ends with EXIT.bug where nobody
 * tells it how. Undefined, and nothing has changed, where that is not to be had. Every signal is blocked in what goes on.
 */
export function leaveStandIn(): StandIn | undefined {
  const pipe = new Int32Array(2);
  if (c.pipe2(ptr(pipe), O.cloexec) < 0) return undefined;
  const [from, to] = [pipe[0] ?? -1, pipe[1] ?? -1];
  const pid = c.getpid();
  const isApart = goOnApart(MACHINE_CODE, [from, to, EXIT.bug, 0], [], false);
  c.close(from);
  if (!isApart) {
    c.close(to);
    return undefined;
  }
  c.syscall(SYS.setsid, 0, 0, 0, 0, 0);
  const hold = () => {
    c.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (c.getppid() !== pid) c.exit_group(EXIT.bug);
  };
  hold();
  let isEnded = false;
  const tell = (...bytes: number[]) => {
    if (isEnded) return;
    isEnded = true;
    if (bytes.length === 1) c.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    c.write(to, ptr(Uint8Array.from(bytes)), bytes.length);
    c.close(to);
  };
  return { hold, end: (code) => tell(code), endAfterUs: (code) => tell(code, 1) };
}
