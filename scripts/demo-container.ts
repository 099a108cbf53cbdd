/**
 * The demo's container, volume, image and key: their names, how they come and how they go. The key is fresh each time
 * and lives in the user's cache, in a directory that only that user can enter. Never removes a container of somebody else.
 */
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { waitForReady, waitForSlowKey } from "./container-log.ts";
import type { Demo } from "./demo-login.ts";
import { choosePort, writeClientFiles } from "./demo-login.ts";
import { CACHE_DIR, ROOT } from "./places.ts";
import { $ } from "./shell.ts";
import { makeKeyPair } from "./ssh-client.ts";

/** Name of the container, of its volume and of its image. */
export const DEMO = "withssh-demo";
const LABEL = "withssh.demo";
const DEMO_DIR = join(CACHE_DIR, "demo");
const READY_TIMEOUT_MS = 20_000;

/** Builds Dockerfile.debian on `base`. The network is the machine's own: a bridge may not reach Debian's packages. */
export async function buildDemoImage(base: string): Promise<string> {
  const args = [
    "--network=host",
    "--build-arg",
    `BASE=${base}`,
    "--build-arg",
    `ARCH=${process.arch}`,
    "--tag",
    DEMO,
    "--file",
    "Dockerfile.debian",
  ];
  await $({ cwd: ROOT })`docker build --quiet ${args} .`;
  return `${DEMO}, on ${base}`;
}

/** Starts the container with a fresh key, on a port of 127.0.0.1; waits until it says that SSH is ready. */
export async function startDemo(): Promise<Demo> {
  await mkdir(DEMO_DIR, { recursive: true });
  await chmod(DEMO_DIR, 0o700);
  const key = join(DEMO_DIR, "id_ed25519");
  await makeKeyPair(key, "ed25519");
  const port = await choosePort();
  const settings = {
    AUTHORIZED_KEYS: (await readFile(`${key}.pub`, "utf8")).trim(),
    WITHSSH_PUBLIC_ADDRESS: `127.0.0.1:${port}`,
  };
  const env = Object.entries(settings).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const names = ["--name", DEMO, "--label", LABEL];
  const args = [...names, "--publish", `127.0.0.1:${port}:2222`, "--volume", `${DEMO}:/volume`, ...env];
  // Not to be interrupted: the engine would go on alone, and make a container that nobody removes.
  await $({ signal: new AbortController().signal, detached: true })`docker run --detach ${args} ${DEMO}`;
  const ready = await waitForReady(DEMO, { deadlineMs: READY_TIMEOUT_MS });
  await waitForSlowKey(DEMO, ready);
  const client = await writeClientFiles(DEMO_DIR, {
    host: "127.0.0.1",
    port,
    user: ready.users[0] ?? "root",
    key,
    ready,
  });
  return {
    ...client,
    ready,
    found: `cat /proc/1/cmdline`,
    app: "the app, as PID 1",
    made: [`image, container and volume: ${DEMO}`, `key and known_hosts: ${DEMO_DIR}`],
    status: `docker exec ${DEMO} withssh --status`,
    log: `docker logs --follow ${DEMO}`,
  };
}

/**
 * Removes the demo's container, volume and key, whatever of them is there. Not to be interrupted either.
 * @returns true when a demo was there
 * @throws Error when a container of this name is not the demo's
 */
export async function removeDemo(): Promise<boolean> {
  const calm = $({ nothrow: true, signal: new AbortController().signal, detached: true });
  const asked = await calm`docker container inspect --format ${"{{json .Config}}"} ${DEMO}`;
  const config =
    asked.exitCode === 0 ? (JSON.parse(asked.stdout) as { Image: string; Labels: object | null }) : undefined;
  if (config !== undefined && config.Image !== DEMO && !(LABEL in (config.Labels ?? {}))) {
    throw new Error(
      `a container ${DEMO} is there that is not the demo — saw its image ${config.Image} — hint: docker rename ${DEMO} OTHER`,
    );
  }
  await calm`docker rm --force ${DEMO}`;
  await calm`docker volume rm --force ${DEMO}`;
  await rm(DEMO_DIR, { recursive: true, force: true });
  return config !== undefined;
}
