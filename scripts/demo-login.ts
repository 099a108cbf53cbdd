/**
 * How a demo is logged in to: a port, and an ssh_config that has all the rest, so that the command to copy is short and is
 * the very command that was tried.
 */
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { ReadyLine } from "./container-log.ts";
import { type Finished, run } from "./ssh-client.ts";

/** A demo that runs: how to log in, what to show there, and the commands for people. */
export interface Demo {
  /** Arguments for ssh, the destination last. */
  readonly login: readonly string[];
  readonly port: number;
  readonly ready: ReadyLine;
  /** Prints the app's argv, NUL after each word; for the remote shell. */
  readonly found: string;
  /** What that argv is, in words. */
  readonly app: string;
  /** What was made on this machine, a line each. */
  readonly made: readonly string[];
  readonly status: string | undefined;
  readonly log: string;
}

/** Host name in the ssh_config. */
const ALIAS = "withssh-demo";
/** People know it from the README; another one where somebody has it. */
export const WANTED_PORT = 2222;

/** Writes known_hosts and ssh_config into `dir`. A host key is never taken on trust: it must be the one that the log told. */
export async function writeClientFiles(
  dir: string,
  target: { host: string; port: number; user: string; key: string; ready: ReadyLine },
): Promise<Pick<Demo, "login" | "port">> {
  const knownHosts = join(dir, "known_hosts");
  const config = join(dir, "ssh_config");
  await writeFile(knownHosts, `${target.ready.known_hosts.trim()}\n`);
  const lines = [
    `Host ${ALIAS}`,
    `  HostName ${target.host}`,
    `  Port ${target.port}`,
    `  User ${target.user}`,
    `  IdentityFile "${target.key}"`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile "${knownHosts}"`,
    "  GlobalKnownHostsFile none",
    "  StrictHostKeyChecking yes",
  ];
  await writeFile(config, lines.map((line) => `${line}\n`).join(""));
  return { login: ["-F", config, ALIAS], port: target.port };
}

/** Logs in as people will, and runs a command. Nobody is asked anything. */
export async function logIn({ login }: Demo, command: string): Promise<Finished> {
  return await run("ssh", ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", ...login, command]);
}

/** A word as a shell takes it. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The port that the README speaks of where nobody has it, else one that nobody has right now. */
export async function choosePort(): Promise<number> {
  return (await tryPort(WANTED_PORT)) ?? (await tryPort(0)) ?? WANTED_PORT;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!isFree) return undefined;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address === null || typeof address === "string" ? undefined : address.port;
}
