/**
 * A container under load and what is asked of it from outside: logins by the ssh client of its own image, so that plain sshd
 * and withssh are loaded by the same means, and what the supervisor holds. Gone when the bench ends, however it ends.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SUPERVISOR_ROLE } from "../src/roles.ts";
import { type LogLine, parseLogLine } from "./container-log.ts";
import { ROOT } from "./places.ts";
import { $ } from "./shell.ts";
import { type Finished, makeKeyPair, run } from "./ssh-client.ts";

const IMAGE = "withssh-load";
const LONG_MS = 600_000;
const PORT = 2222;

/** sshd alone, as Debian starts it, with the same room for connections. */
export const PLAIN: Kind = {
  name: "plain sshd",
  entrypoint: "sh",
  command: [
    "-c",
    `mkdir -p /run/sshd /root/.ssh && chmod 700 /root/.ssh && echo "$AUTHORIZED_KEYS" > /root/.ssh/authorized_keys && ssh-keygen -A && exec /usr/sbin/sshd -D -e -o Port=${PORT} -o MaxStartups=200:30:400`,
  ],
};

/** The same sshd beside an app that does nothing. */
export const WITHSSH: Kind = { name: "withssh", entrypoint: "withssh", command: ["sleep", "1000000"] };

export interface Kind {
  readonly name: string;
  readonly entrypoint: string;
  readonly command: readonly string[];
}

/** What the kernel says of the supervisor and of its children. */
export interface Held {
  readonly anonymousKib: number;
  readonly descriptors: number;
  readonly zombies: number;
}

export interface LoadContainer {
  readonly id: string;
  /** Runs a shell script inside. Throws with what it said when it fails. */
  sh(script: string): Promise<string>;
  /** Logs in `count` times, `atOnce` at a time; gives the seconds that it took. Throws when one is refused. */
  logIn(count: number, atOnce: number): Promise<number>;
  /** The same with a key that nobody knows and names that nobody has; gives how many were told that they are refused. */
  beRefused(count: number, atOnce: number): Promise<number>;
  /** Opens sessions that stay; resolves when all are in. */
  hold(count: number): Promise<void>;
  /** Sends a signal to every process whose command line begins so; gives how many there are. The image has no pkill. */
  kill(signal: string, command: string): Promise<number>;
  /** Ends the held sessions. */
  letGo(): Promise<void>;
  held(): Promise<Held>;
  log(): Promise<LogLine[]>;
  remove(): Promise<void>;
}

/** Builds the image on `base`: what integration tests boot on Debian. */
export async function buildLoadImage(base: string): Promise<void> {
  const args = ["--build-arg", `BASE=${base}`, "--build-arg", `ARCH=${process.arch}`, "--tag", IMAGE];
  await $({ cwd: ROOT })`docker build --quiet --network=host ${args} --file test/support/Dockerfile.debian .`;
}

const CLIENT = `ssh -F none -n -q -p ${PORT} -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=/client/known -o GlobalKnownHostsFile=none`;

