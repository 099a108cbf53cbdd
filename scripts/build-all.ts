/**
 * `npm run build:all`: every executable, twice, byte for byte the same; SHA256SUMS over all that is released, the list
 * of what is inside (CycloneDX), the licences. Never writes sums over files that the second build did not repeat.
 */
import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import lockfile from "../package-lock.json" with { type: "json" };
import { build } from "./build.ts";
import { bundledPackages, runtimePackages } from "./bundled.ts";
import { assertElf } from "./elf.ts";
import { renderLicences } from "./licences.ts";
import { DIST_DIR, ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { readNpmSbom, renderSbom } from "./sbom.ts";
import { ALL_TARGETS, executablePath, TARGETS } from "./targets.ts";

const HEAD_BYTES = 4096;
const SBOM = "withssh.cdx.json";
const LICENCES = "THIRD-PARTY-LICENSES.txt";

const { inputs } = await build(ALL_TARGETS);
await progress("each file is of its processor and C library", assertTargets);
await progress("build again and compare", compareWithSecondBuild);

const lockText = await readFile(join(ROOT, "package-lock.json"), "utf8");
const bundled = bundledPackages(inputs, lockText);
const runtimes = runtimePackages([...new Set(ALL_TARGETS.map((target) => TARGETS[target].runtime))], lockText);
await progress(`what is inside: ${SBOM}`, async () => {
  await write(SBOM, renderSbom(await readNpmSbom(), "withssh", [...bundled, ...runtimes]));
  return `${bundled.length} packages and ${runtimes.length} runtimes`;
});
const runtimeVersion = lockfile.packages["node_modules/bun"].version;
await progress(
  `licences: ${LICENCES}`,
  async () => await write(LICENCES, await renderLicences(bundled, runtimeVersion)),
);
await progress("SHA256SUMS", async () => {
  const names = [...ALL_TARGETS.map((target) => TARGETS[target].file), SBOM, LICENCES];
  const lines = await Promise.all(names.map(async (name) => `${await sha256(join(DIST_DIR, name))}  ${name}\n`));
  await write("SHA256SUMS", lines.join(""));
});

async function assertTargets(): Promise<void> {
  for (const target of ALL_TARGETS) {
    const file = await open(executablePath(target));
    try {
      const { buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      assertElf(buffer, TARGETS[target]);
    } finally {
      await file.close();
    }
  }
}

/** In a directory of another name: what depends on where it was built would differ. */
async function compareWithSecondBuild(): Promise<void> {
  const again = await mkdtemp(join(DIST_DIR, ".again-"));
  try {
    await build(ALL_TARGETS, again);
    for (const target of ALL_TARGETS) {
      const [first, second] = [await sha256(executablePath(target)), await sha256(executablePath(target, again))];
      if (first !== second) {
        const what = `${TARGETS[target].file} is not the same when built again — saw ${first} and ${second}`;
        throw new Error(`${what} — hint: leave src/ alone while this runs`);
      }
    }
  } finally {
    await rm(again, { recursive: true, force: true });
  }
}

async function sha256(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** Whole or not at all. */
async function write(name: string, text: string): Promise<void> {
  const path = join(DIST_DIR, name);
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}
