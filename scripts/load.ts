/**
 * `npm run bench:load [-- --quick] [--only TRIAL]... [--docs]`: what becomes of sshd, the app and the supervisor under load and on hard days.
 * Prints a table, writes dist/load.json (`--docs`: and docs/load.md). Trials that are left out stay there as they were.
 * Ends with 1 when a bar is missed.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureDebianBase } from "./base-images.ts";
import { replaceTable } from "./bench-report.ts";
import { build } from "./build.ts";
import { ensureEngine } from "./docker-engine.ts";
import { buildLoadImage } from "./load-container.ts";
import {
  type Found,
  QUICK,
  tryFullDisk,
  tryLoad,
  tryReplaced,
  tryStalledLog,
  tryStorm,
  trySuspend,
  WHOLE,
} from "./load-trials.ts";
import { DIST_DIR, ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { nativeTarget } from "./targets.ts";

const { quick, docs, only } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
  },
}).values;
const size = quick ? QUICK : WHOLE;

const TRIALS: Readonly<Record<string, () => Promise<Found[]>>> = {
  load: () => tryLoad(size),
  storm: () => tryStorm(size),
  "stalled-log": () => tryStalledLog(size),
  "full-disk": tryFullDisk,
  suspend: () => trySuspend(size),
  replaced: tryReplaced,
};
const RESULTS = join(DIST_DIR, "load.json");
interface Results {
  readonly machine: string;
  readonly trials: Readonly<Record<string, readonly Found[]>>;
}

const names = only ?? Object.keys(TRIALS);
const before =
  only !== undefined && existsSync(RESULTS) ? (JSON.parse(await readFile(RESULTS, "utf8")) as Results).trials : {};

const engine = await progress("docker engine", ensureEngine);
try {
  await build([nativeTarget("glibc")]);
  const base = await progress("base image", ensureDebianBase);
  await progress("image", () => buildLoadImage(base));
  const machine = `${availableParallelism()} cores, Linux ${release()}, load average ${(loadavg()[0] ?? 0).toFixed(1)} at the start.`;
  const trials: Record<string, readonly Found[]> = { ...before };
  for (const name of names) {
    const attempt = TRIALS[name];
    if (attempt === undefined) throw new Error(`there is no trial ${name} — hint: ${Object.keys(TRIALS).join(", ")}`);
    trials[name] = await progress(name, attempt);
    await writeFile(RESULTS, `${JSON.stringify({ machine, trials }, undefined, 2)}\n`);
  }
  const found = Object.keys(TRIALS).flatMap((name) => trials[name] ?? []);
  const rows = found.map(
    ({ what, saw, bar, holds }) => `| ${what} | ${saw} | ${bar} | ${holds ? "holds" : "**missed**"} |`,
  );
  const table = [machine, "", "| what | found | bar | |", "|---|---|---|---|", ...rows, ""].join("\n");
  console.log(`\n${table}`);
  if (docs) {
    const path = join(ROOT, "docs/load.md");
    await writeFile(path, replaceTable(await readFile(path, "utf8"), table));
  }
  if (found.some(({ holds }) => !holds)) process.exitCode = 1;
} finally {
  await engine.stop();
}
