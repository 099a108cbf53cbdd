/**
 * `npm start [-- --once]`: builds the executable and an image with it, boots a container, logs in with the real ssh
 * client, and shows what ran. Leaves the container running (`--once`: nothing). Interrupted midway it removes all.
 * Without Docker the same happens on this host, without root's rights.
 */
import { parseArgs } from "node:util";
import { ensureDebianBase } from "./base-images.ts";
import { build } from "./build.ts";
import { buildDemoImage, type Demo, removeDemo, startDemo } from "./demo-container.ts";
import { canRunOnHost, removeHostDemo, startHostDemo } from "./demo-host.ts";
import type { Engine } from "./docker-engine.ts";
import { ensureEngine, NoEngineError } from "./docker-engine.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";
import { ssh, sshArguments } from "./ssh-client.ts";
import { nativeTarget } from "./targets.ts";

const WHO = 'echo "you are:  $(id -un), by ssh ($SSH_CONNECTION)"';

const { once } = parseArgs({ options: { once: { type: "boolean", default: false } } }).values;
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
$.signal = interrupted.signal;

let engine: Engine | undefined;
let isBegun = false;

/** Nothing that a demo left is there afterwards, in a container or on this host. */
async function removeAll(): Promise<void> {
  if (engine !== undefined) await removeDemo();
  await removeHostDemo();
}

async function startInContainer(): Promise<Demo> {
  const base = await progress("base image", ensureDebianBase);
  await progress("image from Dockerfile.debian", () => buildDemoImage(base));
  return await progress("container, until ssh is ready", startDemo);
}

/** The engine; undefined where there is none and this host itself will do. */
async function findEngine(): Promise<Engine | undefined> {
  try {
    return await ensureEngine();
  } catch (error) {
    if (!(error instanceof NoEngineError) || !canRunOnHost()) throw error;
    console.error(`${error.message}\nwithout docker: the demo runs on this host, rootless`);
    return undefined;
  }
}

try {
  engine = await progress("docker engine", findEngine);
  isBegun = true;
  await build([nativeTarget("glibc")]);
  await progress("clear what an earlier start left", removeAll);
  const run =
    engine === undefined ? progress("app on this host, until ssh is ready", startHostDemo) : startInContainer();
  const { target, ready, shown, showLog } = await run;
  interrupted.signal.throwIfAborted();
  const login = await progress("login with ssh", () => ssh(target, `${shown}; ${WHO}`));
  if (login.code !== 0) throw new Error(`ssh ended with ${login.code} — saw ${login.stderr.trim()}`);
  interrupted.signal.throwIfAborted();

  const hostKeys = ready.host_keys.map(({ type, fingerprint }) => `  ${type} ${fingerprint}`);
  console.log(["", login.stdout.trim(), "host keys:", ...hostKeys, ""].join("\n"));
  if (once) {
    await progress("remove the demo", removeAll);
    await engine?.stop();
  } else {
    console.log(`log in:  ssh ${sshArguments(target).join(" ")} ${target.user}@${target.host}`);
    console.log(`its log: ${showLog}`);
    console.log("end it:  npm run demo:stop");
  }
} catch (error) {
  if (isBegun) await removeAll();
  await engine?.stop();
  if (interrupted.signal.aborted) console.error("interrupted: all that was started is removed again");
  else console.error(error instanceof Error ? error.message : error);
  if (error instanceof NoEngineError) console.error("the demo needs docker, or an sshd on this host (openssh-server)");
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
process.exit();
