/**
 * Opens what a path names, one component at a time on open descriptors: what is checked is what is read. Links
 * are followed on a read-only mount alone and never out of it (Kubernetes' `..data`); a fifo or device is never waited for.
 */
import { OsError } from "./errors.ts";
import type { Dir, Facts, Host, Mount, MountedContent } from "./host.ts";

/** A directory on the way, as it was when it was opened. */
export interface Step {
  readonly dir: Dir;
  readonly facts: Facts;
  readonly mount: Mount;
}

/** What was reached. Directories stay open, for `openBelow`, until `close`. */
export interface Reached {
  /** From `/` on, without what links led back out of. */
  readonly steps: readonly Step[];
  /** Undefined: the path names a directory, the last of `steps`. */
  readonly file: MountedContent | undefined;
  close(): void;
}

/** As the kernel has it (path_resolution(7)). */
const MOST_LINKS = 40;

/** Opens `path` (absolute, no `..`). Throws `OsError`: ELOOP for a link that is not followed, EINVAL for a fifo and its like. */
export function openWalked(operation: string, host: Host, path: string, maxBytes: number): Reached {
  const root = host.openDir(operation, "/");
  const first = { dir: root, facts: root.facts(operation), mount: root.mount(operation) };
  return open(operation, [first], [root], path.split("/"), maxBytes);
}

/** Opens a name in the last of `steps`, which are not closed by the result's `close`. Throws as `openWalked` does. */
export function openBelow(operation: string, steps: readonly Step[], name: string, maxBytes: number): Reached {
  return open(operation, steps, [], [name], maxBytes);
}

function open(
  operation: string,
  steps: readonly Step[],
  opened: Dir[],
  names: readonly string[],
  maxBytes: number,
): Reached {
  const walk: Walk = { operation, steps: [...steps], opened, rest: names.filter(isName), links: 0, within: undefined };
  const close = () => {
    for (const dir of opened) dir.close();
  };
  try {
    const file = walkOn(walk, maxBytes);
    return { steps: walk.steps, file, close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Walk {
  readonly operation: string;
  steps: Step[];
  readonly opened: Dir[];
  rest: string[];
  links: number;
  /** The mount that a link was followed on: nothing beyond it counts. */
  within: Mount | undefined;
}

const isName = (name: string): boolean => name !== "" && name !== ".";

function walkOn(walk: Walk, maxBytes: number): MountedContent | undefined {
  for (let name = walk.rest.shift(); name !== undefined; name = walk.rest.shift()) {
    const at = last(walk.steps);
    if (name === "..") {
      assertInside(walk, walk.steps.at(-2)?.mount, `${at.dir.path}/..`);
      walk.steps.pop();
      continue;
    }
    const kind = at.dir.stat(walk.operation, name)?.kind;
    if (kind === "link" && at.mount.readOnly) {
      followLink(walk, at, name);
    } else if (walk.rest.length > 0 || kind === "directory") {
      const dir = at.dir.openDir(walk.operation, name);
      walk.opened.push(dir);
      const step = { dir, facts: dir.facts(walk.operation), mount: dir.mount(walk.operation) };
      if (walk.within !== undefined) assertInside(walk, step.mount, dir.path);
      walk.steps.push(step);
    } else {
      const file = at.dir.readMounted(walk.operation, name, maxBytes);
      if (walk.within !== undefined) assertInside(walk, file.mount, `${at.dir.path}/${name}`);
      return file;
    }
  }
  return undefined;
}

function followLink(walk: Walk, at: Step, name: string): void {
  const path = `${at.dir.path}/${name}`;
  walk.links += 1;
  if (walk.links > MOST_LINKS) throw new OsError("ELOOP", "readlinkat", walk.operation, path);
  walk.within = at.mount;
  const target = at.dir.readLink(walk.operation, name);
  if (target.startsWith("/")) {
    // What the link calls / is the container's: only a target below the mount's own place is inside it.
    const root = walk.steps.findIndex((step) => step.mount.id === at.mount.id);
    const place = walk.steps[root]?.dir.path ?? "/";
    const prefix = place === "/" ? "/" : `${place}/`;
    if (!target.startsWith(prefix)) throw new OsError("EXDEV", "readlinkat", walk.operation, path);
    walk.steps = walk.steps.slice(0, root + 1);
    walk.rest.unshift(...target.slice(prefix.length).split("/").filter(isName));
  } else walk.rest.unshift(...target.split("/").filter(isName));
}

function assertInside(walk: Walk, mount: Mount | undefined, path: string): void {
  if (mount !== undefined && mount.id === walk.within?.id && mount.readOnly) return;
  throw new OsError("EXDEV", "openat", walk.operation, path);
}

function last(steps: readonly Step[]): Step {
  const step = steps.at(-1);
  if (step === undefined) throw new Error("a walk without a directory");
  return step;
}
