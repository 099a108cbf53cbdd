/** A `Dir` of the world in memory: the errno semantics of src/host.ts, one call at a time. */
import { OsError } from "../../src/errors.ts";
import type { Dir, Facts, Mount, Owner } from "../../src/host.ts";
import type { Call } from "./fake-host.ts";
import type { Directory, Node } from "./fake-tree.ts";
import { makeNode, splitPath } from "./fake-tree.ts";

export interface FakeWorld {
  readonly root: Directory;
  readonly self: Owner;
  /** Records the call; throws when it is to fail or to crash before; else says where in its effect to crash. */
  enter(call: Call): "halfway" | "after" | undefined;
  die(call: Call): never;
  now(): number;
  readonly open: Set<{ path: string }>;
}

const READ = 4;
const WRITE = 2;
const SEARCH = 1;
const MOST_LINKS = 40;

/** As openat(2) with O_DIRECTORY would find it, links followed. */
export function resolveDirectory(world: FakeWorld, operation: string, path: string): Directory {
  const fail = (code: string): never => {
    throw new OsError(code, "openDir", operation, path);
  };
  const rest = splitPath(path);
  const trail: Directory[] = [world.root];
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const at = trail.at(-1) ?? world.root;
    if (!may(world.self, at, SEARCH)) fail("EACCES");
    if (part === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const next = at.entries.get(part) ?? fail("ENOENT");
    if (next.kind === "link") {
      links += 1;
      if (links > MOST_LINKS) fail("ELOOP");
      if (next.target.startsWith("/")) trail.length = 1;
      rest.unshift(...next.target.split("/").filter((name) => name !== "" && name !== "."));
      continue;
    }
    if (next.kind !== "directory") return fail("ENOTDIR");
    trail.push(next);
  }
  const found = trail.at(-1) ?? world.root;
  if (!may(world.self, found, READ)) fail("EACCES");
  return found;
}

