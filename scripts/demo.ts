/**
 * `npm start [-- --once]`: builds the executable and an image with it, boots a container, logs in with the real ssh
 * client, and shows what ran. Leaves the container running (`--once`: nothing). Interrupted midway it removes all.
 * Without Docker the same happens on this host, without root's rights. Every failure ends with what to do.
 */
import { parseArgs } from "node:util";
import { ensureDebianBase } from "./base-images.ts";
import { build } from "./build.ts";
import { buildDemoImage, removeDemo, startDemo } from "./demo-container.ts";
import { canRunOnHost, removeHostDemo, startHostDemo } from "./demo-host.ts";
import { type Demo, logIn } from "./demo-login.ts";
import { renderDemo } from "./demo-report.ts";
import type { Engine } from "./docker-engine.ts";
import { ensureEngine, NoEngineError } from "./docker-engine.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";
import { nativeTarget } from "./targets.ts";

const HINTS = {
  build: "npm ci, which brings all that a build needs; df -h . for a full disk",
  base: "debian's base is pulled, or made by debootstrap: it takes a registry, or a mirror of debian's packages",
  image: "what docker says above; the build needs a mirror of debian's packages, and room: docker system df",
  run: "npm start once more, where another program took the port meanwhile; docker ps shows who has it",
} as const;

const { once } = parseArgs({ options: { once: { type: "boolean", default: false } } }).values;
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
$.signal = interrupted.signal;

let engine: Engine | undefined;
let isBegun = false;

/** Nothing that a demo left is there afterwards, in a container or on this host. */
async function removeAll(): Promise<string> {
  const inContainer = engine !== undefined && (await removeDemo());
  const onHost = await removeHostDemo();
  return inContainer || onHost ? "one ran, it is gone" : "there was none";
}

async function startInContainer(): Promise<Demo> {
  const base = await progress("base image", ensureDebianBase, HINTS.base);
  await progress("image from Dockerfile.debian", () => buildDemoImage(base), HINTS.image);
  return await progress("container, until ssh is ready", startDemo, HINTS.run);
}

/** The engine; undefined where there is none and this host itself will do. */
async function findEngine(): Promise<Engine | undefined> {
  try {
    return await ensureEngine();
  } catch (error) {
    if (!(error instanceof NoEngineError)) throw error;
    if (!canRunOnHost()) {
      throw new Error(`${error.message}\nor, for the demo without docker: apt-get install openssh-server`);
    }
    console.error(`${error.message}\nwithout docker: the demo runs on this host, rootless`);
    return undefined;
  }
}

try {
  const missing = ["ssh", "ssh-keygen"].filter((program) => Bun.which(program) === null);
  if (missing.length > 0) {
    throw new Error(`no ssh client — saw no ${missing.join(", no ")} in PATH — hint: apt-get install openssh-client`);
  }
  await progress("docker engine", async () => {
    engine = await findEngine();
    return engine === undefined ? "none" : `${engine.version}${engine.isOurs ? ", started now" : ""}`;
  });
  // Before anything is built: a name that is somebody else's is told at once.
  await progress("earlier demo", removeAll);
  isBegun = true;
  await build([nativeTarget("glibc")], undefined, HINTS.build);
  const demo =
    engine === undefined
      ? await progress("app on this host, until ssh is ready", startHostDemo, HINTS.run)
      : await startInContainer();
  interrupted.signal.throwIfAborted();
  const login = await progress("login with ssh", () =>
    logIn(demo, `${demo.found} && printf '\\n%s\\n%s\\n' "$(id -un)" "$SSH_CONNECTION"`),
  );
  if (login.code !== 0) {
    throw new Error(
      `ssh ended with ${login.code} — saw ${login.stderr.trim()} — hint: npm start once more; then an issue`,
    );
  }
  interrupted.signal.throwIfAborted();

  console.log(renderDemo(demo, login.stdout, { isLeft: !once }));
  if (once) {
    await progress("remove the demo", removeAll);
    await engine?.stop();
  }
} catch (error) {
  if (isBegun) await removeAll();
  await engine?.stop();
  if (interrupted.signal.aborted) console.error("interrupted: all that was started is removed again — hint: npm start");
  else console.error(error instanceof Error ? error.message : error);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
process.exit();
