/**
 * Whether the app could plant an identity: write the volume's `.ssh`, a key in it, or rename a directory above.
 * Only tells; nothing is chmod-ed, and the keys are used all the same.
 */
import { isOsError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";
import { HOST_KEY_TYPES, keyFileName } from "./host-key-files.ts";
import { openOperatorDir } from "./operator-dir.ts";

const LOOK = "look who may write";
const STICKY = 0o1000;

interface Account {
  readonly uid: number;
  readonly gids: readonly number[];
}

/**
 * The first path that the app could write, from `/` down to the keys; undefined when none, and when the app has our
 * own rights anyway (a root app, or rootless), where there is nothing to tell.
 */
export function describeExposure(
  host: Host,
  volumePath: string,
  store: { readonly volume: Dir; readonly dir: Dir },
  app: Account,
): string | undefined {
  if (app.uid === host.self.uid) return undefined;
  try {
    const chain: { path: string; facts: Facts }[] = [];
    const parts = volumePath.split("/").filter((part) => part !== "");
    for (let depth = 0; depth < parts.length; depth += 1) {
      const dir = openOperatorDir(host, LOOK, `/${parts.slice(0, depth).join("/")}`);
      chain.push({ path: dir.path, facts: dir.facts(LOOK) });
      dir.close();
    }
    chain.push({ path: volumePath, facts: store.volume.facts(LOOK) });
    chain.push({ path: `${volumePath}/.ssh`, facts: store.dir.facts(LOOK) });
    for (const type of HOST_KEY_TYPES) {
      const facts = store.dir.stat(LOOK, keyFileName(type));
      if (facts !== undefined) chain.push({ path: `${volumePath}/.ssh/${keyFileName(type)}`, facts });
    }
    return chain.find(({ facts }, at) => canTakeOver(app, facts, chain[at + 1]?.facts))?.path;
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
}

/** Owners may chmod; a sticky directory guards the directories of others in it (inode(7)); else the class's bits decide. */
function canTakeOver(app: Account, facts: Facts, below: Facts | undefined): boolean {
  if (facts.uid === app.uid) return true;
  const bits = app.gids.includes(facts.gid) ? facts.mode >> 3 : facts.mode;
  if ((bits & 0o2) === 0) return false;
  if (facts.kind !== "directory" || (bits & 0o1) === 0) return facts.kind !== "directory";
  return (facts.mode & STICKY) === 0 || below?.kind !== "directory" || below.uid === app.uid;
}
