/**
 * `npm run size [-- --docs]`: what each executable in dist/ adds to an image, raw, and compressed as registries keep
 * layers (gzip -9, zstd -19). `--docs` writes the table into README.md. Measures what is there; builds nothing.
 */
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";
import { renderSizes, replaceSizes, type Size } from "./size-table.ts";
import { ALL_TARGETS, executablePath, TARGETS } from "./targets.ts";

const { docs } = parseArgs({ options: { docs: { type: "boolean", default: false } } }).values;

const present = ALL_TARGETS.filter((target) => existsSync(executablePath(target)));
if (present.length === 0) throw new Error("dist/ has no executable — hint: npm run build:all");
const sizes = await progress("compress each as registries do", () =>
  Promise.all(present.map((target) => measure(TARGETS[target].file, executablePath(target)))),
);
const table = renderSizes(sizes);
console.log(table);
if (docs) {
  if (present.length < ALL_TARGETS.length) throw new Error("README.md has all executables — hint: npm run build:all");
  const readme = join(ROOT, "README.md");
  await writeFile(readme, replaceSizes(await readFile(readme, "utf8"), table));
}

/** Alone, as a layer that COPY makes: a tar adds less than 2 KiB to it. */
async function measure(name: string, path: string): Promise<Size> {
  const count = async (program: string, level: string) =>
    Number((await $`${program} ${level} --stdout ${path} | wc -c`).stdout);
  return { name, raw: (await stat(path)).size, gzip: await count("gzip", "-9"), zstd: await count("zstd", "-19") };
}
