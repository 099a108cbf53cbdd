/**
 * Fetches a Bun runtime for another platform than this one, as its npm package, and proves it against the hash that
 * package-lock.json holds: at each use, not only when it is fetched. Never lets the compiler download one by itself.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_DIR, ROOT } from "./places.ts";
import { $ } from "./shell.ts";

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
}

/**
 * @param name npm package such as `@oven/bun-linux-x64-musl`
 * @param lockfile text of package-lock.json
 * @returns the version and sha512 that the lockfile pins
 * @throws Error when it pins none, or with a weaker hash
 */
export function lockedPackage(name: string, lockfile: string): LockedPackage {
  const { packages } = JSON.parse(lockfile) as { packages: Record<string, Partial<LockedPackage> | undefined> };
  const { version, integrity } = packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)) {
    throw new Error(`package-lock.json pins no sha512 for ${name} — hint: npm install --package-lock-only`);
  }
  return { version, integrity };
}

/** True when `bytes` have the hash that `integrity` (a lockfile's `sha512-<base64>`) names. */
export function isIntact(bytes: Uint8Array, integrity: string): boolean {
  const expected = Buffer.from(integrity.slice("sha512-".length), "base64");
  const actual = createHash("sha512").update(bytes).digest();
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

/**
 * Unpacks the runtime of `name` into `dir` and returns the path of its executable.
 * The packed form is kept in the user's cache; what does not match the lockfile is removed and not used.
 */
export async function unpackRuntime(name: string, dir: string): Promise<string> {
  const { version, integrity } = lockedPackage(name, await readFile(join(ROOT, "package-lock.json"), "utf8"));
  const tarball = join(CACHE_DIR, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  const cached = await readFile(tarball).catch(() => undefined);
  if (cached === undefined || !isIntact(cached, integrity))
    await fetchPackage(`${name}@${version}`, integrity, tarball);
  await $`tar -xzf ${tarball} -C ${dir} package/bin/bun`;
  return join(dir, "package/bin/bun");
}

async function fetchPackage(spec: string, integrity: string, tarball: string): Promise<void> {
  await mkdir(CACHE_DIR, { recursive: true });
  const dir = await mkdtemp(join(CACHE_DIR, "fetch-"));
  try {
    const [file] = (await $({ cwd: dir })`npm pack --silent ${spec}`).stdout.trim().split("\n");
    const packed = join(dir, file ?? "");
    if (!isIntact(await readFile(packed), integrity)) {
      throw new Error(`${spec} does not have the hash in package-lock.json: not used`);
    }
    await rename(packed, tarball);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
