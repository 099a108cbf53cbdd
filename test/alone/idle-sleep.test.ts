/** An idle supervisor sleeps, however it was started, and whatever happens then wakes it as quickly as ever. */
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import { type Container, DEADLINE_MS } from "../support/container.ts";
import { APP, findProcess, isListener, ourLines, waitForProcesses, writeFiles } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";

/** As ppoll(2) has it in proc(5), syscall: the runtime's own wait is another call. */
const POLL = process.arch === "arm64" ? "73" : "271";
/** Longer than any two of the runtime's own looks are apart (docs/bench.md). */
const LOOKS_S = "3";
const KEYS = "/volume/.ssh/authorized_keys";
/** design: "in force within a second". */
const IN_FORCE_MS = 1000;

async function readFirst(container: Container, pid: number, script: string): Promise<string | undefined> {
  const { stdout } = await container.exec(["sh", "-c", script, "sh", `/proc/${pid}`]);
  return stdout.trim();
}

/** One that is executed has the whole path for a name. */
const isSupervisor = ({ command }: { command: string }) => command.endsWith("withssh --supervisor");

/** Waits until it sleeps; gives its pid. */
async function asleep(container: Container): Promise<number> {
  const { pid } = await findProcess(container, isSupervisor);
  const began = performance.now();
  for (;;) {
    const call = await readFirst(container, pid, "cut -d' ' -f1 $1/syscall");
    if (call === POLL) return pid;
    if (performance.now() - began > DEADLINE_MS) throw new Error(`it did not sleep — saw it in system call ${call}`);
  }
}

const STARTS = [
  { what: "left in the launcher's memory", env: {} },
  { what: "forked", env: { WITHSSH_LOG_LEVEL: "info" } },
  { what: "executed", env: { NODE_OPTIONS: "--x" } },
];

describe.concurrent.each(bases)("on %s", (base) => {
  test.each(STARTS)("$what: it sleeps, and each event wakes it", async ({ env }) => {
    const [first, second] = await Promise.all([makeKey(), makeKey()]);
    const entrypoint = ["sh", "-c", 'withssh "$@"; exec sleep 100000', "sh"];
    const container = await startContainer({
      base,
      env: { AUTHORIZED_KEYS: first.publicLine, ...env },
      entrypoint,
      cmd: APP,
      host: { Init: true },
    });
    await container.waitForLogins();

    // A whole sleep may end in the middle by the rare look at files: then the next one counts.
    const looksWhileAsleep = async () => {
      const pid = await asleep(container);
      const read = `awk '/^voluntary_ctxt/{print $2}' $1/status`;
      return await readFirst(container, pid, `a=$(${read}); sleep ${LOOKS_S}; b=$(${read}); echo $((b - a))`);
    };
    expect([await looksWhileAsleep(), await looksWhileAsleep()]).toContain("0");

    await asleep(container);
    const changed = Date.now();
    await writeFiles(container, { [KEYS]: `${second.publicLine}\n` });
    const added = await container.waitForLog("authorized keys changed");
    expect(Date.parse(String(added["time"])) - changed).toBeLessThan(IN_FORCE_MS);

    await asleep(container);
    expect((await ssh(container, { key: second, command: "true" })).code).toBe(0);
    await container.waitForLog("disconnected");

    await asleep(container);
    const listener = await findProcess(container, isListener);
    await container.exec(["kill", "-KILL", String(listener.pid)]);
    await waitForProcesses(container, (all) => all.some((one) => isListener(one) && one.pid !== listener.pid), 2000);

    await asleep(container);
    const status = await container.exec(["withssh", "--status", "--json"]);
    expect([status.code, JSON.parse(status.stdout)]).toMatchObject([0, { ssh: "up" }]);

    await asleep(container);
    const app = await findProcess(container, ({ command }) => command.includes("trap") && !command.includes("withssh"));
    await container.exec(["kill", "-KILL", String(app.pid)]);
    await waitForProcesses(container, (all) => !all.some((one) => isSupervisor(one) || isListener(one)), 3000);
    expect(ourLines((await container.logs()).stderr).filter(({ level }) => level === "error")).toMatchObject([
      { msg: "sshd exited" },
    ]);
  });

  test("a signal to end wakes it", async () => {
    const { publicLine } = await makeKey();
    const container = await startContainer({ base, env: { AUTHORIZED_KEYS: publicLine }, cmd: APP });
    await container.waitForLogins();
    await container.exec(["kill", "-TERM", String(await asleep(container))]);
    await waitForProcesses(container, (all) => !all.some((one) => isSupervisor(one) || isListener(one)), 3000);
  });
});
