/**
 * What only ssh-keygen can do: make a host key, and tell the public half of a key in PEM form. It works in a private
 * directory of this machine; nothing it writes stays there, and no key material is on its command line.
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { HostKeyTools, HostKeyType } from "./host-key-files.ts";
import { installHint } from "./packages.ts";
import type { PublicHalf } from "./private-key.ts";
import { parseDerivedPublicLine } from "./private-key.ts";

const MAKE = "make host key";
const DERIVE = "derive public half";
/** An rsa key on a starved machine; the others take milliseconds. */
const MAKE_TIMEOUT_MS = 120_000;
const DERIVE_TIMEOUT_MS = 10_000;
const PRIVATE_FILE = 0o600;
/** Left by a start that was killed here. An hour: a shared home may hold another machine's work. */
const LEFTOVER = /^host-key-[0-9a-z]{16}(\.pub)?$/;
const LEFTOVER_AGE_MS = 3_600_000;

/** The bytes of a fresh private key, or why there is none. The caller saves them. */
export async function makeHostKey(tools: HostKeyTools, type: HostKeyType): Promise<Uint8Array | Problem> {
  const what = `no ${type} host key could be made`;
  const { host, keygen, privateDir } = tools;
  if (keygen === undefined) return { what, saw: "no ssh-keygen", hint: installHint("ssh-keygen") };
  const name = temporaryName(host);
  removeOldFiles(host, privateDir, MAKE, LEFTOVER, LEFTOVER_AGE_MS);
  try {
    const argv = [keygen, "-q", "-t", type, "-N", "", "-C", "", "-f", `${privateDir.path}/${name}`];
    const result = await host.run(MAKE, argv, { timeoutMs: MAKE_TIMEOUT_MS });
    if (result.code !== 0) return { what, saw: `ssh-keygen ${endWords(result)}`, hint: "run withssh --check" };
    return privateDir.read(MAKE, name, 64 * 1024).bytes;
  } catch (error) {
    if (!isOsError(error)) throw error;
    return { what, saw: error.message, hint: `is ${privateDir.path} writable and not full?` };
  } finally {
    removeQuietly(privateDir, MAKE, name);
    removeQuietly(privateDir, MAKE, `${name}.pub`);
  }
}

/** The public half of a key that is not in OpenSSH's own form, or in words why it cannot be used. */
export async function deriveFromPem(tools: HostKeyTools, bytes: Uint8Array): Promise<PublicHalf | string> {
  const { host, keygen, privateDir } = tools;
  if (keygen === undefined) return "it is in PEM form, which needs ssh-keygen, and there is none";
  const name = temporaryName(host);
  removeOldFiles(host, privateDir, DERIVE, LEFTOVER, LEFTOVER_AGE_MS);
  try {
    privateDir.create(DERIVE, name, bytes, { mode: PRIVATE_FILE, sync: false });
    const argv = [keygen, "-y", "-P", "", "-f", `${privateDir.path}/${name}`];
    const result = await host.run(DERIVE, argv, { timeoutMs: DERIVE_TIMEOUT_MS });
    if (result.code !== 0) return "it is in PEM form and ssh-keygen cannot read it";
    return parseDerivedPublicLine(new TextDecoder().decode(result.stdout));
  } catch (error) {
    if (!isOsError(error)) throw error;
    return `it is in PEM form and could not be judged (${error.code})`;
  } finally {
    removeQuietly(privateDir, DERIVE, name);
  }
}

/** Removes regular files whose name matches and whose age is beyond `ageMs`; what cannot be removed stays. */
export function removeOldFiles(host: Host, dir: Dir, operation: string, pattern: RegExp, ageMs: number): void {
  try {
    for (const name of dir.list(operation)) {
      if (!pattern.test(name)) continue;
      const facts = dir.stat(operation, name);
      if (facts?.kind === "file" && host.now() - facts.mtimeMs > ageMs) removeQuietly(dir, operation, name);
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
  }
}

export function removeQuietly(dir: Dir, operation: string, name: string): void {
  try {
    dir.remove(operation, name);
  } catch (error) {
    if (!isOsError(error)) throw error;
  }
}

/** Sixteen letters and digits: enough that two machines do not meet. */
export function randomSuffix(host: Host): string {
  const half = () =>
    Math.floor(host.random() * 36 ** 8)
      .toString(36)
      .padStart(8, "0");
  return half() + half();
}

const temporaryName = (host: Host): string => `host-key-${randomSuffix(host)}`;

function endWords(result: { code: number | undefined; signal: number | undefined; timedOut: boolean }): string {
  if (result.timedOut) return "took too long";
  return result.code === undefined ? `ended by signal ${result.signal}` : `exit ${result.code}`;
}
