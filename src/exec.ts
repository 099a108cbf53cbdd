/**
 * Becoming the app, as execvp(3) does it: PATH search, default PATH, /bin/sh for a script without `#!`. Each candidate
 * is tried by execve itself: nothing is checked first and used later. Must never touch stdio or leave a trace of us.
 */
import { cBytes, cBytesOf, textOf } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { CommandError, EXIT } from "./errors.ts";
import { AT_FDCWD, c, cTable, errno, ptr } from "./libc.ts";
import { splitEnvEntry } from "./process-facts.ts";
import { IGNORED_BY_RUNTIME, ignoreSignals } from "./signals.ts";

/** confstr(_CS_PATH) of glibc: what execvp searches when PATH is not set at all. */
const DEFAULT_PATH = "/bin:/usr/bin";

const SHELL = "/bin/sh";
const F_OK = 0;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SIGPIPE = 13;
const SIGXFSZ = 25;

/** Errors after which execvp(3) goes on to the next directory of PATH (glibc posix/execvpe.c). */
const GO_ON = new Set(["ENOENT", "ESTALE", "ENOTDIR", "ENODEV", "ETIMEDOUT", "EACCES"]);

/** The paths that execvp would try for this command, in order. Byte strings in and out. */
export function renderCandidates(command: string, environment: readonly string[]): string[] {
  if (command === "") return [];
  if (command.includes("/")) return [command];
  let path = DEFAULT_PATH;
  for (const entry of environment) {
    const split = splitEnvEntry(entry);
    if (split?.name === "PATH") {
      path = split.value;
      break;
    }
  }
  const candidates: string[] = [];
  for (const dir of path.split(":")) candidates.push(dir === "" ? `./${command}` : `${dir}/${command}`);
  return candidates;
}

/** Lets inherited descriptors through the next exec again: the runtime marked all of them close-on-exec. */
export function keepDescriptors(descriptors: readonly number[]): void {
  for (const fd of descriptors) c.fcntl(fd, F_SETFD, 0);
}

/**
 * Puts back what the runtime changed at its start and what an exec would keep: SIGPIPE and SIGXFSZ to their default,
 * inherited descriptors open across the exec. `nofile` sets the limit that the runtime raised, when the operator said it.
 */
export function restoreInherited(
  descriptors: readonly number[],
  nofile: { soft: number; hard?: number } | undefined,
): void {
  const defaultAction = new Uint8Array(256);
  c.sigaction(SIGPIPE, ptr(defaultAction), null);
  c.sigaction(SIGXFSZ, ptr(defaultAction), null);
  keepDescriptors(descriptors);
  if (nofile !== undefined) setNofile(nofile);
}

/** Keeps them from the next exec: what is started has no business with them. */
export function withholdDescriptors(descriptors: readonly number[]): void {
  for (const fd of descriptors) c.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/** Undoes `restoreInherited`, in a process that does not become the app after all: as the runtime has set it. */
export function withholdInherited(descriptors: readonly number[]): void {
  ignoreSignals(IGNORED_BY_RUNTIME);
  withholdDescriptors(descriptors);
}

const RLIMIT_NOFILE = 7;

/** setrlimit(2) of RLIMIT_NOFILE for this process; the hard limit stays when it is not named. */
export function setNofile(limit: { soft: number; hard?: number }): void {
  const now = new BigUint64Array(2);
  c.prlimit(0, RLIMIT_NOFILE, null, ptr(now));
  const hard = limit.hard === undefined ? (now[1] ?? 0n) : BigInt(limit.hard);
  const soft = BigInt(limit.soft) < hard ? BigInt(limit.soft) : hard;
  const wanted = new BigUint64Array([soft, hard]);
  if (c.prlimit(0, RLIMIT_NOFILE, ptr(wanted), null) < 0) {
    throw new CommandError(EXIT.notRunnable, {
      what: `WITHSSH_NOFILE: the limit cannot be set: ${errnoName(errno())}`,
      hint: "name a hard limit no higher than the container's (docker run --ulimit nofile=…)",
    });
  }
}

/**
 * Replaces this process by the command. Returns only by throwing `CommandError`: 127 when it is not there, 126 when it
 * is there but cannot be run. `argv[0]` is the command as typed; all strings are byte strings.
 */
export function becomeCommand(argv: readonly string[], environment: readonly string[]): never {
  const command = argv[0] ?? "";
  const args = cTable(cBytesOf(argv));
  const env = cTable(cBytesOf(environment));
  const candidates = renderCandidates(command, environment);
  let refused = "";
  for (const candidate of candidates) {
    const path = cBytes(candidate);
    c.execve(ptr(path), ptr(args.table), ptr(env.table));
    let code = errnoName(errno());
    if (code === "ENOEXEC") {
      const shell = cBytes(SHELL);
      const script = cTable([shell, path, ...args.keep.slice(1)]);
      c.execve(ptr(shell), ptr(script.table), ptr(env.table));
      code = `ENOEXEC, and ${SHELL}: ${errnoName(errno())}`;
    }
    if (code === "ENOENT" && c.faccessat(AT_FDCWD, ptr(path), F_OK) === 0) {
      refused ||= `${textOf(candidate)} is there, but its interpreter or loader is not`;
      if (command.includes("/")) break;
    } else if (code === "EACCES") {
      refused ||= `${textOf(candidate)}: permission denied (not executable, or a directory)`;
    } else if (!GO_ON.has(code)) {
      refused = `${textOf(candidate)}: ${code}`;
      break;
    }
  }
  throw commandError(textOf(command), refused, command.includes("/"));
}

function commandError(command: string, refused: string, isPath: boolean): CommandError {
  if (refused !== "") {
    return new CommandError(EXIT.notRunnable, {
      what: `the command ${JSON.stringify(command)} cannot be run`,
      saw: refused,
      hint: "chmod +x it; a wrong architecture or libc shows as a missing loader",
    });
  }
  return new CommandError(EXIT.notFound, {
    what: `the command ${JSON.stringify(command)} is not there`,
    hint: isPath
      ? "name a file of the image"
      : "no directory of PATH has it: install it in the image, or name its path",
  });
}
