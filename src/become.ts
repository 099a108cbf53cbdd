/**
 * The short life between the launcher as init and the app (`WITHSSH_INIT=true`): takes the terminal's foreground if
 * the launcher had it, puts back what the runtime changed, and becomes the app. Must not fail for want of a terminal.
 */
import { parseConfig } from "./config.ts";
import { becomeCommand, restoreInherited } from "./exec.ts";
import { c, ptr } from "./libc.ts";
import { envMap, inheritedDescriptors } from "./process-facts.ts";

const STDIN = 0;
const SIGTTOU = 22;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** Runs in the app's own process group, before its exec; the arguments are byte strings. */
export function becomeApp(command: readonly string[], environment: readonly string[]): never {
  const descriptors = inheritedDescriptors();
  takeForeground();
  const { config } = parseConfig(envMap(environment));
  restoreInherited(descriptors, config.nofile);
  return becomeCommand(command, environment);
}

/**
 * Only if the launcher's group was in the foreground: tini and catatonit take it from whoever has it. SIGTTOU is
 * blocked meanwhile, as tcsetpgrp(3) from the background asks; ENOTTY, ENXIO and EBADF all mean "no terminal".
 */
function takeForeground(): void {
  if (c.tcgetpgrp(STDIN) !== c.getpgid(c.getppid())) return;
  const blocked = new Uint8Array(128);
  const before = new Uint8Array(128);
  blocked[(SIGTTOU - 1) >> 3] = 1 << ((SIGTTOU - 1) & 7);
  c.sigprocmask(SIG_BLOCK, ptr(blocked), ptr(before));
  c.tcsetpgrp(STDIN, c.getpgid(0));
  c.sigprocmask(SIG_SETMASK, ptr(before), null);
}
