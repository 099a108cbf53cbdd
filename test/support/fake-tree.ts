/**
 * The nodes of a file system in memory, for createFakeHost. Several hosts may share one tree or one mounted part of it.
 * Unsynced data and names are remembered as such, so that a power cut can be played as well as a kill.
 */

/** What is the same for everything on one mount. Change a field in the middle of a test to change the mount. */
export interface FakeMount {
  dev: string;
  readOnly: boolean;
  /** `create` fails with ENOSPC. */
  full: boolean;
}

export interface FileNode {
  kind: "file";
  bytes: Uint8Array;
  synced: boolean;
}
export interface DirectoryNode {
  kind: "directory";
  entries: Map<string, Node>;
  syncedEntries: Map<string, Node>;
}
export type Node = (FileNode | DirectoryNode | { kind: "link"; target: string } | { kind: "fifo" }) & {
  mode: number;
  uid: number;
  gid: number;
  ino: number;
  mtimeMs: number;
  mount: FakeMount;
};
export type Directory = Extract<Node, { kind: "directory" }>;

/** What to plant: text or bytes for a plain file (0644, root), or one of these. A path ending in `/` is a directory. */
export type Seed = string | Uint8Array | SeedFields;
export interface SeedFields {
  text?: string;
  bytes?: Uint8Array;
  directory?: true;
  /** A symbolic link to this target. */
  link?: string;
  fifo?: true;
  mode?: number;
  uid?: number;
  gid?: number;
  mtimeMs?: number;
  /** Begins a mount of its own (directories only); `dev` defaults to a new number. */
  mount?: Partial<FakeMount>;
}

let lastIno = 100;
let lastDev = 40;

/** A node that is in no directory yet; owner root, mode 0755 for directories, 0777 for links, 0644 for the rest. */
export function makeNode(seed: Seed, mount: FakeMount, mtimeMs: number): Node {
  const fields: SeedFields =
    typeof seed === "string" ? { text: seed } : seed instanceof Uint8Array ? { bytes: seed } : seed;
  const own = fields.mount === undefined ? mount : makeMount(fields.mount);
  const directory = fields.directory === true || fields.mount !== undefined;
  lastIno += 1;
  const common = {
    mode: fields.mode ?? (directory ? 0o755 : fields.link === undefined ? 0o644 : 0o777),
    uid: fields.uid ?? 0,
    gid: fields.gid ?? 0,
    ino: lastIno,
    mtimeMs: fields.mtimeMs ?? mtimeMs,
    mount: own,
  };
  if (directory) return { kind: "directory", entries: new Map(), syncedEntries: new Map(), ...common };
  if (fields.link !== undefined) return { kind: "link", target: fields.link, ...common };
  if (fields.fifo === true) return { kind: "fifo", ...common };
  const bytes = (fields.bytes ?? new TextEncoder().encode(fields.text ?? "")).slice();
  return { kind: "file", bytes, synced: true, ...common };
}

export function makeMount(fields: Partial<FakeMount> = {}): FakeMount {
  lastDev += 1;
  return { dev: fields.dev ?? `0:${lastDev}`, readOnly: fields.readOnly ?? false, full: fields.full ?? false };
}

export function splitPath(path: string): string[] {
  if (!path.startsWith("/")) throw new Error(`fake host: not an absolute path: ${path}`);
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Plants a node, making plain directories on the way and replacing what is there. Counts as synced. */
export function plant(root: Directory, path: string, node: Node): void {
  const parts = splitPath(path);
  const name = parts.pop();
  if (name === undefined) throw new Error("fake host: cannot plant over /");
  let at = root;
  for (const part of parts) {
    const next = at.entries.get(part) ?? makeNode({ directory: true }, at.mount, node.mtimeMs);
    if (next.kind !== "directory") throw new Error(`fake host: ${part} in ${path} is a ${next.kind}`);
    at.entries.set(part, next);
    at.syncedEntries.set(part, next);
    at = next;
  }
  at.entries.set(name, node);
  at.syncedEntries.set(name, node);
}

/** What is at `path`; links on the way and at the end are not followed. */
export function nodeAt(root: Directory, path: string): Node | undefined {
  let at: Node = root;
  for (const part of splitPath(path)) {
    const next: Node | undefined = at.kind === "directory" ? at.entries.get(part) : undefined;
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

/** Takes away what was never fsynced: names of unsynced directories, bytes of unsynced files. */
export function cutPower(directory: Directory): void {
  directory.entries = new Map(directory.syncedEntries);
  for (const node of directory.entries.values()) {
    if (node.kind === "directory") cutPower(node);
    if (node.kind === "file" && !node.synced) node.bytes = new Uint8Array();
  }
}

/** One line for each path below `directory`: kind, mode, owner, content. For toEqual on whole trees. */
export function describeTree(directory: Directory, path: string, into: Record<string, string> = {}) {
  for (const name of [...directory.entries.keys()].sort()) {
    const node = directory.entries.get(name) as Node;
    const below = `${path === "/" ? "" : path}/${name}`;
    const content =
      node.kind === "file"
        ? ` ${new TextDecoder("latin1").decode(node.bytes)}`
        : node.kind === "link"
          ? ` -> ${node.target}`
          : "";
    into[below] = `${node.kind} ${node.mode.toString(8).padStart(4, "0")} ${node.uid}:${node.gid}${content}`;
    if (node.kind === "directory") describeTree(node, below, into);
  }
  return into;
}
