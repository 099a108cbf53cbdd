/**
 * `npm run build [-- --only x64]`: src/ becomes one bundle, the bundle becomes dist/withssh-linux-*.
 * An executable appears under its name complete or not at all, so a build may run while an older one is in use.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { unpackRuntime } from "./foreign-runtime.ts";
import { DIST_DIR, ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";

/** What we ship, and the npm package of the runtime inside. */
const TARGETS = {
  x64: { file: "withssh-linux-x64", runtime: "@oven/bun-linux-x64" },
  "x64-musl": { file: "withssh-linux-x64-musl", runtime: "@oven/bun-linux-x64-musl" },
} as const;

export type Target = keyof typeof TARGETS;
export const ALL_TARGETS = Object.keys(TARGETS) as Target[];

/**
 * The launcher lives for milliseconds: code compiled for it, and the threads that compile, cost more than they give
 * (`npm run bench`). The supervisor goes back to the normal policy once SSH is ready (supervise.ts).
 */
const JIT_POLICY = "--compile-jit-policy=1000";

/** Files in the app's working directory must not steer the executable (SECURITY.md); the runtime's defaults let some. */
const NO_AUTOLOAD = ["dotenv", "bunfig", "tsconfig", "package-json"].map((what) => `--no-compile-autoload-${what}`);

/** Path of the executable for `target`, built or not. */
export function executablePath(target: Target): string {
  return join(DIST_DIR, TARGETS[target].file);
}

/** Bundles src/ once and compiles it for each target. Throws with the tools' own output when one fails. */
export async function build(targets: readonly Target[] = ALL_TARGETS): Promise<void> {
  await mkdir(DIST_DIR, { recursive: true });
  const scratch = await mkdtemp(join(DIST_DIR, ".build-"));
  try {
    await progress("bundle", async () => void (await $({ cwd: ROOT, preferLocal: ROOT })`tsup --out-dir ${scratch}`));
    for (const target of targets) await progress(`compile ${TARGETS[target].file}`, () => compile(target, scratch));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compile(target: Target, scratch: string): Promise<string> {
  const { file, runtime } = TARGETS[target];
  const foreign = isOwnRuntime(target) ? [] : [`--compile-executable-path=${await unpackRuntime(runtime, scratch)}`];
  await $({
    cwd: scratch,
    preferLocal: ROOT,
  })`bun build --compile --bytecode --minify --sourcemap=none ${JIT_POLICY} ${NO_AUTOLOAD} ${foreign} \
    --outfile ./${file} ./withssh.cjs`;
  await rename(join(scratch, file), executablePath(target));
  return `${((await stat(executablePath(target))).size / 1e6).toFixed(0)} MB`;
}

/** True when the installed runtime is the target's: npm ci has already proved that one. */
function isOwnRuntime(target: Target): boolean {
  const libc = existsSync("/lib/ld-musl-x86_64.so.1") ? "-musl" : "";
  return process.platform === "linux" && `${process.arch}${libc}` === target;
}

if (import.meta.main) {
  const { only } = parseArgs({ options: { only: { type: "string", multiple: true } } }).values;
  const unknown = only?.find((name) => !Object.hasOwn(TARGETS, name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: not one of ${ALL_TARGETS.join(", ")}`);
  await build(only as Target[] | undefined);
}
