/**
 * A `Dir` whose writes stay in memory: reads see them as if they had been made, the file system never does. It refuses
 * what the real directory would refuse (`refuses`), so that a dry run ends as the real one would.
 */
import type { DryDirectory, DryEntries, DryFile, DryNode, DryTree } from "./dry-tree.ts";
import { factsOfDry, fail } from "./dry-tree.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Facts, FileContent, Mount, MountedContent, Owner } from "./host.ts";

export interface DryWorld {
  readonly tree: DryTree;
  readonly self: Owner;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The errno name with which a write in this real directory would fail; undefined when it would not. */
  readonly refuses: (path: string) => string | undefined;
  /** A real thing that we may not look into. */
  readonly onUnseen: (path: string) => void;
}

export class DryDir implements Dir {
  readonly #world: DryWorld;
  /** Undefined: this directory is in memory alone. */
  readonly #real: Dir | undefined;
  readonly #own: DryDirectory | undefined;
  readonly #mount: Mount;
  readonly #dev: string;
  readonly #entries: DryEntries;

  private constructor(
    readonly path: string,
    world: DryWorld,
    from: {
      readonly real: Dir | undefined;
      readonly own: DryDirectory | undefined;
      readonly mount: Mount;
      readonly dev: string;
    },
    entries: DryEntries,
  ) {
    this.#world = world;
    this.#real = from.real;
    this.#own = from.own;
    this.#mount = from.mount;
    this.#dev = from.dev;
    this.#entries = entries;
  }

  /** The real directory, with what this dry run has changed in it. */
  static over(operation: string, world: DryWorld, real: Dir): DryDir {
    const facts = real.facts(operation);
    const from = { real, own: undefined, mount: real.mount(operation), dev: facts.dev };
    return new DryDir(real.path, world, from, world.tree.entriesOf(facts));
  }

