/**
 * The world as one argument: files, helpers, time, and the log. Features take a `Host` and touch nothing else, so a
 * test can hand them a world in memory and fail exactly the second write of "save host key" (test/support/fake-host.ts).
 * A `Dir` is an open directory: names are single components and no link is ever followed, so what was checked
 * is what is used. Only `openDir` on the host follows links, for paths that the operator named.
 */
import type { Event } from "./events.ts";

/** What fstat(2) says of something. Times in milliseconds, sizes in bytes. */
export interface Facts {
  readonly kind: "file" | "directory" | "link" | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly dev: string;
  readonly ino: string;
  readonly mtimeMs: number;
}

/** The mount that something open lies on: nobody can write through a read-only one, whoever owns what is there. */
export interface Mount {
  readonly id: string;
  readonly readOnly: boolean;
}

export interface FileContent {
  readonly bytes: Uint8Array;
  readonly facts: Facts;
}

export interface MountedContent extends FileContent {
  readonly mount: Mount;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * An open directory. `operation` is our word for what the call is for ("save host key"). All calls throw `OsError`.
 * `name` is one path component: no slash, not `.` or `..`.
 */
export interface Dir {
  readonly path: string;
  facts(operation: string): Facts;
  mount(operation: string): Mount;
  /** Opens a directory below, never through a link (ELOOP or ENOTDIR then). */
  openDir(operation: string, name: string): Dir;
  /** Makes the directory with exactly this mode; `false` when it was there already. */
  makeDir(operation: string, name: string, mode: number): boolean;
  /** Reads a regular file (EINVAL for anything else, ELOOP for a link, EFBIG beyond `maxBytes`); cannot hang on a fifo. */
  read(operation: string, name: string, maxBytes: number): FileContent;
  /** The same, and which mount that very file lies on: two more system calls. */
  readMounted(operation: string, name: string, maxBytes: number): MountedContent;
  /** Where a link points to, as it is written; EINVAL for anything else. */
  readLink(operation: string, name: string): string;
  /** What is there, a link not followed; undefined when nothing is. */
  stat(operation: string, name: string): Facts | undefined;
  /** Names in byte order. */
  list(operation: string): string[];
  /** Creates a new file with its final mode and owner (EEXIST when there), writes all, fsyncs when `sync`. Where it fails nothing is left. */
  create(
    operation: string,
    name: string,
    bytes: Uint8Array,
    options: { mode: number; owner?: Owner; sync: boolean },
  ): void;
  /** Hard link; EEXIST when `to` is there: it never replaces. */
  link(operation: string, from: string, to: string): void;
  rename(operation: string, from: string, to: string): void;
  /** Removes a file or a link; EISDIR for a directory. */
  remove(operation: string, name: string): void;
  chmod(operation: string, name: string, mode: number): void;
  /** Gives what is there another owner, never through a link (ELOOP). */
  chown(operation: string, name: string, owner: Owner): void;
  /** fsync of the directory itself. */
  sync(operation: string): void;
  close(): void;
}

/** How a helper ended: its exit status, or the signal that ended it. Output at most 1 MiB each. */
export interface HelperResult {
  readonly code: number | undefined;
  readonly signal: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** What a server answered. `type` is its Content-Type, empty when it said none. */
export interface Download {
  readonly status: number;
  readonly type: string;
  readonly location: string | undefined;
  readonly bytes: Uint8Array;
}

export interface DownloadOptions {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Certificates (PEM) to trust beside the runtime's own. */
  readonly roots?: string;
}

export interface RunOptions {
  readonly stdin?: Uint8Array;
  readonly timeoutMs?: number;
  /**
   * `low`: whatever else wants to run gets nearly all of the processor (nice(2)). `idle`: nobody waits for it, not even for
   * the rest of a time slice, and on a busy machine it may get next to nothing (sched(7), SCHED_IDLE).
   */
  readonly priority?: "low" | "idle";
}

export interface Host {
  /** Opens a directory; links in `path` are followed. Throws `OsError`. */
  openDir(operation: string, path: string): Dir;
  /** True when an executable regular file is there (links followed). */
  isExecutable(path: string): boolean;
  /** The bytes of a program of the image (links followed), not to be kept; undefined where they cannot be read. */
  readProgram(operation: string, path: string): Uint8Array | undefined;
  /** Runs a helper: absolute path first, no shell, our constant environment, cwd `/`. Never rejects for its exit code. */
  run(operation: string, argv: readonly string[], options?: RunOptions): Promise<HelperResult>;
  /** One https request; no redirect is followed. Throws `OsError`. */
  download(operation: string, url: string, options: DownloadOptions): Promise<Download>;
  /**
   * Whose word a setting is: `host` opens the paths that it names, and what it gives decides logins of this uid alone
   * (undefined: anybody's). In sudo mode the caller's, unless the image says it; else the operator's.
   */
  saidBy(setting: string): { readonly host: Host; readonly decidesFor: number | undefined };
  emit(event: Event): void;
  /** Milliseconds since the epoch. */
  now(): number;
  /** From 0 up to, not with, 1: for jitter and temporary names. */
  random(): number;
  /** The effective uid and gid that we act with. */
  readonly self: Owner;
}
