/**
 * `npm run build [-- --only x64]`: src/ becomes one bundle, the bundle becomes dist/withssh-linux-*, both C libraries of
 * this machine's processor unless said. An executable appears under its name complete or not at all, so a build may run
 * while an older one is in use.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loaderOf } from "./elf.ts";
import { unpackRuntime } from "./foreign-runtime.ts";
import { DIST_DIR, ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";
import { ALL_TARGETS, executablePath, NATIVE_TARGETS, TARGETS, type Target, type TargetFacts } from "./targets.ts";

/**
 * The launcher lives for milliseconds: code compiled for it, and the threads that compile, cost more than they give
 * (`npm run bench`). The supervisor has no long work: ten thousand keys are in force as soon, in less memory.
 */
export const JIT_POLICY = "--compile-jit-policy=1000";

/** Files in the app's working directory must not steer the executable (SECURITY.md); the runtime's defaults let some. */
const NO_AUTOLOAD = ["dotenv", "bunfig", "tsconfig", "package-json"].map((what) => `--no-compile-autoload-${what}`);

/** A chunk that is smaller (bytes) goes into another that is loaded with it: each file that is loaded costs every start. */
const LEAST_CHUNK = "--min-chunk-size=16384";

/** What went into a build, as the bundler tells it. */
export interface Built {
  /** Paths of bundled files, relative to the repository: `node_modules/pino/pino.js`. */
  readonly inputs: readonly string[];
}

/** Bundles src/ once and compiles it for each target, into `dir`. Throws with the tools' own output, and `hint`, when one fails. */
export async function build(
  targets: readonly Target[] = NATIVE_TARGETS,
  dir: string = DIST_DIR,
  hint?: string,
): Promise<Built> {
  await mkdir(dir, { recursive: true });
  const scratch = await mkdtemp(join(dir, ".build-"));
  try {
    const bundle = () => $({ cwd: ROOT, preferLocal: ROOT })`tsup --metafile --out-dir ${scratch}`;
    await progress("bundle", async () => void (await bundle()), hint);
    for (const target of targets) {
      const make = async () => {
        await compile(target, scratch, executablePath(target, dir));
        return `${((await stat(executablePath(target, dir))).size / 1e6).toFixed(0)} MB`;
      };
      await progress(`compile ${TARGETS[target].file}`, make, hint);
    }
    return { inputs: parseInputs(await readFile(join(scratch, "metafile-esm.json"), "utf8")) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compile(target: Target, scratch: string, path: string): Promise<void> {
  const { file, runtime } = TARGETS[target];
  const foreign = isOwnRuntime(target) ? [] : [`--compile-executable-path=${await unpackRuntime(runtime, scratch)}`];
  await $({
    cwd: scratch,
    preferLocal: ROOT,
  })`bun build --compile --bytecode --format=esm --splitting --minify --sourcemap=none ${LEAST_CHUNK} ${JIT_POLICY} ${NO_AUTOLOAD} ${foreign} \
    --outfile ./${file} ./withssh.mjs`;
  await rename(join(scratch, file), path);
}

/** Files that left bytes in the bundle, of esbuild's metafile. */
export function parseInputs(metafile: string): string[] {
  const { outputs } = JSON.parse(metafile) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
  };
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])).toSorted();
}

/** True when the installed runtime is the target's: npm ci has already proved that one. */
function isOwnRuntime(target: Target): boolean {
  const facts: TargetFacts = TARGETS[target];
  const own = existsSync(loaderOf({ ...facts, libc: "musl" })) ? "musl" : "glibc";
  return process.platform === "linux" && target.startsWith(process.arch) && facts.libc === own;
}

if (import.meta.main) {
  const { only } = parseArgs({ options: { only: { type: "string", multiple: true } } }).values;
  const unknown = only?.find((name) => !Object.hasOwn(TARGETS, name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: not one of ${ALL_TARGETS.join(", ")}`);
  await build(only as Target[] | undefined);
}
