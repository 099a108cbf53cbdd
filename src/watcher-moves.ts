/**
 * Tells that a directory itself was moved or removed: by inotify(7) with nothing else in the mask, so that what happens in it,
 * however busy, wakes nobody. Wakes by SIGIO. Looks at nothing; where it hears nothing, the looks of watcher.ts do.
 */
import { ARCHITECTURE } from "./architecture.ts";
import { cString } from "./byte-strings.ts";
import { errnoName } from "./errno.ts";
import { OsError } from "./errors.ts";
import { c, check, errno, ptr } from "./libc.ts";
import { signalOnInput } from "./signal-io.ts";

/** asm/unistd.h. */
const CALLS = ARCHITECTURE === "arm64" ? { init: 26, add: 27, remove: 28 } : { init: 294, add: 254, remove: 255 };
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const IN_ONLYDIR = 0x01000000;
const READ_BYTES = 4096;
const OPERATION = "watch directories for moves";

export class DirectoryMoves {
  readonly #fd: number;
  readonly #onMove: () => void;
  readonly #onSignal = () => this.#drain();
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** Path → the kernel's number of the directory that was there. */
  readonly #watched = new Map<string, number>();

  /** Calls `onMove` for each such event, until `close`. Throws `OsError`: no inotify is to be had. */
  constructor(onMove: () => void) {
    this.#onMove = onMove;
    this.#fd = check(Number(c.syscall(CALLS.init, NONBLOCK_CLOEXEC, 0, 0, 0, 0)), "inotify_init1", OPERATION);
    // Before the first event can come: a signal that nobody listens to would end us (signal(7), SIGIO).
    process.on("SIGIO", this.#onSignal);
    signalOnInput(this.#fd, OPERATION);
  }

  /**
   * Watches the directories that stand at these paths now (links followed), in place of those before; what is not there has
   * none. Throws `OsError` where there is no room for more watches (ENOSPC, ENOMEM).
   */
  watch(paths: Iterable<string>): void {
    const before = new Set(this.#watched.values());
    this.#watched.clear();
    for (const path of paths) {
      const name = cString(path);
      const mask = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
      const number = Number(c.syscall(CALLS.add, this.#fd, ptr(name), mask, 0, 0));
      const code = number < 0 ? errnoName(errno()) : "";
      if (["ENOSPC", "ENOMEM"].includes(code)) throw new OsError(code, "inotify_add_watch", OPERATION, path);
      if (number >= 0) this.#watched.set(path, number);
    }
    const now = new Set(this.#watched.values());
    for (const number of before) if (!now.has(number)) c.syscall(CALLS.remove, this.#fd, number, 0, 0, 0);
  }

  /** What is told does not matter: the looks find out. */
  #drain(): void {
    let hasAny = false;
    while (Number(c.read(this.#fd, ptr(this.#buffer), READ_BYTES)) > 0) hasAny = true;
    if (hasAny) this.#onMove();
  }

  close(): void {
    process.off("SIGIO", this.#onSignal);
    c.close(this.#fd);
  }
}
