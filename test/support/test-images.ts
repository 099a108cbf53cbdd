/**
 * Builds the images that integration tests boot: each base, an sshd, and the executable as ENTRYPOINT. Each run has its
 * own tag, so that runs side by side never see each other's half-changed build; what no run needs any more is removed.
 */
import { ROOT } from "../../scripts/places.ts";
import { $ } from "../../scripts/shell.ts";

/** Distributions that behaviour is tried on, once each. */
export type Base = "debian" | "musl";

/** The Dockerfiles that we show people: an unprivileged user, the scoped sudo rule, forwarding on. */
export const SHOWN_DOCKERFILES = { debian: "Dockerfile.debian", musl: "Dockerfile.alpine" } as const;
const DOCKERFILES = { debian: "test/support/Dockerfile.debian", musl: "test/support/Dockerfile.alpine" } as const;

/**
 * @param name what the image is called, where it is not the base of most tests
 * @returns the tag of the image for this run. The newest build also keeps a tag of its own, as a cache for the next run.
 */
export async function buildTestImage(
  base: Base,
  baseImage: string,
  runId: string,
  name: string = base,
  dockerfile: string = DOCKERFILES[base],
): Promise<string> {
  const newest = `withssh-test:${name}`;
  const tag = `${newest}-${runId}`;
  const before = await imageId(newest);
  const buildArgs = ["--build-arg", `BASE=${baseImage}`, "--build-arg", `ARCH=${process.arch}`];
  const args = ["--tag", tag, "--tag", newest, ...buildArgs, "--file", dockerfile];
  await $({ cwd: ROOT })`docker build --quiet --network=host ${args} .`;
  // By its id docker also removes an image's last tag: that of another run, which may still need it.
  if (before !== undefined && (await countTags(before)) === 0) await removeImage(before);
  return tag;
}

/** Tags that this run has made. */
export async function listImages(runId: string): Promise<string[]> {
  const reference = `reference=withssh-test:*-${runId}`;
  const { stdout } = await $({
    nothrow: true,
  })`docker image ls --filter ${reference} --format ${"{{.Repository}}:{{.Tag}}"}`;
  return stdout.trim().split("\n").filter(Boolean);
}

/** Removes a tag, and the image where that was its last; refused, quietly, while something uses it. */
export async function removeImage(image: string): Promise<void> {
  await $({ nothrow: true })`docker rmi ${image}`;
}

async function countTags(image: string): Promise<number> {
  const asked = await $({ nothrow: true })`docker image inspect --format ${"{{len .RepoTags}}"} ${image}`;
  return Number(asked.stdout.trim());
}

async function imageId(image: string): Promise<string | undefined> {
  const asked = await $({ nothrow: true })`docker image inspect --format ${"{{.Id}}"} ${image}`;
  return asked.exitCode === 0 ? asked.stdout.trim() : undefined;
}
