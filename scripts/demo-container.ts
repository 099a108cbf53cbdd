/**
 * The demo's container, volume, image and key: their names, how they come and how they go. The key is fresh each time
 * and lives in the user's cache, in a directory that only that user can enter.
 */
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { ReadyLine } from "./container-log.ts";
import { waitForReady, waitForSlowKey } from "./container-log.ts";
import { CACHE_DIR, ROOT } from "./places.ts";
import { $ } from "./shell.ts";
import type { SshTarget } from "./ssh-client.ts";
import { makeKeyPair } from "./ssh-client.ts";

/** Name of the container, of its volume and of its image. */
export const DEMO = "withssh-demo";
const DEMO_DIR = join(CACHE_DIR, "demo");
const READY_TIMEOUT_MS = 20_000;

/** Builds Dockerfile.debian on `base`. The network is the machine's own: a bridge may not reach Debian's packages. */
export async function buildDemoImage(base: string): Promise<void> {
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
}

/** A demo that runs: where to log in, what to show there, and the command that shows its log. */
export interface Demo {
  readonly target: SshTarget;
  readonly ready: ReadyLine;
  readonly shown: string;
  readonly showLog: string;
}

const SHOWN = 'echo "pid 1 is: $(tr "\\0" " " </proc/1/cmdline)"';

/** Starts the container with a fresh key, on a free port of 127.0.0.1; waits until it says that SSH is ready. */
export async function startDemo(): Promise<Demo> {
  await mkdir(DEMO_DIR, { recursive: true });
  await chmod(DEMO_DIR, 0o700);
  const key = join(DEMO_DIR, "id_ed25519");
  await makeKeyPair(key, "ed25519");
  const port = await freePort();
  const settings = {
    AUTHORIZED_KEYS: (await readFile(`${key}.pub`, "utf8")).trim(),
    WITHSSH_PUBLIC_ADDRESS: `127.0.0.1:${port}`,
  };
  const env = Object.entries(settings).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const args = ["--name", DEMO, "--publish", `127.0.0.1:${port}:2222`, "--volume", `${DEMO}:/volume`, ...env];
  // Not to be interrupted: the engine would go on alone, and make a container that nobody removes.
  await $({ signal: new AbortController().signal, detached: true })`docker run --detach ${args} ${DEMO}`;
  const ready = await waitForReady(DEMO, { deadlineMs: READY_TIMEOUT_MS });
  await waitForSlowKey(DEMO, ready);
  const knownHosts = join(DEMO_DIR, "known_hosts");
  await writeFile(knownHosts, `${ready.known_hosts.trim()}\n`);
  const target = { host: "127.0.0.1", port, user: ready.users[0] ?? "root", key, knownHosts };
  return { target, ready, shown: SHOWN, showLog: `docker logs --follow ${DEMO}` };
}

/** Removes the demo's container, volume and key, whatever of them is there. Not to be interrupted either. */
export async function removeDemo(): Promise<void> {
  const calm = $({ nothrow: true, signal: new AbortController().signal, detached: true });
  await calm`docker rm --force ${DEMO}`;
  await calm`docker volume rm --force ${DEMO}`;
  await rm(DEMO_DIR, { recursive: true, force: true });
}

/** A port of 127.0.0.1 that nobody has right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("127.0.0.1 gave no port");
  return address.port;
}
