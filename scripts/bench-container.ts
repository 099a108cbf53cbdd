/**
 * The one container that a bench runs in, and the harness inside. With the right to make PID namespaces, for the
 * harness; without a network, because it needs none. Gone with its volume when the bench ends, however it ends.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./places.ts";
import { $ } from "./shell.ts";

/** The images that a bench runs in, by C library. */
export const BENCH_IMAGES = { glibc: "withssh-bench", musl: "withssh-bench-musl" } as const;
const BENCH_DIR = join(ROOT, "bench");

/** What PID namespaces with a /proc of their own take; not `--privileged`, which an engine may be unable to give. */
const RIGHTS = ["SYS_ADMIN"]
  .map((capability) => `--cap-add=${capability}`)
  .concat(["seccomp", "apparmor", "systempaths"].map((what) => `--security-opt=${what}=unconfined`));

/** The most that there is (cgroups(7), cpu.shares): what else runs here disturbs less, all variants alike. */
const PRIORITY = "--cpu-shares=262144";

/** Builds the bench's image on `base`. The network is the machine's own: a bridge may not reach Debian's packages. */
export async function buildBenchImage(base: string, libc: keyof typeof BENCH_IMAGES = "glibc"): Promise<void> {
  const dockerfile = join(BENCH_DIR, libc === "musl" ? "Dockerfile.musl" : "Dockerfile");
  const args = ["--network=host", "--build-arg", `BASE=${base}`, "--tag", BENCH_IMAGES[libc], "--file", dockerfile];
  await $({ cwd: ROOT })`docker build --quiet ${args} ${BENCH_DIR}`;
}

/** Runs one job; gives the lines of JSON that the harness said, without its last. */
export type RunJob = (job: string) => Promise<unknown[]>;

/**
 * @param image one of `BENCH_IMAGES`
 * @param executable path of the built withssh
 * @param environment what all variants get, besides PATH, HOME and HOSTNAME
 * @param extra further arguments for `docker create`
 * @param use gets a function that runs jobs, one after the other
 * @throws Error with what the harness said when it fails
 */
export async function withBenchContainer<T>(
  image: string,
  executable: string,
  environment: Readonly<Record<string, string>>,
  extra: readonly string[],
  use: (runJob: RunJob) => Promise<T>,
): Promise<T> {
  const env = Object.entries(environment).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const created = await $`docker create --interactive --network none ${RIGHTS} ${PRIORITY} ${env} ${extra} ${image}`;
  const id = created.stdout.trim();
  try {
    await $`docker cp ${executable} ${id}:/usr/local/bin/withssh`;
    const harness = spawn("docker", ["start", "--attach", "--interactive", id], { stdio: ["pipe", "pipe", "inherit"] });
    harness.stdin.on("error", () => {}); // its end is told by its lines' end
    const lines = createInterface({ input: harness.stdout })[Symbol.asyncIterator]();
    const result = await use(async (job) => {
      harness.stdin.write(`${job}\n`);
      const said: unknown[] = [];
      for (;;) {
        const next = await lines.next();
        if (next.done === true) throw new Error(`the bench harness ended in the middle of: ${job}`);
        const value = JSON.parse(next.value) as { readonly done?: true };
        if (value.done === true) return said;
        said.push(value);
      }
    });
    harness.stdin.end();
    return result;
  } finally {
    await $({ nothrow: true, signal: new AbortController().signal })`docker rm --force --volumes ${id}`;
  }
}