export function openFakeDir(world: FakeWorld, directory: Directory, path: string): Dir {
  const handle = { path };
  world.open.add(handle);
  const pathOf = (name: string) => `${path === "/" ? "" : path}/${name}`;

  /** Begins a call; the returned functions end it (and are where a crash `after` strikes). */
  function begin(call: string, operation: string, name: string | undefined, mutates: boolean, to = name) {
    const about = name === undefined ? path : pathOf(name);
    for (const one of [name, to]) {
      if (one === "" || one === "." || one === ".." || one?.includes("/")) {
        throw new Error(`fake host: ${call}: not a single path component: ${one}`);
      }
    }
    if (!world.open.has(handle)) throw new Error(`fake host: ${call} on a closed directory: ${about}`);
    const record: Call = { operation, call, path: about, mutates };
    const planned = world.enter(record);
    return {
      fail: (code: string): never => {
        if (planned !== undefined) world.die(record);
        throw new OsError(code, call, operation, about);
      },
      halfway: planned === "halfway",
      done: () => {
        if (planned !== undefined) world.die(record);
      },
    };
  }
  function assertMayChange(fail: (code: string) => never) {
    if (directory.mount.readOnly) fail("EROFS");
    if (!may(world.self, directory, WRITE)) fail("EACCES");
  }
  function set(name: string, node: Node) {
    directory.entries.set(name, node);
    directory.mtimeMs = world.now();
  }

  return {
    path,
    facts(operation) {
      begin("facts", operation, undefined, false);
      return factsOf(directory);
    },
    mount(operation) {
      begin("mount", operation, undefined, false);
      return mountOf(directory);
    },
    openDir(operation, name) {
      const { fail } = begin("openDir", operation, name, false);
      if (!may(world.self, directory, SEARCH)) fail("EACCES");
      const node = directory.entries.get(name) ?? fail("ENOENT");
      if (node.kind === "link") return fail("ELOOP");
      if (node.kind !== "directory") return fail("ENOTDIR");
      if (!may(world.self, node, READ)) fail("EACCES");
      return openFakeDir(world, node, pathOf(name));
    },
    makeDir(operation, name, mode) {
      const { fail, done } = begin("makeDir", operation, name, true);
      if (directory.entries.has(name)) {
        done();
        return false;
      }
      assertMayChange(fail);
      set(name, makeNode({ directory: true, mode, ...world.self }, directory.mount, world.now()));
      done();
      return true;
    },
    read(operation, name, maxBytes) {
      const { bytes, facts } = this.readMounted(operation, name, maxBytes);
      return { bytes, facts };
    },
    readMounted(operation, name, maxBytes) {
      const { fail } = begin("read", operation, name, false);
      if (!may(world.self, directory, SEARCH)) fail("EACCES");
      const node = directory.entries.get(name) ?? fail("ENOENT");
      if (node.kind === "link") return fail("ELOOP");
      if (!may(world.self, node, READ)) return fail("EACCES");
      if (node.kind !== "file") return fail("EINVAL");
      if (node.bytes.length > maxBytes) return fail("EFBIG");
      return { bytes: node.bytes.slice(), facts: factsOf(node), mount: mountOf(node) };
    },
    readLink(operation, name) {
      const { fail } = begin("readLink", operation, name, false);
      const node = directory.entries.get(name) ?? fail("ENOENT");
      return node.kind === "link" ? node.target : fail("EINVAL");
    },
    stat(operation, name) {
      const { fail } = begin("stat", operation, name, false);
      if (!may(world.self, directory, SEARCH)) fail("EACCES");
      const node = directory.entries.get(name);
      return node === undefined ? undefined : factsOf(node);
    },
    list(operation) {
      begin("list", operation, undefined, false);
      return [...directory.entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    },
    create(operation, name, bytes, { mode, owner, sync }) {
      const { fail, halfway, done } = begin("create", operation, name, true);
      if (directory.entries.has(name)) fail("EEXIST");
      assertMayChange(fail);
      if (directory.mount.full && bytes.length > 0) fail("ENOSPC");
      const written = halfway ? bytes.slice(0, bytes.length >> 1) : bytes;
      const node = makeNode({ bytes: written, mode, ...(owner ?? world.self) }, directory.mount, world.now());
      if (node.kind === "file") node.synced = sync && !halfway;
      set(name, node);
      done();
    },
    link(operation, from, to) {
      const { fail, done } = begin("link", operation, from, true, to);
      const node = directory.entries.get(from) ?? fail("ENOENT");
      if (directory.entries.has(to)) fail("EEXIST");
      assertMayChange(fail);
      if (node.kind === "directory") fail("EPERM");
      set(to, node);
      done();
    },
    rename(operation, from, to) {
      const { fail, done } = begin("rename", operation, from, true, to);
      const node = directory.entries.get(from) ?? fail("ENOENT");
      const old = directory.entries.get(to);
      assertMayChange(fail);
      if (old?.kind === "directory") {
        if (node.kind !== "directory") fail("EISDIR");
        if (old.entries.size > 0 && old !== node) fail("ENOTEMPTY");
      } else if (old !== undefined && node.kind === "directory") fail("ENOTDIR");
      // rename(2): two names of one file stay both, and that is a success.
      if (old !== node) {
        directory.entries.delete(from);
        set(to, node);
      }
      done();
    },
    remove(operation, name) {
      const { fail, done } = begin("remove", operation, name, true);
      const node = directory.entries.get(name) ?? fail("ENOENT");
      assertMayChange(fail);
      if (node.kind === "directory") fail("EISDIR");
      directory.entries.delete(name);
      directory.mtimeMs = world.now();
      done();
    },
    chmod(operation, name, mode) {
      const { fail, done } = begin("chmod", operation, name, true);
      const node = directory.entries.get(name) ?? fail("ENOENT");
      if (node.kind === "link") fail("ELOOP");
      if (node.mount.readOnly) fail("EROFS");
      if (world.self.uid !== 0 && world.self.uid !== node.uid) fail("EPERM");
      node.mode = mode;
      done();
    },
    chown(operation, name, owner) {
      const { fail, done } = begin("chown", operation, name, true);
      const node = directory.entries.get(name) ?? fail("ENOENT");
      if (node.kind === "link") fail("ELOOP");
      if (node.mount.readOnly) fail("EROFS");
      // chown(2): an owner may give a file to a group of his, and to nobody else.
      const isOwn = world.self.uid === node.uid && owner.uid === node.uid && owner.gid === world.self.gid;
      if (world.self.uid !== 0 && !isOwn) fail("EPERM");
      node.uid = owner.uid;
      node.gid = owner.gid;
      done();
    },
    sync(operation) {
      const { done } = begin("sync", operation, undefined, true);
      directory.syncedEntries = new Map(directory.entries);
      done();
    },
    close() {
      world.open.delete(handle);
    },
  };
}

const mountOf = ({ mount }: Node): Mount => ({ id: mount.dev, readOnly: mount.readOnly });

function factsOf(node: Node): Facts {
  return {
    kind: node.kind === "fifo" ? "other" : node.kind,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: node.kind === "file" ? node.bytes.length : node.kind === "link" ? node.target.length : 0,
    dev: node.mount.dev,
    ino: String(node.ino),
    mtimeMs: node.mtimeMs,
  };
}

/** The permission bits of the one class that we are in; root passes. */
function may(self: Owner, node: Node, want: number): boolean {
  if (self.uid === 0) return true;
  const shift = self.uid === node.uid ? 6 : self.gid === node.gid ? 3 : 0;
  return ((node.mode >> shift) & want) === want;
}
