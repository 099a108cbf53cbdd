/**
 * Key lines tried by real logins: a plain sshd that reads each line as some user's whole file, and ours that is given all
 * of them at once. Each line holds a key of its own, whose private half logs in.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../scripts/ssh-client.ts";
import { parseKeyLine } from "../../src/key-line.ts";
import { type ContainerOptions, startContainer } from "./boot.ts";
import { type Container, DEADLINE_MS } from "./container.ts";
import { APP } from "./inside.ts";
import { mutateKeyLines } from "./key-mutations.ts";
import { makeKey, type TestKeyType } from "./openssh-key.ts";
import { SAMPLE_KEYS } from "./sample-keys.ts";
import { makeDir } from "./ssh.ts";
import type { Base } from "./test-images.ts";

/** A line, and the private key that belongs to the key it was made of. */
export interface OwnedLine {
  readonly line: string;
  readonly keyPath: string;
}

/** Few of those that are slow to make. */
const TYPES: readonly TestKeyType[] = ["ed25519", "ed25519", "ed25519", "nistp256", "nistp384", "nistp521"];
const RSA_EVERY = 25;
/** Most changes break a line: a good one takes some tries. */
const CANDIDATES = 100;
const AT_ONCE = 8;
/** Nobody is turned away for being one of many; nor, where sshd knows such a thing, for being refused often. */
const PATIENCE = "MaxStartups 500:30:600";
const NO_PENALTIES = "PerSourcePenalties=no";

/** Mutated lines of keys made now, half of them good to us; behind them nothing is glued but strangers' keys. */
export async function makeOwnedLines(count: number, seed: number): Promise<OwnedLine[]> {
  const dir = await makeDir();
  const strangers = Object.values(SAMPLE_KEYS).map(({ line }) => line);
  return await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const type = at % RSA_EVERY === 0 ? "rsa" : (TYPES[at % TYPES.length] ?? "ed25519");
      const key = makeKey(type, { comment: `person${at}@example` });
      const keyPath = join(dir, `key${at}`);
      await writeFile(keyPath, key.text, { mode: 0o600 });
      const all = mutateKeyLines([key.publicLine], CANDIDATES, seed + at, strangers);
      const isWanted = (line: string) => (parseKeyLine(line).verdict === "key") === (at % 2 === 0);
      const line = all.find(isWanted) ?? all[0] ?? "";
      return { line, keyPath };
    }),
  );
}

/** A plain sshd: the user `l17` has line 17 as his whole authorized_keys, and nothing else. */
export async function startPlainSshd(base: Base, lines: readonly OwnedLine[]): Promise<Container> {
  const dir = join(await makeDir(), "lines");
  await mkdir(dir);
  await chmod(dir, 0o755);
  await Promise.all(lines.map(({ line }, at) => writeFile(join(dir, `l${at}`), `${line}\n`)));
  const config = `Port 2222\nHostKey /host-key\nAuthorizedKeysFile /lines/%u\nStrictModes no\n${PATIENCE}\n`;
  const script = `for i in $(seq 0 ${lines.length - 1}); do echo "l$i:x:2000:2000::/tmp:/bin/sh"; echo "l$i:*:19000::::::" >&3; done >>/etc/passwd 3>>/etc/shadow
mkdir -p /run/sshd /var/empty; ssh-keygen -q -t ed25519 -N '' -f /host-key; printf '${config.replaceAll("\n", "\\n").replaceAll("%", "%%")}' > /config
! /usr/sbin/sshd -t -f /config -o ${NO_PENALTIES} 2>/dev/null || echo ${NO_PENALTIES} >> /config; exec /usr/sbin/sshd -D -e -f /config`;
  const container = await startContainer({
    base,
    entrypoint: ["sh", "-c", script],
    cmd: [],
    binds: [`${dir}:/lines:ro`],
  });
  const began = performance.now();
  while (!(await container.logs()).stderr.includes("Server listening")) {
    if (performance.now() - began > DEADLINE_MS)
      throw new Error(`sshd does not listen — saw ${(await container.logs()).stderr}`);
  }
  return container;
}

/** Ours, with all lines in one file. */
export async function startWithLines(lines: readonly OwnedLine[], options: ContainerOptions): Promise<Container> {
  const dir = await makeDir();
  await chmod(dir, 0o755);
  await writeFile(join(dir, "keys"), lines.map(({ line }) => `${line}\n`).join(""));
  const env = { AUTHORIZED_KEYS_FILE: "/lines/keys", WITHSSH_SSHD_CONFIG: PATIENCE };
  const container = await startContainer({ cmd: APP, ...options, env, binds: [`${dir}:/lines:ro`] });
  await container.waitForLogins();
  return container;
}

/** The lines whose key is let in: line `at` as `userOf(at)`. Throws where the answer is neither yes nor no. */
export async function tryLogins(
  container: Container,
  lines: readonly OwnedLine[],
  userOf: (at: number) => string,
): Promise<Set<number>> {
  const knownHosts = join(await makeDir(), "known_hosts");
  const scanned = await run("ssh-keyscan", ["-t", "ed25519", "-p", String(container.port), "127.0.0.1"]);
  await writeFile(knownHosts, scanned.stdout);
  const options = {
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: "yes",
    KexAlgorithms: "curve25519-sha256",
    ControlMaster: "no",
  };
  const common = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const isIn = new Set<number>();
  const left = lines.map(({ keyPath }, at) => ({ keyPath, at }));
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const args = ["-F", "none", "-p", String(container.port), "-i", next.keyPath, ...common];
      // Nothing is run: options may force a command, which is no answer to who is let in.
      const { code, stderr } = await run("ssh", ["-v", ...args, `${userOf(next.at)}@127.0.0.1`, "true"]);
      if (/^Authenticated to /m.test(stderr)) isIn.add(next.at);
      else if (code !== 255 || !stderr.includes("Permission denied (publickey")) {
        throw new Error(`login ${next.at} ended with ${code} — saw ${stderr.split("\n").slice(-5).join("\n")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return isIn;
}
