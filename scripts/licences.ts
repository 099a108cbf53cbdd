/**
 * dist/THIRD-PARTY-LICENSES.txt: the licence texts of all that is inside the executables, the runtime's own page of what
 * it links, and the texts which that page only names. A package without a licence text stops the build.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BundledPackage } from "./bundled.ts";
import { ROOT } from "./places.ts";

/** Of the runtime's version: bun-types is pinned to it, and its packages bring no text of their own. */
const RUNTIME_PAGE = "node_modules/bun-types/docs/project/license.mdx";
const TEXTS = ["LGPL-2", "LGPL-2.1", "Apache-2.0"];

const PREFACE = `withssh itself is under the MIT licence (LICENSE). Its executables contain what is listed here.
The runtime links parts under the LGPL: withssh's whole source and its build (npm run build:all) are public, so that the
executables can be made again with a changed runtime (scripts/build.ts, --compile-executable-path).`;

/** @param runtimeVersion the version of bun whose page is in node_modules. */
export async function renderLicences(bundled: readonly BundledPackage[], runtimeVersion: string): Promise<string> {
  const sections = [PREFACE];
  for (const { name, version, dir } of bundled) {
    sections.push(`${name} ${version}\n\n${await readLicence(join(ROOT, dir))}`);
  }
  sections.push(`bun ${runtimeVersion}\n\n${await readFile(join(ROOT, RUNTIME_PAGE), "utf8")}`);
  for (const text of TEXTS) sections.push(await readFile(join(ROOT, `third-party/${text}.txt`), "utf8"));
  return `${sections.map((section) => section.trim()).join(`\n\n${"=".repeat(120)}\n\n`)}\n`;
}

async function readLicence(dir: string): Promise<string> {
  const file = (await readdir(dir)).find((name) => /^(licen[sc]e|copying)/i.test(name));
  if (file === undefined) throw new Error(`${dir} has no licence text: it cannot be shipped`);
  return await readFile(join(dir, file), "utf8");
}
