/**
 * The demo where there is no Docker: the executable runs on this host, without root's work even for root, with a key, a
 * volume and a state directory of its own in the user's cache. Nothing else of the host is written to.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { SSHD_PATHS } from "../src/paths.ts";
import { parseLogLine, type ReadyLine } from "./container-log.ts";
import type { Demo } from "./demo-login.ts";
import { choosePort, quoteWord, writeClientFiles } from "./demo-login.ts";
import { CACHE_DIR } from "./places.ts";
import { makeKeyPair } from "./ssh-client.ts";
import { executablePath, nativeTarget } from "./targets.ts";

const HOST_DIR = join(CACHE_DIR, "demo-host");
const PID_FILE = join(HOST_DIR, "app.pid");
const LOG_FILE = join(HOST_DIR, "log");
const APP = ["sleep", "2147483647"];
const READY_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 5_000;

/** True where this host has an sshd to run. */
export function canRunOnHost(): boolean {
  return SSHD_PATHS.some((path) => existsSync(path));
}

/** Starts an app on a free port of 127.0.0.1 and waits until SSH is ready. It lives on when we end. */
export async function startHostDemo(): Promise<Demo> {
  const run = join(HOST_DIR, "run");
  await mkdir(HOST_DIR, { recursive: true, mode: 0o700 });
  await mkdir(run, { mode: 0o700 });
  const key = join(HOST_DIR, "id_ed25519");
  await makeKeyPair(key, "ed25519");
  const port = await choosePort();
  const log = openSync(LOG_FILE, "wx", 0o600);
  const child = spawn(executablePath(nativeTarget("glibc")), ["--", ...APP], {
    detached: true,
    stdio: ["ignore", "ignore", log],
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: HOST_DIR,
      XDG_RUNTIME_DIR: run,
      AUTHORIZED_KEYS: (await readFile(`${key}.pub`, "utf8")).trim(),
      WITHSSH_LISTEN: "127.0.0.1",
      WITHSSH_LOG_FORMAT: "json",
      WITHSSH_PORT: String(port),
      WITHSSH_PRIVILEGE: "rootless",
      WITHSSH_PUBLIC_ADDRESS: `127.0.0.1:${port}`,
      WITHSSH_VOLUME: join(HOST_DIR, "volume"),
    },
  });
  closeSync(log);
  child.unref();
  await writeFile(PID_FILE, `${child.pid} ${await readStart(child.pid ?? 0)}`);
  const ready = await waitForReady();
  const client = await writeClientFiles(HOST_DIR, { host: "127.0.0.1", port, user: ready.users[0] ?? "", key, ready });
  return {
    ...client,
    ready,
    found: `cat /proc/${child.pid}/cmdline`,
    app: `the app, pid ${child.pid} on this host`,
    made: [`key, volume, log, known_hosts: ${HOST_DIR}`],
    status: `XDG_RUNTIME_DIR=${quoteWord(run)} ${quoteWord(executablePath(nativeTarget("glibc")))} --status`,
    log: `tail -f ${quoteWord(LOG_FILE)}`,
  };
}

/** Ends the app, and SSH with it, and removes what belonged to it. True when it ran. */
export async function removeHostDemo(): Promise<boolean> {
  const [pid, start] = await readFile(PID_FILE, "utf8").then(
    (text) => text.split(" "),
    () => [],
  );
  // A pid is another's by now unless it began when ours did.
  const isThere = async () => start !== undefined && start !== "" && (await readStart(Number(pid))) === start;
  const wasThere = await isThere();
  if (wasThere) {
    process.kill(Number(pid), "SIGTERM");
    for (const deadline = Date.now() + END_TIMEOUT_MS; (await isThere()) && Date.now() < deadline; ) await delay(20);
  }
  await rm(HOST_DIR, { recursive: true, force: true });
  return wasThere;
}

/** When a process began, in ticks since the boot (proc(5), the 22nd field); "" for one that has ended. */
async function readStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "" : (fields[19] ?? "");
}

/** Follows the log until SSH is ready. Rejects with what was said when it is down, or at the deadline. */
async function waitForReady(): Promise<ReadyLine> {
  const following = spawn("tail", ["-n", "+1", "-f", LOG_FILE], { stdio: ["ignore", "pipe", "ignore"] });
  const deadline = setTimeout(() => following.kill(), READY_TIMEOUT_MS);
  const seen: string[] = [];
  try {
    for await (const text of createInterface({ input: following.stdout })) {
      seen.push(text);
      const line = parseLogLine(text);
      if (line?.msg === "ssh ready") return line as ReadyLine;
      if (line?.["level"] === "error") break;
    }
  } finally {
    clearTimeout(deadline);
    following.kill();
  }
  throw new Error(
    `ssh did not get ready on this host — saw:\n${seen.join("\n")}\nhint: what the last line says, or start docker`,
  );
}
