/**
 * Runs the real ssh and ssh-keygen. Nothing of the caller's own counts (config, agent, known hosts), nobody is asked
 * anything, and a host key is never taken on trust: it must stand in the given known_hosts file.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface Finished {
  /** Exit status; 128 + n after a signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key. */
  readonly key: string;
  /** Path of the known_hosts file. */
  readonly knownHosts: string;
}

/** Options for `target`, before the destination; what people can copy is the same as what we run. */
export function sshArguments(target: SshTarget): string[] {
  const options = {
    IdentitiesOnly: "yes",
    UserKnownHostsFile: target.knownHosts,
    GlobalKnownHostsFile: "none",
    StrictHostKeyChecking: "yes",
  };
  const rendered = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["-F", "none", "-p", String(target.port), "-i", target.key, ...rendered];
}

/** Logs in and runs `command` (one string, for the remote shell), or whatever `args` ask for. Never rejects for its status. */
export async function ssh(
  target: SshTarget,
  command?: string,
  args: readonly string[] = [],
  options: { readonly stdin?: string; readonly timeoutMs?: number } = {},
): Promise<Finished> {
  const quiet = ["-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "ConnectTimeout=10"];
  const destination = `${target.user}@${target.host}`;
  const rest = command === undefined ? [] : [command];
  return await run("ssh", [...args, ...sshArguments(target), ...quiet, destination, ...rest], options);
}

/** Makes a key pair without a passphrase at `path` and `path`.pub. */
export async function makeKeyPair(path: string, type: string, extra: readonly string[] = []): Promise<void> {
  const made = await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", `withssh-${type}`, ...extra, "-f", path]);
  if (made.code !== 0) throw new Error(`ssh-keygen -t ${type} ended with ${made.code} — saw ${made.stderr.trim()}`);
}

/** Runs a program without a shell and takes down what it says. After `timeoutMs` it is ended (SIGKILL). */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly timeoutMs?: number } = {},
): Promise<Finished> {
  const child = spawn(program, args, { stdio: "pipe", timeout: options.timeoutMs ?? 60_000, killSignal: "SIGKILL" });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
    });
  }
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(options.stdin ?? "");
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  return { code, ...said };
}
