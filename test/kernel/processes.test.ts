/** Real processes: nothing here goes through a shell or the runtime's own spawn. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { byteString } from "../../src/byte-strings.ts";
import { memoryFile, readAll } from "../../src/descriptors.ts";
import { OsError } from "../../src/errors.ts";
import type { RunOptions } from "../../src/host.ts";
import { c, SYS } from "../../src/libc.ts";
import { Children, isExecutablePath, parseStatus, spawn, waitFor } from "../../src/processes.ts";

const OP = "test";
const children = new Children();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const run = (script: string, options?: RunOptions) =>
  children.run(OP, ["/bin/sh", "-c", script], ["PATH=/usr/bin:/bin", "ONLY=this"], options);

describe("a helper", () => {
  test("gives its output, its errors and its exit code apart", async () => {
    const result = await run("echo out; echo err >&2; exit 7");
    expect({ ...result, stdout: text(result.stdout), stderr: text(result.stderr) }).toEqual({
      code: 7,
      signal: undefined,
      timedOut: false,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("reads what it is given and then its end", async () => {
    expect(text((await run("cat", { stdin: new TextEncoder().encode("given") })).stdout)).toBe("given");
    expect(text((await run("cat; echo end")).stdout)).toBe("end\n");
  });

  test("has the environment that is named and nothing else", async () => {
    const result = await children.run(OP, ["/usr/bin/env"], ["ONLY=this", "A=b c"]);
    expect(text(result.stdout)).toBe("ONLY=this\nA=b c\n");
  });

  test("that takes too long is ended, and told, also where nothing else is waited for", async () => {
    const script = [
      `import { Children } from ${JSON.stringify(fileURLToPath(new URL("../../src/processes.ts", import.meta.url)))};`,
      'new Children("later").run("test", ["/bin/sleep", "60"], [], { timeoutMs: 50 }).then(({ timedOut, signal }) => {',
      "  console.log(timedOut, signal);",
      "});",
    ].join("\n");
    const { stdout, status } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
    expect({ stdout, status }).toEqual({ stdout: "true 9\n", status: 0 });
  });

  test("holds no descriptor of ours beyond its three", async () => {
    const fd = memoryFile(new Uint8Array(), OP);
    const result = await run("ls -1 /proc/self/fd | wc -l");
    c.close(fd);
    // 0, 1, 2 and the one that ls opens for the listing.
    expect(text(result.stdout).trim()).toBe("4");
  });

  test("starts with every signal at its default and none blocked", async () => {
    const result = await run("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    expect(text(result.stdout).match(/[0-9a-f]{16}/g)).toEqual(["0000000000000000", "0000000000000000"]);
  });

  // Fields 19 and 41 of proc_pid_stat(5); 5 is SCHED_IDLE. It is lowered once it runs.
  const untilLowered = (nice: number, policy: number, priority: NonNullable<RunOptions["priority"]>) => {
    const isLowered = `[ "\${19} \${41}" = "${nice} ${policy}" ]`;
    const script = `for n in $(seq 2000); do set -- $(cat /proc/self/stat); ${isLowered} && echo lowered && exit; done`;
    return run(script, { priority });
  };

  test("of low priority gets the least share, of idle priority what nobody else wants", async () => {
    expect(text((await untilLowered(19, 0, "low")).stdout)).toBe("lowered\n");
    expect(text((await untilLowered(0, 5, "idle")).stdout)).toBe("lowered\n");
  });

  test("gets the least share where the kernel knows no idle priority", async () => {
    const syscall = c.syscall;
    vi.spyOn(c, "syscall").mockImplementation((...args) => (args[0] === SYS.schedSetscheduler ? -1 : syscall(...args)));
    expect(text((await untilLowered(19, 0, "idle")).stdout)).toBe("lowered\n");
    vi.restoreAllMocks();
  });

  test("that a signal ended says which", async () => {
    expect(await run("kill -9 $$")).toMatchObject({ code: undefined, signal: 9, timedOut: false });
  });

  test("that takes too long is killed with what it has started, and that is said", async () => {
    const result = await run("sleep 60 & echo $!; wait", { timeoutMs: 100 });
    expect(result).toMatchObject({ code: undefined, signal: 9, timedOut: true });
    // The kill is delivered by now; a zombie that nobody has reaped still counts as there, so look at its state.
    const pid = text(result.stdout).trim();
    await expect.poll(() => stateOf(Number(pid))).toMatch(/^[ZX-]$/);
  });

  test("takes bytes of arguments and text alike, with no shell in between", async () => {
    const result = await children.run(OP, ["/usr/bin/printf", "%s|", "a b", "$HOME", "é"], []);
    expect(text(result.stdout)).toBe("a b|$HOME|é|");
  });

  test("that is not there is an OsError and not an exit code", async () => {
    await expect(children.run(OP, ["/nowhere/helper"], [])).rejects.toThrow(OsError);
  });

  test("with more output than a pipe holds does not hang", async () => {
    const result = await run("head -c 300000 /dev/zero");
    expect(result.stdout).toHaveLength(300_000);
  });

  test("runs beside others, and each gets its own result", async () => {
    const codes = await Promise.all([5, 6, 7, 8, 9].map((code) => run(`exit ${code}`)));
    expect(codes.map((result) => result.code)).toEqual([5, 6, 7, 8, 9]);
  });
});

test("a stranger's end is reaped in silence and takes nobody's answer", async () => {
  const stranger = spawn(OP, { argv: ["/bin/true"], environment: [], descriptors: [] });
  expect((await run("exit 3")).code).toBe(3);
  await expect.poll(() => stateOf(stranger)).toBe("-");
});

test("arguments and environment reach a child byte for byte, also what is no UTF-8", () => {
  const out = memoryFile(new Uint8Array(), OP);
  const pid = spawn(OP, {
    argv: ["/bin/cat", "/proc/self/environ"],
    environment: ["X=\xff\xfe"],
    descriptors: [0, out, 2],
  });
  waitFor(pid);
  c.lseek(out, 0, 0);
  expect(byteString(readAll(out, OP, 1000))).toBe("X=\xff\xfe\0");
  c.close(out);
});

test.each([
  ["session", true],
  ["group", false],
] as const)("detached as a %s it leaves our process group", (detach, ownSession) => {
  const out = memoryFile(new Uint8Array(), OP);
  const pid = spawn(OP, { argv: ["/bin/cat", "/proc/self/stat"], environment: [], descriptors: [0, out, 2], detach });
  waitFor(pid);
  c.lseek(out, 0, 0);
  const [, , group, session] = byteString(readAll(out, OP, 1000))
    .replace(/^.*\) /, "")
    .split(" ")
    .map(Number);
  c.close(out);
  expect([group === pid, session === pid]).toEqual([true, ownSession]);
});

test("a wait status is an exit code or a signal", () => {
  expect([parseStatus(0), parseStatus(7 << 8), parseStatus(255 << 8), parseStatus(9), parseStatus(11 | 0x80)]).toEqual([
    { code: 0, signal: undefined },
    { code: 7, signal: undefined },
    { code: 255, signal: undefined },
    { code: undefined, signal: 9 },
    { code: undefined, signal: 11 },
  ]);
});

test("a directory is no program, though it may be searched", () => {
  expect([isExecutablePath("/bin/sh"), isExecutablePath("/etc/passwd"), isExecutablePath("/nowhere")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(isExecutablePath("/usr")).toBe(false);
});

/** The state letter of proc(5); `-` when there is no such process. */
function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "")[0] ?? "-";
  } catch {
    return "-";
  }
}

afterAll(() => process.removeAllListeners("SIGCHLD"));
