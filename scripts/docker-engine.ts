/**
 * Finds a Docker engine, or starts one where that is possible and nobody else has: root, and dockerd installed.
 * Never touches an engine that answers, and never starts one where DOCKER_HOST names another.
 */
import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CACHE_DIR, ROOT } from "./places.ts";
import { $ } from "./shell.ts";

const START_TIMEOUT_MS = 30_000;
const ASK_TIMEOUT = "10s";

export interface Engine {
  readonly version: string;
  /** True when we started it: whoever asked for it decides about its end. */
  readonly isOurs: boolean;
  /** Ends an engine that we started; leaves any other alone. */
  stop(): Promise<void>;
}

/** No engine answers and none can be started here; the message says what to install. */
export class NoEngineError extends Error {}

/** @throws NoEngineError when no engine is to be had. */
export async function ensureEngine(): Promise<Engine> {
  if (Bun.which("docker") === null) {
    throw new NoEngineError(
      "no docker here — saw no docker in PATH — hint: install it; as root on debian: apt-get install docker.io",
    );
  }
  const { version, said } = await askVersion();
  if (version !== undefined) return { version, isOurs: false, stop: async () => {} };
  const dockerd = ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"].find((path) => existsSync(path));
  if (process.env["DOCKER_HOST"] !== undefined) {
    throw new NoEngineError(`no docker engine answers at DOCKER_HOST — saw ${said} — hint: start it, or unset that`);
  }
  if (/permission denied/i.test(said)) {
    const hint = 'hint: sudo usermod -aG docker "$USER", then log in anew';
    throw new NoEngineError(`this user may not talk to the docker engine — saw ${said} — ${hint}`);
  }
  if (dockerd === undefined || process.getuid?.() !== 0) {
    const packages = (await readFile(join(ROOT, ".ci/debian-packages"), "utf8")).trim().split("\n");
    const hint = `start docker, or, as root on debian: apt-get install ${packages.join(" ")}`;
    throw new NoEngineError(`no docker engine answers, and none can be started here — saw ${said} — hint: ${hint}`);
  }
  return await startEngine(dockerd);
}

/** The engine's version where one answers; what docker said in any case. */
async function askVersion(): Promise<{ readonly version?: string; readonly said: string }> {
  const asked = await $({ nothrow: true, timeout: ASK_TIMEOUT })`docker version --format ${"{{.Server.Version}}"}`;
  if (asked.exitCode === 0) return { version: asked.stdout.trim(), said: "" };
  return { said: asked.stderr.trim().split("\n").at(-1) || `no answer within ${ASK_TIMEOUT}` };
}

/** In a process group and session of its own, so that Ctrl-C in our terminal does not reach it. */
async function startEngine(dockerd: string): Promise<Engine> {
  await mkdir(CACHE_DIR, { recursive: true });
  const logPath = join(CACHE_DIR, "dockerd.log");
  const log = openSync(logPath, "w", 0o600);
  const child = spawn(dockerd, [], { detached: true, stdio: ["ignore", log, log] });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  child.unref();
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const { version } = await askVersion();
    if (version !== undefined) {
      const stop = async () => {
        child.kill("SIGTERM");
        await ended;
      };
      return { version, isOurs: true, stop };
    }
    const isGone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    if (isGone || Date.now() > deadline) {
      child.kill("SIGTERM");
      const lines = (await readFile(logPath, "utf8")).trim().split("\n").slice(-5).join("\n");
      throw new NoEngineError(
        `dockerd did not come up — saw, in ${logPath}:\n${lines}\nhint: start docker yourself: dockerd`,
      );
    }
    await delay(100); // the engine tells nobody when it is ready; only asking helps
  }
}
