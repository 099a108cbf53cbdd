/**
 * Images for tests of people's client programs: a workstation, which is Debian with those programs, and a machine on each
 * base, made by the Dockerfile that we show, with what the clients want on the other side below it. Once a run.
 */
import { inject } from "vitest";
import { ensureDebianBase, ensureMuslBase } from "../../scripts/base-images.ts";
import { progress } from "../../scripts/progress.ts";
import { docker } from "./container.ts";
import { type Base, buildTestImage, SHOWN_DOCKERFILES } from "./test-images.ts";

export interface ClientImages {
  readonly workstation: string;
  readonly machines: Readonly<Partial<Record<Base, string>>>;
}

/** For a `beforeAll` that builds them: on a fresh machine packages come over the network. */
export const IMAGES_MS = 300_000;

/** What `npm cit` needs. */
const PROGRAMS = { name: "programs", dockerfile: "test/support/Dockerfile.programs" };

/** @param programs the image of the workstation, on Debian; it has all that machines on Debian need as well */
export async function buildClientImages(programs = PROGRAMS): Promise<ClientImages> {
  const { name, dockerfile } = programs;
  const workstation = await buildOnce("debian", await ensureDebianBase(), name, dockerfile);
  const machine = (base: Base, from: string) => buildOnce(base, from, `${name}-on-${base}`, SHOWN_DOCKERFILES[base]);
  const debian = await machine("debian", workstation);
  const musl = await ensureMuslBase();
  if (musl === undefined) return { workstation, machines: { debian } };
  const below = musl.startsWith("alpine:")
    ? await buildOnce("musl", musl, `${name}-alpine`, "test/support/Dockerfile.programs-alpine")
    : await buildOnce("musl", workstation, `${name}-standin`, "test/support/Dockerfile.programs-standin");
  return { workstation, machines: { debian, musl: await machine("musl", below) } };
}

/** The run's own tag of it: an earlier test file may have made it. The run's end removes it. */
async function buildOnce(base: Base, from: string, name: string, dockerfile: string): Promise<string> {
  const tag = `withssh-test:${name}-${inject("runId")}`;
  if ((await docker("image", "ls", "--quiet", tag)) !== "") return tag;
  return await progress(`image ${name}`, () => buildTestImage(base, from, inject("runId"), name, dockerfile));
}