  #pathOf(name: string): string {
    return this.path === "/" ? `/${name}` : `${this.path}/${name}`;
  }

  /** Throws what a write here would throw. */
  #assertWritable(call: string, operation: string, name: string): void {
    const code = this.#real === undefined ? undefined : this.#world.refuses(this.path);
    if (code !== undefined) fail(code, call, operation, this.#pathOf(name));
  }

  /** What this dry run knows of the name; undefined: whatever is really there. */
  #node(name: string): DryNode | undefined {
    const node = this.#entries.get(name);
    return node === undefined && this.#real === undefined ? "gone" : node;
  }

  #put(name: string, node: DryNode): void {
    const path = this.#pathOf(name);
    this.#entries.set(name, node);
    if (node !== "gone" && node.kind === "file") this.#world.tree.files.set(path, node);
    else this.#world.tree.files.delete(path);
  }

  #isThere(operation: string, name: string): boolean {
    return this.stat(operation, name) !== undefined;
  }

  facts(operation: string): Facts {
    return this.#own === undefined ? (this.#real as Dir).facts(operation) : factsOfDry(this.#own, this.#dev);
  }

  mount(): Mount {
    return this.#mount;
  }

  openDir(operation: string, name: string): DryDir {
    const node = this.#node(name);
    if (node === "gone") return fail("ENOENT", "openDir", operation, this.#pathOf(name));
    if (node?.kind === "directory") {
      const from = { real: undefined, own: node, mount: this.#mount, dev: this.#dev };
      return new DryDir(this.#pathOf(name), this.#world, from, node.entries);
    }
    if (node?.kind === "file") return fail("ENOTDIR", "openDir", operation, this.#pathOf(name));
    return DryDir.over(
      operation,
      this.#world,
      this.#look(name, (real) => real.openDir(operation, name)),
    );
  }

  makeDir(operation: string, name: string, mode: number): boolean {
    if (this.#isThere(operation, name)) return false;
    this.#assertWritable("makeDir", operation, name);
    this.#put(name, { kind: "directory", ...this.#fresh(mode), entries: new Map() });
    return true;
  }

  read(operation: string, name: string, maxBytes: number): FileContent {
    return this.readMounted(operation, name, maxBytes);
  }

  readMounted(operation: string, name: string, maxBytes: number): MountedContent {
    const node = this.#node(name);
    const path = this.#pathOf(name);
    if (node === "gone") return fail("ENOENT", "read", operation, path);
    if (node?.kind === "directory") return fail("EINVAL", "read", operation, path);
    if (node?.kind === "file") {
      if (node.bytes.length > maxBytes) return fail("EFBIG", "read", operation, path);
      return { bytes: node.bytes, facts: factsOfDry(node, this.#dev), mount: this.#mount };
    }
    return this.#look(name, (real) => real.readMounted(operation, name, maxBytes));
  }

  readLink(operation: string, name: string): string {
    const node = this.#node(name);
    if (node === "gone") return fail("ENOENT", "readLink", operation, this.#pathOf(name));
    if (node !== undefined && node.kind !== "override")
      return fail("EINVAL", "readLink", operation, this.#pathOf(name));
    return this.#look(name, (real) => real.readLink(operation, name));
  }

  stat(operation: string, name: string): Facts | undefined {
    const node = this.#node(name);
    if (node === "gone") return undefined;
    if (node !== undefined && node.kind !== "override") return factsOfDry(node, this.#dev);
    const facts = this.#look(name, (real) => real.stat(operation, name));
    if (facts === undefined || node === undefined) return facts;
    return { ...facts, mode: node.mode ?? facts.mode, uid: node.uid ?? facts.uid, gid: node.gid ?? facts.gid };
  }

  list(operation: string): string[] {
    const names = new Set(this.#real === undefined ? [] : this.#look("", (real) => real.list(operation)));
    for (const [name, node] of this.#entries) node === "gone" ? names.delete(name) : names.add(name);
    return [...names].sort((a, b) => (a < b ? -1 : 1));
  }

  create(operation: string, name: string, bytes: Uint8Array, options: { mode: number; owner?: Owner }): void {
    if (this.#isThere(operation, name)) fail("EEXIST", "create", operation, this.#pathOf(name));
    this.#assertWritable("create", operation, name);
    this.#put(name, { kind: "file", ...this.#fresh(options.mode), ...options.owner, bytes: Uint8Array.from(bytes) });
  }

  link(operation: string, from: string, to: string): void {
    if (this.#isThere(operation, to)) fail("EEXIST", "link", operation, this.#pathOf(to));
    this.#assertWritable("link", operation, to);
    this.#put(to, this.#take(operation, from));
  }

  rename(operation: string, from: string, to: string): void {
    this.#assertWritable("rename", operation, to);
    this.#put(to, this.#take(operation, from));
    this.#put(from, "gone");
  }

  remove(operation: string, name: string): void {
    const facts = this.stat(operation, name);
    if (facts === undefined) fail("ENOENT", "remove", operation, this.#pathOf(name));
    if (facts.kind === "directory") fail("EISDIR", "remove", operation, this.#pathOf(name));
    this.#assertWritable("remove", operation, name);
    this.#put(name, "gone");
  }

  chmod(operation: string, name: string, mode: number): void {
    this.#change(operation, name, { mode });
  }

  chown(operation: string, name: string, owner: Owner): void {
    this.#change(operation, name, owner);
  }

  #change(operation: string, name: string, change: { mode?: number; uid?: number; gid?: number }): void {
    const facts = this.stat(operation, name);
    if (facts === undefined) fail("ENOENT", "change", operation, this.#pathOf(name));
    if (facts.kind === "link") fail("ELOOP", "change", operation, this.#pathOf(name));
    const node = this.#node(name);
    if (node === undefined) this.#entries.set(name, { kind: "override", ...change });
    else if (node !== "gone") Object.assign(node, change);
  }

  /** What a name stands for, in memory from now on: under another name it is the same. */
  #take(operation: string, name: string): DryNode {
    const node = this.#node(name);
    if (node !== undefined && node !== "gone" && node.kind !== "override") return node;
    const { bytes, facts } = this.read(operation, name, MOST_BYTES);
    const { mode, uid, gid, mtimeMs, ino } = facts;
    const file: DryFile = { kind: "file", bytes, mode, uid, gid, mtimeMs, ino };
    return file;
  }

  #fresh(mode: number) {
    return { mode, ...this.#world.self, mtimeMs: this.#world.now(), ino: this.#world.tree.nextIno() };
  }

  /** Asks the real directory; takes note where we may not look. */
  #look<T>(name: string, ask: (real: Dir) => T): T {
    try {
      return ask(this.#real as Dir);
    } catch (error) {
      if (isOsError(error, "EACCES", "EPERM")) this.#world.onUnseen(this.#pathOf(name));
      throw error;
    }
  }

  sync(): void {}

  close(): void {
    this.#real?.close();
  }
}

const MOST_BYTES = 16 << 20;
