/**
 * A `Host` for finding out what a start would do: it reads the real world and writes to memory alone. Helpers run for real,
 * on memory files in place of those that were written in memory, and make their files there too. Nothing is asked of the
 * network but what the caller asks.
 */
import { DryDir, type DryWorld } from "./dry-dir.ts";
import { type DryFile, DryTree } from "./dry-tree.ts";
import { isOsError } from "./errors.ts";
import type { HelperResult, Host, Owner } from "./host.ts";

/** Memory files that another process of ours can open by path. */
export interface MemoryFiles {
  /** A new file of this content and mode, and its path. */
  put(bytes: Uint8Array, mode: number): string;
  /** What is in it now. */
  read(path: string): Uint8Array;
}

export interface DryOptions {
  readonly refuses: DryWorld["refuses"];
  readonly memory: MemoryFiles;
  /** Whom we play; those that we are, unless said. */
  readonly self?: Owner;
}

export interface DryHost extends Host {
  /** Real paths that we may not look into. */
  readonly unseen: ReadonlySet<string>;
}

const OVERWRITE = Buffer.from("y\n");

export function createDryHost(base: Host, { refuses, memory, self = base.self }: DryOptions): DryHost {
  const tree = new DryTree();
  const unseen = new Set<string>();
  const world: DryWorld = { tree, self, now: base.now, refuses, onUnseen: (path) => unseen.add(path) };
  return {
    ...base,
    self,
    unseen,
    openDir: (operation, path) => openDir(base, world, operation, path),
    run: (operation, argv, options) => run(base, world, memory, operation, argv, options),
  };
}

/** A path that is really there, links followed; else one that this dry run has made. */
function openDir(base: Host, world: DryWorld, operation: string, path: string): DryDir {
  try {
    return DryDir.over(operation, world, base.openDir(operation, path));
  } catch (error) {
    if (isOsError(error, "EACCES", "EPERM")) world.onUnseen(path);
    if (!isOsError(error, "ENOENT")) throw error;
  }
  let dir = DryDir.over(operation, world, base.openDir(operation, "/"));
  for (const name of path.split("/").filter((part) => part !== "")) {
    const next = dir.openDir(operation, name);
    dir.close();
    dir = next;
  }
  return dir;
}

/** Runs a helper with memory files for what is in memory; in what it says the names are ours again. */
async function run(
  base: Host,
  world: DryWorld,
  memory: MemoryFiles,
  operation: string,
  argv: readonly string[],
  options: Parameters<Host["run"]>[2],
): Promise<HelperResult> {
  const { tree } = world;
  const real = new Map<string, string>();
  const realPath = (path: string): string => {
    const known = real.get(path);
    if (known !== undefined) return known;
    const file = tree.files.get(path) as DryFile;
    // A config names others of ours: they have to be there under their real names too.
    const text = Buffer.from(file.bytes).toString("latin1");
    const made = memory.put(Buffer.from(text.replace(namesIn(tree), realPath), "latin1"), file.mode);
    real.set(path, made);
    return made;
  };
  const made = newFileOf(argv);
  const target = made === undefined ? undefined : memory.put(new Uint8Array(), 0o600);
  const words = argv.map((word) => (word === made ? (target ?? word) : tree.files.has(word) ? realPath(word) : word));
  const given = target === undefined ? options : { ...options, stdin: OVERWRITE };
  const result = await base.run(operation, words, given);
  const toOurs = (bytes: Uint8Array) => {
    let text = Buffer.from(bytes).toString("latin1");
    for (const [path, name] of real) text = text.replaceAll(new RegExp(`${name}(?!\\d)`, "g"), () => path);
    return Buffer.from(text, "latin1");
  };
  const answer = { ...result, stdout: toOurs(result.stdout), stderr: toOurs(result.stderr) };
  if (made === undefined || target === undefined) return answer;
  const bytes = memory.read(target);
  if (bytes.length === 0) return answer;
  const slash = made.lastIndexOf("/");
  const dir = openDir(base, world, operation, made.slice(0, slash));
  dir.create(operation, made.slice(slash + 1), bytes, { mode: 0o600 });
  dir.close();
  // It found no place for the public half beside a memory file.
  return { ...answer, code: 0 };
}

/** What `ssh-keygen -t TYPE -f FILE` makes. It asks before it overwrites, and writes FILE before FILE.pub. */
function newFileOf(argv: readonly string[]): string | undefined {
  if (!/\/ssh-keygen$/.test(argv[0] ?? "") || !argv.includes("-t")) return undefined;
  return argv[argv.indexOf("-f") + 1];
}

/** The names of all files in memory, each as a whole word of a config. */
function namesIn(tree: DryTree): RegExp {
  const names = [...tree.files.keys()].sort((a, b) => b.length - a.length);
  const escaped = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return names.length === 0 ? /(?!)/g : new RegExp(`(?:${escaped.join("|")})(?![\\w.-])`, "g");
}
