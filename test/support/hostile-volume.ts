/**
 * A container in which one start after another meets another hostile volume, in root or in sudo mode (PID 1 is somebody
 * else). Each start has a fresh state, a deadline, and a look before and after at all that is none of its business.
 */
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import { startContainer } from "./boot.ts";
import type { Container } from "./container.ts";
import { APP, writeFiles } from "./inside.ts";
import { compile } from "./probe.ts";
import { makeDir, makeKey, type TestKey } from "./ssh.ts";
import { SCOPED, sudoImage, WITHSSH } from "./sudo-image.ts";
import type { Base } from "./test-images.ts";

export const MODES = ["root", "sudo"] as const;
export type Mode = (typeof MODES)[number];

export interface HostileStart {
  /** Where SSH is said to be: `/volume` unless said. */
  readonly volume?: string;
  /** Shell, as root: plants what the row is about. `$V` is the volume, `$S` its .ssh, `$KEY` a good key, `$PUB` its line. */
  readonly plant?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Root overrides no modes, as on a server's file system. */
  readonly isWeak?: boolean;
}

export interface Met {
  /** True: sshd greets. False: it does not, and our log says that SSH is down. */
  readonly isUp: boolean;
  readonly said: string;
  /** Names, modes, owners, sizes, times and sums of what lies outside the volume, before and after. */
  readonly outside: readonly [string, string];
  /** Names in the volume's .ssh, before and after. */
  readonly names: readonly [string, string];
}

/** Our own copies and our file for login shells are as they should be. */
const NOT_OURS = "! -name 'ssh_host_*' ! -path /etc/ssh ! -path '/etc/profile.d*'";
const LOOK = `{ find /outside /etc /home /root ${NOT_OURS} -exec stat -c '%n %a %u %g %s %Y' {} +
find /outside /etc /home /root -type f ${NOT_OURS} -exec cksum {} +; } | sort`;
const COMMAND = `exec ${WITHSSH} sh -c 'echo THE APP RUNS >&2; exec sleep 1000'`;
const FILES = {
  "/start-root": COMMAND,
  "/start-sudo": `exec su -s /bin/sh app -c "${COMMAND}"`,
  "/meet": `set -e
rm -rf /run/withssh /dev/.withssh /etc/ssh/ssh_host_* /outside /a-link /a-file /nowhere
for place in /volume /small /few; do find $place -mindepth 1 -delete; chmod 755 $place; chown root $place; done
cp -a /good /outside; mkdir -m 700 /volume/.ssh
look() { echo "=== $1"; ${LOOK}; echo "=== $1 names"; ls -A "$S" 2>/dev/null || true; }
eval "$PLANT"
look before
code=0; /kill-at "$HOW" 2222 '"ssh ' 'THE APP RUNS' -- /bin/sh "/start-$MODE" || code=$?
look after
exit $code`,
};

/** A container for such starts, with every kind of place that a container is made with. */
export async function startHostile(base: Base, key: TestKey): Promise<Container> {
  const killer = await compile("kill-at.c", "kill-at", ["-static"]);
  const exfat = await mountExfat();
  const lines = base === "debian" ? ["RUN usermod --password '*' app"] : [];
  const container = await startContainer({
    image: await sudoImage(base, lines, SCOPED),
    user: "root",
    env: { AUTHORIZED_KEYS: key.publicLine },
    entrypoint: APP,
    cmd: [],
    binds: [
      `${killer}:/kill-at:ro`,
      `${await makeDir()}:/ro-empty:ro`,
      `${await makeReadOnlyKeys()}:/ro-keys:ro`,
      `${await makeSecrets(key)}:/secrets:ro`,
      ...(exfat.path === undefined ? [] : [`${exfat.path}:/exfat`]),
    ],
    // One page, so one key, and one inode, so no file at all.
    host: { Tmpfs: { "/volume": "mode=755", "/small": "mode=755,size=4k", "/few": "mode=755,nr_inodes=1" } },
  });
  await writeFiles(container, FILES);
  await container.exec(["sh", "-c", "mkdir /good && ssh-keygen -q -t ed25519 -N '' -f /good/key && chmod 755 /meet"]);
  return container;
}

/** Makes one start in that container. Throws where it neither serves nor says within its deadline that SSH is down. */
export async function meet(container: Container, mode: Mode, start: HostileStart): Promise<Met> {
  const volume = start.volume ?? "/volume";
  const env = {
    ...start.env,
    WITHSSH_VOLUME: volume,
    WITHSSH_PRIVILEGE: mode,
    MODE: mode,
    HOW: start.isWeak === true ? "weak" : "run",
    PLANT: start.plant ?? "",
    V: volume,
    S: `${volume}/.ssh`,
    KEY: "/good/key",
  };
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { code, stdout, stderr } = await container.exec(["env", ...words, "sh", "/meet"]);
  if (code !== 0 && code !== 5) throw new Error(`the start ended with ${code} — saw ${stderr}`);
  if (code === 5 && !stderr.includes('"event":"ssh down"')) throw new Error(`sshd does not greet — saw ${stderr}`);
  const parts = new Map(
    stdout
      .split(/^=== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]),
  );
  const part = (name: string) => parts.get(name) ?? "";
  return {
    isUp: code === 0,
    said: stderr,
    outside: [part("before"), part("after")],
    names: [part("before names"), part("after names")],
  };
}

async function makeReadOnlyKeys(): Promise<string> {
  const dir = await makeDir();
  const key = await makeKey();
  await mkdir(join(dir, ".ssh"));
  await copyFile(key.path, join(dir, ".ssh/ssh_host_ed25519_key"));
  return dir;
}

/** A mount as Kubernetes makes them, and one whose links lead elsewhere. */
async function makeSecrets({ publicLine }: TestKey): Promise<string> {
  const dir = await makeDir();
  await chmod(dir, 0o755);
  await mkdir(join(dir, "..2026"));
  await writeFile(join(dir, "..2026/keys"), `${publicLine}\n`);
  for (const [name, target] of [
    ["..data", "..2026"],
    ["keys", "..data/keys"],
    ["out", "../outside/key.pub"],
    ["out-absolute", "/outside/key.pub"],
    ["out-key", "../outside/key"],
    ["loop", "loop"],
  ] as const) {
    await symlink(target, join(dir, name));
  }
  return dir;
}

let exfat: Promise<{ path: string } | { path: undefined; why: string }> | undefined;
const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/**
 * A real exFAT: no hard links, no owners, no modes but 0777. Mounted on this machine, since a container may not; gone with
 * the test file. `why`: what is missing for it here.
 */
export async function mountExfat(): Promise<{ path: string } | { path: undefined; why: string }> {
  exfat ??= mountNow().catch((error: unknown) => ({ path: undefined, why: `exFAT cannot be mounted: ${error}` }));
  return await exfat;
}

async function mountNow(): Promise<{ path: string }> {
  const run = async (program: string, ...args: string[]) => (await promisify(execFile)(program, args)).stdout.trim();
  const dir = await makeDir();
  const [image, path] = [join(dir, "image"), join(dir, "mount")];
  await writeFile(image, "");
  await truncate(image, 8 << 20);
  await run("mkfs.exfat", image);
  await mkdir(path);
  const device = await run("losetup", "--find", "--show", image);
  try {
    await run("mount.exfat-fuse", device, path);
    undo.push(() => run("umount", path));
  } finally {
    // In use it goes with its last user (losetup(8)).
    await run("losetup", "--detach", device);
  }
  return { path };
}
