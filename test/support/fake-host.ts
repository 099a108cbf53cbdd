/**
 * The world of src/host.ts in memory: `createFakeHost({ files, helpers })`. Every call is recorded with its operation
 * label and can be made to fail (`failOn`), to be interrupted by a rival (`onCall`), or to be the one at which we are
 * killed (`crashAt`). Errno semantics are those of Dir's docstrings; uid 0 passes every permission check.
 */
import { OsError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import type { Download, HelperResult, Host, Owner, RunOptions } from "../../src/host.ts";
import { openFakeDir, resolveDirectory } from "./fake-dir.ts";
import type { Directory, FakeMount, Node, Seed } from "./fake-tree.ts";
import { cutPower, describeTree, makeMount, makeNode, nodeAt, plant, splitPath } from "./fake-tree.ts";

/** One call as it was made. `call` is the method ("create", "run" ...), `path` what it was about (`from` of a rename). */
export interface Call {
  readonly operation: string;
  readonly call: string;
  readonly path: string;
  readonly mutates: boolean;
  readonly argv?: readonly string[];
}

/** Which calls to fail: the operation label, or any of these together. */
export type Match = string | { operation?: string; call?: string; path?: string | RegExp };

export type Helper = (
  argv: readonly string[],
  at: { stdin: Uint8Array | undefined; priority: RunOptions["priority"]; host: FakeHost },
) => Partial<HelperResult> | Promise<Partial<HelperResult>> | undefined;

export interface FakeHostOptions {
  /** Absolute path → what is there. Parents are made. */
  files?: Readonly<Record<string, Seed>>;
  /** Basename of argv[0] → what it does. Others end with 127; those named here are executable at any path. */
  helpers?: Readonly<Record<string, Helper>>;
  /** What a URL answers; undefined: its host is not there. */
  downloads?: (url: string) => (Partial<Download> & { text?: string }) | undefined;
  self?: Owner;
  /** As in sudo mode: the uid that all settings come from, but those that the image says. */
  caller?: { uid: number; imageSettings: readonly string[] };
  /** Milliseconds since the epoch. */
  now?: number;
  /** Seed of `random()`. Give two hosts on one volume different ones. */
  seed?: number;
}

/** Thrown out of the call at which the process is killed. No code under test may catch it. */
export class CrashError extends Error {
  constructor(readonly call: Call) {
    super(`killed at ${call.operation}: ${call.call} ${call.path}`);
    this.name = "CrashError";
  }
}

export interface FakeHost extends Host {
  readonly calls: readonly Call[];
  readonly events: readonly Event[];
  readonly root: Directory;
  /** Called before each call takes effect: where a rival acts. */
  onCall: ((call: Call) => void) | undefined;
  /** Makes the nth (from 1) matching call, or every one, fail with this errno name, without effect. */
  failOn(match: Match, nth: number | "every", code: string): void;
  /** Kills us at the nth (from 1) mutating call. `halfway` differs from `before` for `create` alone: half the bytes. */
  crashAt(nth: number, when: "before" | "halfway" | "after"): void;
  /** How many mutating calls there have been: the kill points of a run. */
  mutations(): number;
  /** The same world for the next process: same tree and helpers, no failures planned, nothing recorded. */
  restart(options?: { now?: number; self?: Owner; seed?: number }): FakeHost;
  /** What was not fsynced is gone (the worst that POSIX allows). Call between a crash and `restart`. */
  cutPower(): void;
  put(path: string, seed: Seed): void;
  /** Mounts `other`'s directory here too: one volume, two machines. */
  share(path: string, other: FakeHost, otherPath?: string): void;
  delete(path: string): void;
  node(path: string): Node | undefined;
  /** Content of the regular file there; undefined when there is none. */
  text(path: string): string | undefined;
  bytes(path: string): Uint8Array | undefined;
  mount(path: string): FakeMount;
  setNow(now: number): void;
  /** Opened and not closed. */
  openDirs(): readonly string[];
  /** Path → kind, mode, owner, content. */
  snapshot(path?: string): Record<string, string>;
}

export function createFakeHost(options: FakeHostOptions = {}): FakeHost {
  const root = makeNode({ directory: true }, makeMount({ dev: "0:1" }), options.now ?? 0) as Directory;
  const host = hostOn(root, options);
  for (const [path, seed] of Object.entries(options.files ?? {})) host.put(path, seed);
  return host;
}

const EMPTY = new Uint8Array();

function hostOn(root: Directory, options: FakeHostOptions): FakeHost {
  const calls: Call[] = [];
  const events: Event[] = [];
  const open = new Set<{ path: string }>();
  const faults: { match: Match; left: number | "every"; code: string }[] = [];
  const helpers = options.helpers ?? {};
  const self = options.self ?? { uid: 0, gid: 0 };
  let now = options.now ?? 1_700_000_000_000;
  let state = (options.seed ?? 1) >>> 0;
  let mutations = 0;
  let crash: { nth: number; when: "before" | "halfway" | "after" } | undefined;
  let dead: CrashError | undefined;

  /** Records, lets rivals act, fails or crashes as planned. Returns what to do with the effect. */
  function enter(call: Call): "halfway" | "after" | undefined {
    if (dead !== undefined) throw dead;
    calls.push(call);
    host.onCall?.(call);
    for (const fault of faults) {
      if (!matches(fault.match, call)) continue;
      if (fault.left === "every" || --fault.left === 0) {
        throw new OsError(fault.code, call.call, call.operation, call.path);
      }
    }
    if (call.mutates) mutations += 1;
    if (!call.mutates || crash === undefined || mutations !== crash.nth) return undefined;
    if (crash.when === "before" || (crash.when === "halfway" && call.call !== "create")) die(call);
    return crash.when;
  }
  function die(call: Call): never {
    dead = new CrashError(call);
    throw dead;
  }

  const world = { root, self, enter, die, now: () => now, open };
  const host: FakeHost = {
    root,
    self,
    calls,
    events,
    onCall: undefined,
    openDir(operation, path) {
      enter({ operation, call: "openDir", path, mutates: false });
      return openFakeDir(world, resolveDirectory(world, operation, path), path);
    },
    isExecutable(path) {
      if (dead !== undefined) throw dead;
      if (Object.hasOwn(helpers, basename(path))) return true;
      const node = nodeAt(root, path);
      return node?.kind === "file" && (node.mode & 0o111) !== 0;
    },
    readProgram(operation, path) {
      enter({ operation, call: "readProgram", path, mutates: false });
      const named = nodeAt(root, path);
      const node = named?.kind === "link" ? nodeAt(root, named.target) : named;
      return node?.kind === "file" ? node.bytes : undefined;
    },
    async run(operation, argv, runOptions) {
      const program = argv[0] ?? "";
      if (!program.startsWith("/")) throw new Error(`fake host: not an absolute path: ${program}`);
      const call: Call = { operation, call: "run", path: program, mutates: true, argv };
      const planned = enter(call);
      const helper = helpers[basename(program)];
      const result =
        helper === undefined
          ? { code: 127 }
          : await helper(argv, { stdin: runOptions?.stdin, priority: runOptions?.priority, host });
      if (dead !== undefined) throw dead;
      if (planned !== undefined) die(call);
      return { code: 0, signal: undefined, timedOut: false, stdout: EMPTY, stderr: EMPTY, ...result };
    },
    async download(operation, url, { maxBytes }) {
      enter({ operation, call: "download", path: url, mutates: false });
      const answer = options.downloads?.(url);
      if (answer === undefined) throw new OsError("ENOTFOUND", "fetch", operation, url);
      const { text = "", ...rest } = answer;
      const bytes = new TextEncoder().encode(text);
      if (bytes.length > maxBytes) throw new OsError("EFBIG", "fetch", operation, url);
      return { status: 200, type: "text/plain", location: undefined, bytes, ...rest };
    },
    saidBy: (setting) => {
      const isImages = options.caller?.imageSettings.includes(setting) ?? true;
      return { host, decidesFor: isImages ? undefined : options.caller?.uid };
    },
    emit: (event) => void events.push(event),
    now: () => now,
    random() {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    },
    failOn: (match, nth, code) => void faults.push({ match, left: nth, code }),
    crashAt(nth, when) {
      crash = { nth, when };
    },
    mutations: () => mutations,
    restart: (again = {}) => hostOn(root, { ...options, helpers, self, now, seed: state, ...again }),
    cutPower: () => cutPower(root),
    put(path, seed) {
      const isDirectory = path.endsWith("/") && typeof seed === "object" && !(seed instanceof Uint8Array);
      const parts = splitPath(path);
      const parent = nodeAt(root, `/${parts.slice(0, -1).join("/")}`) ?? root;
      plant(root, path, makeNode(isDirectory ? { directory: true, ...seed } : seed, parent.mount, now));
    },
    share(path, other, otherPath = path) {
      const node = nodeAt(other.root, otherPath);
      if (node === undefined) throw new Error(`fake host: nothing to share at ${otherPath}`);
      plant(root, path, node);
    },
    delete(path) {
      const parts = splitPath(path);
      const parent = nodeAt(root, `/${parts.slice(0, -1).join("/")}`);
      if (parent?.kind === "directory") {
        parent.entries.delete(parts.at(-1) ?? "");
        parent.syncedEntries.delete(parts.at(-1) ?? "");
      }
    },
    node: (path) => nodeAt(root, path),
    bytes(path) {
      const node = nodeAt(root, path);
      return node?.kind === "file" ? node.bytes : undefined;
    },
    text(path) {
      const bytes = host.bytes(path);
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    },
    mount(path) {
      const node = nodeAt(root, path);
      if (node === undefined) throw new Error(`fake host: nothing at ${path}`);
      return node.mount;
    },
    setNow(value) {
      now = value;
    },
    openDirs: () => [...open].map((dir) => dir.path),
    snapshot(path = "/") {
      const node = nodeAt(root, path);
      return node?.kind === "directory" ? describeTree(node, path) : {};
    },
  };
  return host;
}

function matches(match: Match, call: Call): boolean {
  if (typeof match === "string") return match === call.operation;
  if (match.operation !== undefined && match.operation !== call.operation) return false;
  if (match.call !== undefined && match.call !== call.call) return false;
  if (match.path instanceof RegExp) return match.path.test(call.path);
  return match.path === undefined || match.path === call.path;
}

const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
