/**
 * What a dry run would have changed, in memory: for each directory the names that it made, replaced or removed. The real
 * directory below is only ever read.
 */
import { OsError } from "./errors.ts";
import type { Facts } from "./host.ts";

export interface DryFile {
  readonly kind: "file";
  bytes: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
  readonly mtimeMs: number;
  readonly ino: string;
}

export interface DryDirectory {
  readonly kind: "directory";
  mode: number;
  uid: number;
  gid: number;
  readonly mtimeMs: number;
  readonly ino: string;
  readonly entries: DryEntries;
}

/** What is really there, with another mode or owner. */
export interface DryOverride {
  readonly kind: "override";
  mode?: number;
  uid?: number;
  gid?: number;
}

export type DryNode = DryFile | DryDirectory | DryOverride | "gone";
export type DryEntries = Map<string, DryNode>;

/** Everything that one dry run remembers. */
export class DryTree {
  /** By device and inode of the real directory, so that each way to it meets the same changes. */
  readonly #changed = new Map<string, DryEntries>();
  /** Every file in memory by its path, for helpers that are given its name. */
  readonly files = new Map<string, DryFile>();
  #count = 0;

  entriesOf({ dev, ino }: Facts): DryEntries {
    const id = `${dev} ${ino}`;
    const entries = this.#changed.get(id) ?? new Map<string, DryNode>();
    this.#changed.set(id, entries);
    return entries;
  }

  nextIno(): string {
    this.#count += 1;
    return `dry-${this.#count}`;
  }
}

/** Facts of what is in memory alone, as if it lay on that device. */
export function factsOfDry(node: DryFile | DryDirectory, dev: string): Facts {
  const { kind, mode, uid, gid, mtimeMs, ino } = node;
  return { kind, mode, uid, gid, mtimeMs, ino, dev, size: kind === "file" ? node.bytes.length : 0 };
}

export function fail(code: string, call: string, operation: string, path: string): never {
  throw new OsError(code, call, operation, path);
}
