/**
 * `npm run bench [-- --quick] [--docs]`: measures what it costs an app to be started by withssh, side by side with
 * nothing, tini, and the guide's bash script. Prints a table, writes dist/bench.json; `--docs` writes docs/bench.md and
 * README's few lines of it. Ends with 1 when a bar is missed.
 */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SUPERVISOR_ROLE } from "../src/roles.ts";
import { ensureDebianBase, ensureMuslBase } from "./base-images.ts";
import { BENCH_IMAGES, buildBenchImage, type RunJob, withBenchContainer } from "./bench-container.ts";
import type { Figure, Sample, Verdict } from "./bench-figures.ts";
import { dropWarmUps, summarize } from "./bench-figures.ts";
import type { Place, TimeJob, Watched } from "./bench-jobs.ts";
import {
  judgeMusl,
  judgeTimes,
  judgeWatched,
  MUSL_JOB,
  MUSL_ROUNDS,
  MUSL_TURNS,
  PLACES,
  renderTimeJob,
  renderWatchJob,
  timeJobs,
  WARM_UP_ROUNDS,
} from "./bench-jobs.ts";
import type { Results } from "./bench-report.ts";
import { renderResults, replaceTable } from "./bench-report.ts";
import { build } from "./build.ts";
import { ensureEngine } from "./docker-engine.ts";
import { replaceMarked } from "./marked.ts";
import { DIST_DIR, ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { executablePath, nativeTarget } from "./targets.ts";
import { renderTimings } from "./timings-table.ts";

/** Counted rounds. The contract asks for at least fifty; quick ones are for a look while at work. */
const ROUNDS = 100;
const FIRST_START_ROUNDS = 50;
const QUICK_ROUNDS = 15;

/** A public key whose private half nobody kept: nobody logs in here. */
const AUTHORIZED_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRdRgXQ4dekP4Tagy8+omP4lI4iVopBxPttYpfsIkT4 bench";

const { quick, docs, executable, docker } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
    executable: { type: "string" },
    docker: { type: "string", multiple: true, default: [] },
  },
}).values;

const engine = await progress("docker engine", ensureEngine);
try {
  await build([...(executable === undefined ? [nativeTarget("glibc")] : []), nativeTarget("musl")]);
  const base = await progress("base image", ensureDebianBase);
  await progress("bench image", () => buildBenchImage(base));
  const environment = { AUTHORIZED_KEYS: AUTHORIZED_KEY };
  const glibc = executable ?? executablePath(nativeTarget("glibc"));
  const results = await withBenchContainer(BENCH_IMAGES.glibc, glibc, environment, docker, async (runJob) => {
    const measured = await measure(runJob);
    const beside = await measureMusl(runJob, environment);
    return { ...measured, times: [...measured.times, ...beside.times], bars: [...measured.bars, ...beside.bars] };
  });
  await writeFile(join(DIST_DIR, "bench.json"), `${JSON.stringify(results, undefined, 2)}\n`);
  const table = renderResults(results);
  console.log(`\n${table}`);
  if (docs) {
    const path = join(ROOT, "docs/bench.md");
    const page = replaceTable(await readFile(path, "utf8"), table);
    await writeFile(path, page);
    const readme = join(ROOT, "README.md");
    await writeFile(readme, replaceMarked(await readFile(readme, "utf8"), "timings", renderTimings(page)));
  }
  if (results.bars.some(({ holds }) => !holds)) process.exitCode = 1;
} finally {
  await engine.stop();
}

async function measure(runJob: RunJob): Promise<Results> {
  const machine = { cores: availableParallelism(), kernel: release(), loadAverage: loadavg()[0] ?? 0 };
  const times: { title: string; figures: Record<string, Figure> }[] = [];
  const bars: Verdict[] = [];
  for (const place of Object.keys(PLACES) as Place[]) {
    for (const job of timeJobs(place)) {
      const samples = await progress(job.title, () => runTimeJob(runJob, job));
      const figures = job.variants.map((variant) => [variant, summarize(samples, variant)] as const);
      times.push({ title: job.title, figures: Object.fromEntries(figures) });
      bars.push(...judgeTimes(job, samples));
    }
    const [watched] = await progress(`supervisor's memory and idleness, ${PLACES[place]}`, () =>
      runJob(renderWatchJob(place, SUPERVISOR_ROLE)),
    );
    bars.push(...judgeWatched(place, watched as Watched));
  }
  return { machine, times, bars };
}

/** The same start on musl, in turns with glibc's container; nothing where no musl image is to be had. */
async function measureMusl(onGlibc: RunJob, environment: Readonly<Record<string, string>>) {
  const base = await progress("musl base image", ensureMuslBase);
  if (base === undefined) {
    console.log("not measured: musl — saw neither alpine:3.22 nor an archive");
    return { times: [], bars: [] };
  }
  await progress("musl bench image", () => buildBenchImage(base, "musl"));
  const executable = executablePath(nativeTarget("musl"));
  return await withBenchContainer(BENCH_IMAGES.musl, executable, environment, docker, async (onMusl) => {
    const samples: { glibc: Sample[]; musl: Sample[] } = { glibc: [], musl: [] };
    const job = renderTimeJob(MUSL_JOB, MUSL_ROUNDS);
    await progress(MUSL_JOB.title, async () => {
      for (let turn = 0; turn <= MUSL_TURNS; turn++) {
        const [glibc, musl] = [await onGlibc(job), await onMusl(job)] as [Sample[], Sample[]];
        if (turn > 0) samples.glibc.push(...glibc);
        if (turn > 0) samples.musl.push(...musl);
      }
    });
    const figures = { glibc: summarize(samples.glibc, "withssh"), musl: summarize(samples.musl, "withssh") };
    const watch = renderWatchJob("pid1", SUPERVISOR_ROLE);
    const [[glibc], [musl]] = (await progress("supervisor's memory on both", async () => [
      await onGlibc(watch),
      await onMusl(watch),
    ])) as [[Watched], [Watched]];
    const ms = { glibc: figures.glibc.medianMs, musl: figures.musl.medianMs };
    const kib = { glibc: glibc.anonymousKib, musl: musl.anonymousKib };
    return { times: [{ title: MUSL_JOB.title, figures }], bars: judgeMusl(ms, kib) };
  });
}

async function runTimeJob(runJob: RunJob, job: TimeJob): Promise<Sample[]> {
  const counted = quick ? QUICK_ROUNDS : job.keys === "none" ? FIRST_START_ROUNDS : ROUNDS;
  const samples = (await runJob(renderTimeJob(job, counted + WARM_UP_ROUNDS))) as Sample[];
  return dropWarmUps(samples, WARM_UP_ROUNDS);
}
