/**
 * Starting and reaping processes without a shell: a spawn in, one wait4 loop out. As nothing here is started
 * by the runtime's own spawn, waiting for any child steals nobody's status, and what SSH sessions leave behind is
 * reaped by the same loop (prctl(2), PR_SET_CHILD_SUBREAPER).
 */
import { bytesOf, cBytesOf, cString } from "./byte-strings.ts";
import { memoryFile, readAll } from "./descriptors.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";
import type { HelperResult, RunOptions } from "./host.ts";
import { AT_FDCWD, c, check, cTable, errno, O, ptr, SYS } from "./libc.ts";
import { type QuickProgram, spawnQuickly } from "./quick-spawn.ts";

/** Where a child's descriptor comes from: one of ours, or a path opened in the child. */
export type ChildDescriptor = number | { readonly path: string; readonly write: boolean };

/** argv and environment are byte strings: an app's may be no UTF-8. */
export interface SpawnOptions {
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** The child's descriptors 0, 1, 2, and 3 and up when given, in order. */
  readonly descriptors: readonly ChildDescriptor[];
  /** A session of its own (setsid(2)), or a process group of its own. */
  readonly detach?: "session" | "group";
  /** Another path to execute than argv[0]. */
  readonly path?: string;
  /** Blocked signals stay blocked: for the app, which must get what we got. */
  readonly keepMask?: true;
}

const F_DUPFD_CLOEXEC = 1030;
const PRIO_PROCESS = 0;
const LEAST_PRIORITY = 19;
const SCHED_IDLE = 5;
const POSIX_SPAWN_SETPGROUP = 0x02;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
/** Larger than posix_spawnattr_t and posix_spawn_file_actions_t of glibc (336, 80 bytes) and musl (336, 80). */
const ATTRIBUTE_BYTES = 512;

/** Starts a process with every signal at its default and none blocked; gives its pid. Throws `OsError`. */
export function spawn(operation: string, options: SpawnOptions): number {
  const path = options.path ?? options.argv[0] ?? "";
  const { argv, environment, descriptors } = options;
  const opened: number[] = [];
  const sources: number[] = [];
  try {
    for (let target = 0; target < descriptors.length; target++) {
      sources.push(openSource(operation, descriptors, target, opened));
    }
    const program = {
      path: cString(path),
      argv: cBytesOf(argv),
      environment: cBytesOf(environment),
      sources,
      detach: options.detach,
      keepMask: options.keepMask === true,
    };
    const pid = spawnQuickly(program) ?? spawnByLibrary(program);
    if (pid < 0) throw new OsError(errnoName(-pid), "posix_spawn", operation, path);
    return pid;
  } finally {
    for (const fd of opened) c.close(fd);
  }
}

/**
 * The descriptor of ours that becomes this one of the child's. Where 0 to 2 came closed ours may be as low as that, and an
 * earlier target must not overwrite a later source: then it is another, in `opened`.
 */
function openSource(
  operation: string,
  descriptors: readonly ChildDescriptor[],
  target: number,
  opened: number[],
): number {
  const from = descriptors[target] ?? -1;
  const isPath = typeof from !== "number";
  const source = isPath
    ? check(
        c.openat(AT_FDCWD, cString(from.path), (from.write ? O.wronly : O.rdonly) | O.cloexec, 0),
        "openat",
        operation,
        from.path,
      )
    : from;
  if (isPath) opened.push(source);
  if (source === target && !isPath) return source;
  if (source >= descriptors.length) return source;
  const moved = check(c.fcntl(source, F_DUPFD_CLOEXEC, descriptors.length), "fcntl", operation);
  opened.push(moved);
  return moved;
}

/** As `spawnQuickly`, everywhere. */
function spawnByLibrary({ path, argv, environment, sources, detach, keepMask }: QuickProgram): number {
  const attributes = new Uint8Array(ATTRIBUTE_BYTES);
  const actions = new Uint8Array(ATTRIBUTE_BYTES);
  const everySignal = new Uint8Array(128).fill(0xff);
  const noSignal = new Uint8Array(128);
  const pid = new Int32Array(1);
  // Every signal is named: glibc ignores its own two, 32 and 33, in a child where they are not (its spawni.c).
  let flags = keepMask ? POSIX_SPAWN_SETSIGDEF : POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (detach === "session") flags |= POSIX_SPAWN_SETSID;
  if (detach === "group") flags |= POSIX_SPAWN_SETPGROUP;
  c.posix_spawnattr_init(ptr(attributes));
  c.posix_spawnattr_setsigdefault(ptr(attributes), ptr(everySignal));
  c.posix_spawnattr_setsigmask(ptr(attributes), ptr(noSignal));
  c.posix_spawnattr_setpgroup(ptr(attributes), 0);
  c.posix_spawnattr_setflags(ptr(attributes), flags);
  c.posix_spawn_file_actions_init(ptr(actions));
  for (const [target, source] of sources.entries()) {
    c.posix_spawn_file_actions_adddup2(ptr(actions), source, target);
  }
  const [argvTable, environmentTable] = [cTable(argv), cTable(environment)];
  const tables = [ptr(argvTable.table), ptr(environmentTable.table)] as const;
  const code = c.posix_spawn(ptr(pid), ptr(path), ptr(actions), ptr(attributes), ...tables);
  c.posix_spawn_file_actions_destroy(ptr(actions));
  return code === 0 ? (pid[0] ?? 0) : -code;
}

