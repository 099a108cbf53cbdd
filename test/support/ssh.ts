/**
 * Keys and logins for tests, by the real ssh and ssh-keygen. A login trusts exactly the known_hosts lines that the
 * container's own log gave: a changed identity fails as it would for people.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Finished, makeKeyPair, ssh as runSsh } from "../../scripts/ssh-client.ts";
import type { Container } from "./container.ts";

/** A key pair on disk, without a passphrase. */
export interface TestKey {
  /** Path of the private half. */
  readonly path: string;
  /** The line for authorized_keys, without a newline. */
  readonly publicLine: string;
}

export interface LoginOptions {
  readonly key: TestKey;
  /** `root` unless said. */
  readonly user?: string;
  /** Runs in the login shell; nothing when left out (give `args` then, such as `-N`). */
  readonly command?: string;
  /** More arguments for ssh, before ours: the first value of an option counts. */
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly timeoutMs?: number;
  /** known_hosts lines to trust; the ready line's unless said. */
  readonly knownHosts?: string;
}

const ALIAS = "withssh-test";
const scratch: string[] = [];
afterAll(async () => {
  for (const dir of scratch.splice(0)) await rm(dir, { recursive: true, force: true });
});

/** Makes a key pair: `ed25519`, `ecdsa`, `rsa`; `extra` goes to ssh-keygen (`["-b", "3072"]`). Gone with the file. */
export async function makeKey(type = "ed25519", extra: readonly string[] = []): Promise<TestKey> {
  const path = join(await makeDir(), `id_${type}`);
  await makeKeyPair(path, type, extra);
  return { path, publicLine: (await readFile(`${path}.pub`, "utf8")).trim() };
}

/** Logs in to `container` and gives what the client says. Waits for the ready line first, unless `knownHosts` is given. */
export async function ssh(container: Container, options: LoginOptions): Promise<Finished> {
  const knownHosts = join(await makeDir(), "known_hosts");
  await writeFile(knownHosts, renameHosts(options.knownHosts ?? (await container.waitForLogins()).known_hosts));
  const { key, user = "root", command, args = [], stdin, timeoutMs } = options;
  const target = { host: "127.0.0.1", port: container.port, user, key: key.path, knownHosts };
  const limits = { ...(stdin === undefined ? {} : { stdin }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  return await runSsh(target, command, [...args, "-o", `HostKeyAlias=${ALIAS}`], limits);
}

/** A directory that only this user can enter; gone when the test file has ended. */
export async function makeDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "withssh-test-"));
  scratch.push(dir);
  return dir;
}

/** The lines under one name of ours: ports change at a restart, identities must not. */
function renameHosts(lines: string): string {
  const keys = lines.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return keys
    .map((line) => line.trim().split(/\s+/))
    .map(([first = "", ...rest]) => (first.startsWith("@") ? [first, ALIAS, ...rest.slice(1)] : [ALIAS, ...rest]))
    .map((words) => `${words.join(" ")}\n`)
    .join("");
}
