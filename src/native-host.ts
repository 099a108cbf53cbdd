/**
 * The real world as a `Host`: files by native-dir.ts, helpers by processes.ts, events to whoever listens. Decides nothing.
 */
import { download } from "./download.ts";
import type { Event } from "./events.ts";
import { HELPER_ENVIRONMENT } from "./helper-environment.ts";
import type { Host } from "./host.ts";
import { c } from "./libc.ts";
import { openNativeDir } from "./native-dir.ts";
import { type Children, isExecutablePath } from "./processes.ts";
import { readProgram } from "./program-file.ts";

/** A host whose events go to `emit`. */
export function createNativeHost(children: Children, emit: (event: Event) => void): Host {
  const host: Host = {
    openDir: openNativeDir,
    isExecutable: isExecutablePath,
    readProgram,
    run: (operation, argv, options) => children.run(operation, argv, HELPER_ENVIRONMENT, options),
    download,
    saidBy: () => ({ host, decidesFor: undefined }),
    emit,
    now: () => Date.now(),
    random: () => Math.random(),
    self: { uid: c.geteuid(), gid: c.getegid() },
  };
  return host;
}
