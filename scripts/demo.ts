/**
 * `npm start [-- --once]`: builds the executable and an image with it, boots a container, logs in with the real ssh
 * client, and shows what ran. Leaves the container running (`--once`: nothing). Interrupted midway it removes all.
 */
import { parseArgs } from "node:util";
import { ensureDebianBase } from "./base-images.ts";
import { build } from "./build.ts";
import { buildDemoImage, DEMO, removeDemo, startDemo } from "./demo-container.ts";
import type { Engine } from "./docker-engine.ts";
import { ensureEngine, NoEngineError } from "./docker-engine.ts";
import { progress } from "./progress.ts";
import { $ } from "./shell.ts";
import { ssh, sshArguments } from "./ssh-client.ts";

const SHOWN = 'echo "pid 1 is: $(tr "\\0" " " </proc/1/cmdline)"; echo "you are:  $(id -un), by ssh ($SSH_CONNECTION)"';

const { once } = parseArgs({ options: { once: { type: "boolean", default: false } } }).values;
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
$.signal = interrupted.signal;

let engine: Engine | undefined;
try {
  engine = await progress("docker engine", ensureEngine);
  await build(["x64"]);
  const base = await progress("base image", ensureDebianBase);
  await progress("image from Dockerfile.debian", () => buildDemoImage(base));
  await progress("clear what an earlier start left", removeDemo);
  const { target, ready } = await progress("container, until ssh is ready", startDemo);
  interrupted.signal.throwIfAborted();
  const login = await progress("login with ssh", () => ssh(target, SHOWN));
  if (login.code !== 0) throw new Error(`ssh ended with ${login.code} — saw ${login.stderr.trim()}`);
  interrupted.signal.throwIfAborted();

  const hostKeys = ready.host_keys.map(({ type, fingerprint }) => `  ${type} ${fingerprint}`);
  console.log(["", login.stdout.trim(), "host keys:", ...hostKeys, ""].join("\n"));
  if (once) {
    await progress("remove the demo", removeDemo);
    await engine.stop();
  } else {
    console.log(`log in:  ssh ${sshArguments(target).join(" ")} ${target.user}@${target.host}`);
    console.log(`its log: docker logs --follow ${DEMO}`);
    console.log("end it:  npm run demo:stop");
  }
} catch (error) {
  if (engine !== undefined) {
    await removeDemo();
    await engine.stop();
  }
  if (interrupted.signal.aborted) console.error("interrupted: all that was started is removed again");
  else console.error(error instanceof Error ? error.message : error);
  if (error instanceof NoEngineError) console.error("the demo needs docker");
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
process.exit();