/** How a process ended: an exit status or a signal number (wait(2)). */
export interface Ending {
  readonly code: number | undefined;
  readonly signal: number | undefined;
}

/** An ending from wait(2)'s status word. */
export function parseStatus(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: undefined } : { code: undefined, signal };
}

const WNOHANG = 1;

/** Waits until this child has ended. Blocks: for the launcher alone. */
export function waitFor(pid: number): Ending {
  const status = new Int32Array(1);
  // Interrupted by a signal the child is still ours; where SIGCHLD came ignored nothing is left to ask (ECHILD).
  while (c.wait4(pid, ptr(status), 0) < 0 && errnoName(errno()) === "EINTR") {}
  return parseStatus(status[0] ?? 0);
}

/** Every child of the supervisor, by one SIGCHLD listener: ours are answered, strangers are merely reaped. */
export class Children {
  readonly #waiting = new Map<number, (ending: Ending) => void>();
  readonly #prepare: () => void;
  #isListening = false;

  /**
   * `later`: nobody is answered or reaped before `listen` or `run`, since to listen takes time that somebody may be waiting
   * for. `prepare`: what must be done before this process hears any signal.
   */
  constructor(when: "now" | "later" = "now", prepare: () => void = () => {}) {
    this.#prepare = prepare;
    if (when === "now") this.listen();
  }

  /** Answers from now on, for whoever has ended already too. */
  listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#prepare();
    process.on("SIGCHLD", () => this.#reap());
    this.#reap();
  }

  /** Resolves with how the child ended. Call it in the same turn as `spawn`. */
  ended(pid: number): Promise<Ending> {
    return new Promise((resolve) => this.#waiting.set(pid, resolve));
  }

  #reap(): void {
    const status = new Int32Array(1);
    for (;;) {
      const pid = c.wait4(-1, ptr(status), WNOHANG);
      if (pid <= 0) return;
      const resolve = this.#waiting.get(pid);
      this.#waiting.delete(pid);
      resolve?.(parseStatus(status[0] ?? 0));
    }
  }

  /** Runs a helper to its end; its output is kept in memory files, so that no pipe can fill. */
  async run(
    operation: string,
    argv: readonly string[],
    environment: readonly string[],
    options: RunOptions = {},
  ): Promise<HelperResult> {
    this.listen();
    const stdin = memoryFile(options.stdin ?? new Uint8Array(), operation);
    const stdout = memoryFile(new Uint8Array(), operation);
    const stderr = memoryFile(new Uint8Array(), operation);
    try {
      const pid = spawn(operation, {
        argv: argv.map(bytesOf),
        environment,
        descriptors: [stdin, stdout, stderr],
        detach: "group",
      });
      if (options.priority !== undefined) lowerPriority(pid, options.priority);
      let timedOut = false;
      // Not once: the runtime waits for no signal, and would end us with 0 after the last timer, before the end is heard of.
      const timer = setInterval(() => {
        timedOut = true;
        c.kill(-pid, 9);
      }, options.timeoutMs ?? 30_000);
      const ending = await this.ended(pid);
      clearInterval(timer);
      return { ...ending, timedOut, stdout: output(stdout, operation), stderr: output(stderr, operation) };
    } finally {
      c.close(stdin);
      c.close(stdout);
      c.close(stderr);
    }
  }
}

/** As far as this kernel lets us. */
function lowerPriority(pid: number, priority: "low" | "idle"): void {
  const parameters = new Int32Array(1);
  const isIdle =
    priority === "idle" && Number(c.syscall(SYS.schedSetscheduler, pid, SCHED_IDLE, ptr(parameters), 0, 0)) === 0;
  if (!isIdle) c.setpriority(PRIO_PROCESS, pid, LEAST_PRIORITY);
}

const OUTPUT_BYTES = 1 << 20;

function output(fd: number, operation: string): Uint8Array {
  check(Number(c.lseek(fd, 0, 0)), "lseek", operation);
  return readAll(fd, operation, OUTPUT_BYTES);
}

/** True when the path is an executable file for us, links followed. A directory, which may be searched, is none. */
export function isExecutablePath(path: string): boolean {
  const [F_OK, X_OK] = [0, 1];
  const isDirectory = () => c.faccessat(AT_FDCWD, cString(`${path}/.`), F_OK) === 0;
  return c.faccessat(AT_FDCWD, cString(path), X_OK) === 0 && !isDirectory();
}
