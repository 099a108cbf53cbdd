/**
 * Runs once before the integration tests: an engine, the executables, the images; says what it does and how long it
 * takes. Afterwards nothing of the run is left, and what could not be tried here is named in the last lines.
 */
import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { ensureDebianBase, ensureMuslBase, haveOrPull } from "../../scripts/base-images.ts";
import { build } from "../../scripts/build.ts";
import { ensureEngine } from "../../scripts/docker-engine.ts";
import { progress } from "../../scripts/progress.ts";
import { $ } from "../../scripts/shell.ts";
import type { Base } from "./test-images.ts";
import { buildTestImage, listImages, removeImage } from "./test-images.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Tag of the image for each base that can be tried here. */
    images: Partial<Record<Base, string>>;
    /** Value of the label `withssh.test` on all that the run makes. */
    runId: string;
    /** True where testcontainers' own cleaner is at hand; else our teardown alone cleans. */
    hasRyuk: boolean;
  }
}

const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/** What both projects of such tests share, of which each is set up by a copy of this module, in one process. */
interface Run {
  readonly provided: Pick<ProvidedContext, "images" | "runId" | "hasRyuk">;
  readonly tearDown: () => Promise<void>;
}
const shared = globalThis as { withsshRun?: { readonly run: Promise<Run>; users: number } };

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  shared.withsshRun ??= { run: prepare(), users: 0 };
  const use = shared.withsshRun;
  use.users += 1;
  const { provided, tearDown } = await use.run;
  project.provide("images", provided.images);
  project.provide("runId", provided.runId);
  project.provide("hasRyuk", provided.hasRyuk);
  return async () => {
    use.users -= 1;
    if (use.users === 0) await tearDown();
  };
}

async function prepare(): Promise<Run> {
  const runId = `${process.pid}-${Date.now().toString(36)}`;
  const engine = await progress("docker engine", ensureEngine);
  await build();
  const found: Record<Base, string | undefined> = {
    debian: await progress("debian base", ensureDebianBase),
    musl: await progress("musl base", ensureMuslBase),
  };
  const images: Partial<Record<Base, string>> = {};
  for (const base of Object.keys(found) as Base[]) {
    const from = found[base];
    if (from !== undefined)
      images[base] = await progress(`test image on ${from}`, () => buildTestImage(base, from, runId));
  }
  const hasRyuk = await progress("cleaner image", () => haveOrPull(RYUK_IMAGE));
  const tearDown = async () => {
    await removeRun(runId);
    for (const image of await listImages(runId)) await removeImage(image);
    await engine.stop();
    if (images.musl === undefined) {
      console.error("could not run: the tests on musl — saw neither alpine:3.22 nor an archive");
      console.error("hint: set WITHSSH_TEST_MUSL_ARCHIVE to a root file system (tar.zst)");
    }
  };
  return { provided: { images, runId, hasRyuk }, tearDown };
}

/** Removes what tests left behind, whatever became of them. */
async function removeRun(runId: string): Promise<void> {
  const filter = ["--filter", `label=withssh.test=${runId}`];
  const calm = $({ nothrow: true });
  const containers = (await calm`docker ps --all --quiet ${filter}`).stdout.trim().split("\n").filter(Boolean);
  if (containers.length > 0) await calm`docker rm --force --volumes ${containers}`;
  const volumes = (await calm`docker volume ls --quiet ${filter}`).stdout.trim().split("\n").filter(Boolean);
  if (volumes.length > 0) await calm`docker volume rm --force ${volumes}`;
  const networks = (await calm`docker network ls --quiet ${filter}`).stdout.trim().split("\n").filter(Boolean);
  if (networks.length > 0) await calm`docker network rm ${networks}`;
}
