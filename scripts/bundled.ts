/**
 * Which npm packages are inside our executables: by what the bundler put there, never by what package.json asks for.
 * Pure: versions come from the lockfile's text.
 */

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Its directory in the repository: `node_modules/pino`. */
  readonly dir: string;
}

/** What we read of package-lock.json (npm's package-lock.json(5), lockfileVersion 3). */
interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string } | undefined>>;
}

/**
 * @param inputs paths of bundled files, relative to the repository
 * @param lockfile text of package-lock.json
 * @throws Error when a bundled file belongs to no package of the lockfile
 */
export function bundledPackages(inputs: readonly string[], lockfile: string): BundledPackage[] {
  const { packages } = JSON.parse(lockfile) as Lockfile;
  const dirs = new Set(inputs.filter((path) => path.includes("node_modules/")).map(packageDir));
  return [...dirs].toSorted().map((dir) => ({ dir, name: packageName(dir), version: lockedVersion(packages, dir) }));
}

/** The runtimes' packages are not bundled but are inside all the same. */
export function runtimePackages(names: readonly string[], lockfile: string): BundledPackage[] {
  const { packages } = JSON.parse(lockfile) as Lockfile;
  return names.map((name) => {
    const dir = `node_modules/${name}`;
    return { dir, name, version: lockedVersion(packages, dir) };
  });
}

/** `node_modules/a/node_modules/@b/c/lib/x.js` is of the package in `node_modules/a/node_modules/@b/c`. */
function packageDir(path: string): string {
  const [dir] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
  if (dir === undefined) throw new Error(`${path} is of no package`);
  return dir;
}

function packageName(dir: string): string {
  return dir.slice(dir.lastIndexOf("node_modules/") + "node_modules/".length);
}

function lockedVersion(packages: Lockfile["packages"], dir: string): string {
  const version = packages[dir]?.version;
  if (version === undefined) throw new Error(`package-lock.json has no ${dir} — hint: npm ci`);
  return version;
}
