/**
 * Makes the base images that images of ours are built on: the real ones where they are here or can be pulled, else
 * stand-ins made on this machine, under names of ours. Never gives a name to an image that belongs to somebody else.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CACHE_DIR, ROOT } from "./places.ts";
import { $ } from "./shell.ts";

/** A registry that is there has answered by then; the layers may take their time after that. */
const REGISTRY_TIMEOUT_MS = 8_000;
const PULL_TIMEOUT_MS = 300_000;

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const IMPORT_CHANGES = ["-c", 'CMD ["/bin/sh"]', "-c", `ENV ${PATH}`];

/** Releases of Debian that we are tried on. */
export type DebianSuite = "bullseye" | "bookworm" | "trixie";

/** @returns the name of an image of this release: Debian's own, else one made by debootstrap. */
export async function ensureDebianBase(suite: DebianSuite = "bookworm"): Promise<string> {
  const standIn = `withssh-base:${suite}`;
  const real = `debian:${suite}-slim`;
  // A stand-in of an earlier run is quicker than asking a registry again that was not there then.
  if (await isPresent(real)) return real;
  if (await isPresent(standIn)) return standIn;
  if (await pull(real)) return real;
  const archive = join(CACHE_DIR, `debian-${suite}.tar`);
  if (!existsSync(archive)) await bootstrapDebian(suite, archive);
  await $`docker import ${IMPORT_CHANGES} ${archive} ${standIn}`;
  return standIn;
}

/** @returns the name of a musl image: Alpine's own, else the archive of a stand-in; undefined when there is neither. */
export async function ensureMuslBase(): Promise<string | undefined> {
  const standIn = "musl-standin:bare";
  if (await haveOrPull("alpine:3.22")) return "alpine:3.22";
  if (await isPresent(standIn)) return standIn;
  const shared = join(ROOT, "../shared/images/musl-standin-bare.tar.zst");
  const archive = process.env["WITHSSH_TEST_MUSL_ARCHIVE"] ?? shared;
  if (!existsSync(archive)) return undefined;
  await $`zstd -dc ${archive} | docker import ${IMPORT_CHANGES} - ${standIn}`;
  return standIn;
}

/** True when an image of this name is on this machine. */
async function isPresent(image: string): Promise<boolean> {
  return (await $({ nothrow: true })`docker image inspect ${image}`).exitCode === 0;
}

/** True when the image is here, or was pulled just now. */
export async function haveOrPull(image: string): Promise<boolean> {
  return (await isPresent(image)) || (await pull(image));
}

/** Gives up early where no registry answers: the first line of output comes with its answer. */
async function pull(image: string): Promise<boolean> {
  const pulling = $({ nothrow: true, timeout: PULL_TIMEOUT_MS })`docker pull ${image}`;
  const giveUp = setTimeout(() => pulling.kill(), REGISTRY_TIMEOUT_MS);
  pulling.stdout.once("data", () => clearTimeout(giveUp));
  const { exitCode } = await pulling;
  clearTimeout(giveUp);
  return exitCode === 0;
}

async function bootstrapDebian(suite: DebianSuite, archive: string): Promise<void> {
  await mkdir(CACHE_DIR, { recursive: true });
  const dir = await mkdtemp(join(tmpdir(), `withssh-${suite}-`));
  try {
    await $`debootstrap --variant=minbase ${suite} ${dir}`;
    await $`tar -C ${dir} --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* -cf ${archive}.part .`;
    await rename(`${archive}.part`, archive);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