/** Starts one; resolves when its sshd answers and has taken up rsa, which for milliseconds refuses connections. `extra` is for docker. */
export async function startLoad(kind: Kind, extra: readonly string[] = []): Promise<LoadContainer> {
  const keys = await makeKeys();
  const env = ["--env", `AUTHORIZED_KEYS=${keys.good}`, "--env", "WITHSSH_SSHD_CONFIG=MaxStartups 200:30:400"];
  const args = ["--entrypoint", kind.entrypoint, ...env, ...extra, IMAGE, ...kind.command];
  const created = await $`docker run --detach --network none ${args}`;
  const id = created.stdout.trim();
  const exec = async (script: string): Promise<Finished> =>
    await run("docker", ["exec", id, "sh", "-c", script], { timeoutMs: LONG_MS });
  const sh = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await exec(script);
    if (code !== 0) throw new Error(`${kind.name}: ${script.slice(0, 60)} ended with ${code} — saw ${stderr}${stdout}`);
    return stdout;
  };
  await sh(`mkdir -p /client && cd /client && printf %s '${keys.goodPrivate}' | base64 -d > good && chmod 600 good
    ssh-keygen -q -t ed25519 -N '' -f bad
    i=0; until ssh-keyscan -t rsa -p ${PORT} 127.0.0.1 2>/dev/null | grep -q ssh-rsa; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.1; done
    ssh-keyscan -t ed25519 -p ${PORT} 127.0.0.1 > known`);
  const many = (count: number, atOnce: number, command: string) => `seq ${count} | xargs -P ${atOnce} -I N ${command}`;
  const kill: LoadContainer["kill"] = async (signal, command) => {
    const isIt = `case "$(tr '\\0' ' ' < $p/cmdline 2>/dev/null)" in '${command}'*) true;; *) false;; esac`;
    return Number(
      await sh(`n=0; for p in /proc/[0-9]*; do ${isIt} && kill -${signal} \${p#/proc/} && n=$((n+1)); done; echo $n`),
    );
  };
  return {
    id,
    sh,
    kill,
    async logIn(count, atOnce) {
      // ssh ends with 255 where it is refused, and then xargs stops.
      const began = performance.now();
      await sh(many(count, atOnce, `${CLIENT} -i /client/good root@127.0.0.1 true`));
      return (performance.now() - began) / 1000;
    },
    async beRefused(count, atOnce) {
      const loud = CLIENT.replace(" -q ", " ");
      const told = await sh(many(count, atOnce, `sh -c '${loud} -i /client/bad strangerN@127.0.0.1 true 2>&1; true'`));
      return told.split("\n").filter((line) => line.includes("Permission denied")).length;
    },
    async hold(count) {
      const one = `${CLIENT} -i /client/good root@127.0.0.1 'echo >> /client/in; exec sleep 100000'`;
      const all = `: > /client/in; for i in $(seq ${count}); do ${one} > /dev/null 2>&1 & [ $((i % 20)) -gt 0 ] || sleep 1; done; wait`;
      // Their parent stays to wait for them: what is a zombie then is nobody's but ours.
      await $`docker exec --detach ${id} sh -c ${all}`;
      const isIn = `[ -e /client/in ] && [ $(wc -l < /client/in) = ${count} ]`;
      await sh(`i=0; until ${isIn}; do i=$((i+1)); [ $i -lt 1200 ] || exit 1; sleep 0.1; done`);
    },
    async letGo() {
      await kill("TERM", "ssh -F none");
    },
    async held() {
      const text = await sh(HELD);
      const [anonymousKib = 0, descriptors = 0, zombies = 0] = text.trim().split(/\s+/).map(Number);
      return { anonymousKib, descriptors, zombies };
    },
    async log() {
      const { stderr } = await run("docker", ["logs", id], { timeoutMs: LONG_MS });
      return stderr.split("\n").flatMap((line) => parseLogLine(line) ?? []);
    },
    async remove() {
      await $({ nothrow: true, signal: new AbortController().signal })`docker rm --force --volumes ${id}`;
    },
  };
}

/** Anonymous memory and descriptors of the supervisor, zombies of the whole container. */
const HELD = `for p in /proc/[0-9]*; do case "$(tr '\\0' ' ' < $p/cmdline 2>/dev/null)" in "withssh ${SUPERVISOR_ROLE} "*) s=$p;; esac; done
  [ -n "$s" ] || { echo 'no supervisor' >&2; exit 1; }
  awk '/^Anonymous:/ { print $2 }' $s/smaps_rollup; ls $s/fd | wc -l; cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z' || true`;

/** A key pair for one container; on disk for a moment only. */
async function makeKeys(): Promise<{ good: string; goodPrivate: string }> {
  const dir = await mkdtemp(join(tmpdir(), "withssh-load-"));
  try {
    const path = join(dir, "good");
    await makeKeyPair(path, "ed25519");
    const good = (await readFile(`${path}.pub`, "utf8")).trim();
    return { good, goodPrivate: (await readFile(path)).toString("base64") };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
