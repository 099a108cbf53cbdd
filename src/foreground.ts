/**
 * The terminal's foreground process group: handed over only by whoever has it, and given back (tini and catatonit take
 * it from anybody). No terminal is no failure: ENOTTY, ENXIO and EBADF all mean that there is none.
 */
import { c, ptr } from "./libc.ts";

const STDIO = [0, 1, 2];
const SIGTTOU = 22;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** Moves the foreground from one process group to another. SIGTTOU is blocked meanwhile, as tcsetpgrp(3) asks. */
export function moveForeground(from: number, to: number): void {
  const terminal = STDIO.find((fd) => from > 0 && c.tcgetpgrp(fd) === from);
  if (terminal === undefined) return;
  const blocked = new Uint8Array(128);
  const before = new Uint8Array(128);
  blocked[(SIGTTOU - 1) >> 3] = 1 << ((SIGTTOU - 1) & 7);
  c.sigprocmask(SIG_BLOCK, ptr(blocked), ptr(before));
  c.tcsetpgrp(terminal, to);
  c.sigprocmask(SIG_SETMASK, ptr(before), null);
}
