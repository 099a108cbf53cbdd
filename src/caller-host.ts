/**
 * The supervisor's world in sudo mode. What the image's own file did not say came from an unprivileged caller: the paths that
 * he named are opened with his rights, each time anew, and are only read; what stands there decides his own logins alone.
 */
import { asCaller, type Caller } from "./caller.ts";
import { OsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { Request } from "./request.ts";

type Rights = Pick<Caller, "uid" | "gid" | "kernelGroups">;

/** `host`, with every setting known to be the image's or the caller's. */
export function createCallerHost(host: Host, request: Request): Host {
  const rights: Rights = { uid: request.appUid, gid: request.appGid, kernelGroups: request.appGroups };
  const callers: Host = {
    ...host,
    openDir: (operation, path) =>
      read(
        rights,
        asCaller(rights, () => host.openDir(operation, path)),
      ),
  };
  return {
    ...host,
    saidBy: (name) =>
      request.imageSettings.includes(name)
        ? { host, decidesFor: undefined }
        : { host: callers, decidesFor: rights.uid },
  };
}

/** The directory with each look into it taken with these rights. */
function read(rights: Rights, dir: Dir): Dir {
  const as = <T>(run: () => T): T => asCaller(rights, run);
  const refuse = (operation: string): never => {
    throw new OsError("EPERM", "write", operation, dir.path);
  };
  return {
    path: dir.path,
    facts: (operation) => dir.facts(operation),
    mount: (operation) => dir.mount(operation),
    openDir: (operation, name) =>
      read(
        rights,
        as(() => dir.openDir(operation, name)),
      ),
    read: (operation, name, maxBytes) => as(() => dir.read(operation, name, maxBytes)),
    readMounted: (operation, name, maxBytes) => as(() => dir.readMounted(operation, name, maxBytes)),
    readLink: (operation, name) => as(() => dir.readLink(operation, name)),
    stat: (operation, name) => as(() => dir.stat(operation, name)),
    list: (operation) => as(() => dir.list(operation)),
    close: () => dir.close(),
    makeDir: refuse,
    create: refuse,
    link: refuse,
    rename: refuse,
    remove: refuse,
    chmod: refuse,
    chown: refuse,
    sync: refuse,
  };
}
