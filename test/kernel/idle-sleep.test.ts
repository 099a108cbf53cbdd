/** What wakes a process that sleeps on its event queue, in a process of its own: all that wakes the runtime does, and in time. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findEventQueue } from "../../src/idle-sleep.ts";
import { c, O, SYS } from "../../src/libc.ts";

const SRC = new URL("../../src/", import.meta.url).pathname;
/** Far below the longest sleep, and below every look at what has events (process-end.ts), on a loaded machine too. */
const AT_ONCE_MS = 900;
/** The number that proc(5), syscall, has of a process in ppoll(2): no wait of the runtime's own. */
const POLL = process.arch === "arm64" ? "73" : "271";

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "withssh-idle-"));
});
afterEach(async () => {
  await rm(place, { recursive: true });
});

interface Sleeper {
  readonly pid: number;
  /** Resolves once it sleeps. */
  asleep(): Promise<void>;
  /** The next line that it says. */
  line(): Promise<string>;
  end(): Promise<void>;
}

/** A process that runs `body`, where `say` tells us a line, and sleeps whenever it has nothing to do; on `queue`, if that is said. */
function startSleeper(body: string, queue = "findEventQueue()"): Sleeper {
  const load = (name: string) => `await import(${JSON.stringify(`${SRC}${name}.ts`)})`;
  const script = `
    const timers = (${load("timer-record")}).recordTimers();
    const { findEventQueue, sleepBetweenEvents } = ${load("idle-sleep")};
    const { c, ptr } = ${load("libc")};
    const say = (text) => c.write(1, ptr(Buffer.from(text + "\\n")), text.length + 1);
    const load = (name) => import(${JSON.stringify(SRC)} + name + ".ts");
    const place = ${JSON.stringify(place)};
    setInterval(() => {}, 1 << 30);
    const queue = ${queue};
    ${body}
    sleepBetweenEvents(queue, timers, { quietMs: 50, turnMs: 10, longestMs: 60_000 });
    say("ready");`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const out = child.stdout.getReader();
  let said = "";
  const line = async () => {
    for (;;) {
      const at = said.indexOf("\n");
      if (at >= 0) {
        const first = said.slice(0, at);
        said = said.slice(at + 1);
        return first;
      }
      const { value, done } = await out.read();
      if (done) throw new Error("it has ended");
      said += new TextDecoder().decode(value);
    }
  };
  const asleep = async () =>
    await expect
      .poll(() => readFileSync(`/proc/${child.pid}/syscall`, "utf8").split(" ")[0], { interval: 5 })
      .toBe(POLL);
  const end = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { pid: child.pid, line, asleep, end };
}

/** Each sets something up that says "woken", and is acted upon once the process sleeps. */
const EVENTS: Readonly<Record<string, { body: string; act: (pid: number) => unknown }>> = {
  "a signal": {
    body: `process.on("SIGTERM", () => say("woken"));`,
    act: (pid) => process.kill(pid, "SIGTERM"),
  },
  "the end of a child": {
    body: `
      const { Children, spawn } = await load("processes");
      const children = new Children();
      const argv = ["/bin/sh", "-c", "read x < " + place + "/fifo"];
      children.ended(spawn("test", { argv, environment: [], descriptors: [0, 1, 2] })).then(() => say("woken"));`,
    act: () => writeFile(join(place, "fifo"), "x\n"),
  },
  "the end of a stranger, by its pidfd": {
    body: `
      const { whenEnded } = await load("process-end");
      const { SYS } = await load("libc");
      const argv = ["/bin/sh", "-c", "read x < " + place + "/fifo"];
      const pid = (await load("processes")).spawn("test", { argv, environment: [], descriptors: [0, 1, 2] });
      whenEnded(Number(c.syscall(SYS.pidfdOpen, pid, 0, 0, 0, 0)), () => say("woken"));`,
    act: () => writeFile(join(place, "fifo"), "x\n"),
  },
  "a record of sshd's log": {
    body: `
      const log = new (await load("log-socket")).LogSocket();
      log.listen(({ text }) => say(text));
      const argv = ["/bin/sh", "-c", "read x < " + place + "/fifo; printf woken >&2"];
      (await load("processes")).spawn("test", { argv, environment: [], descriptors: [0, 1, log.writer] });`,
    act: () => writeFile(join(place, "fifo"), "x\n"),
  },
  "a change of a watched file": {
    body: `
      const { startWatcher } = await load("watcher");
      startWatcher([{ topic: "keys", paths: [place + "/keys"] }], () => say("woken"));`,
    act: () => appendFile(join(place, "keys"), "x"),
  },
  "an answer of another thread": {
    body: `require("node:fs").promises.readFile(place + "/fifo").then(() => say("woken"));`,
    act: () => writeFile(join(place, "fifo"), "x\n"),
  },
  "bytes on a socket of the runtime's own": {
    body: `
      Bun.listen({ unix: place + "/socket", socket: { data: () => say("woken") } });`,
    act: () =>
      Bun.connect({ unix: join(place, "socket"), socket: { open: (socket) => void socket.end("x"), data: () => {} } }),
  },
};

test.each(Object.entries(EVENTS))("%s wakes it at once, and it sleeps again", async (_, { body, act }) => {
  execFileSync("mkfifo", [join(place, "fifo")]);
  await writeFile(join(place, "keys"), "");
  const sleeper = startSleeper(body);
  try {
    expect(await sleeper.line()).toBe("ready");
    await sleeper.asleep();
    const began = performance.now();
    await act(sleeper.pid);
    expect(await sleeper.line()).toBe("woken");
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await sleeper.asleep();
  } finally {
    await sleeper.end();
  }
});

test("timers run when they are due: one, one that repeats, and one that was set by an event", async () => {
  const sleeper = startSleeper(`
    const began = performance.now();
    const tell = (what, ms) => say(what + " " + (performance.now() - began >= ms - 1));
    setTimeout(() => tell("once", 700), 700);
    let count = 0;
    const every = setInterval(() => {
      count += 1;
      tell("again", 500 * count);
      if (count === 2) clearInterval(every);
    }, 500);
    process.on("SIGTERM", () => setTimeout(() => say("later"), 400));`);
  try {
    expect(await sleeper.line()).toBe("ready");
    const began = performance.now();
    expect([await sleeper.line(), await sleeper.line(), await sleeper.line()]).toEqual([
      "again true",
      "once true",
      "again true",
    ]);
    expect(performance.now() - began).toBeLessThan(1000 + AT_ONCE_MS);
    await sleeper.asleep();
    process.kill(sleeper.pid, "SIGTERM");
    expect(await sleeper.line()).toBe("later");
    await sleeper.asleep();
  } finally {
    await sleeper.end();
  }
});

test("what an immediate has left for the next one is done before it sleeps", async () => {
  const sleeper = startSleeper(`
    process.on("SIGTERM", () => {
      // As many turns as it takes until it would sleep, and more.
      const until = performance.now() + 200;
      const turn = () => (performance.now() < until ? setImmediate(turn) : say("done"));
      turn();
    });`);
  try {
    expect(await sleeper.line()).toBe("ready");
    await sleeper.asleep();
    const began = performance.now();
    process.kill(sleeper.pid, "SIGTERM");
    expect(await sleeper.line()).toBe("done");
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
  } finally {
    await sleeper.end();
  }
});

/** How often it has waited for something. */
const waitsOf = (pid: number) =>
  Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

test("nothing runs while it sleeps, where the runtime's own wait would look around each second", async () => {
  const sleeper = startSleeper(`globalThis.kept = Array.from({ length: 1e4 }, (_, i) => ({ i }));`);
  try {
    expect(await sleeper.line()).toBe("ready");
    await sleeper.asleep();
    const before = waitsOf(sleeper.pid);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(waitsOf(sleeper.pid)).toBe(before);
  } finally {
    await sleeper.end();
  }
});

test("on a queue that cannot be asked it does not sleep, and the runtime waits by itself", async () => {
  const body = `let count = 0; setInterval(() => { count += 1; say(String(count)); }, 200);`;
  const sleeper = startSleeper(body, "999");
  try {
    expect(await sleeper.line()).toBe("ready");
    expect(await sleeper.line()).toBe("1");
    const before = waitsOf(sleeper.pid);
    for (const count of ["2", "3", "4", "5", "6"]) expect(await sleeper.line()).toBe(count);
    // The collector's looks and the interval: a sleep that is tried again and again would be hundreds.
    expect(waitsOf(sleeper.pid) - before).toBeLessThan(40);
    expect(readFileSync(`/proc/${sleeper.pid}/syscall`, "utf8").split(" ")[0]).not.toBe(POLL);
  } finally {
    await sleeper.end();
  }
});

test("where there is more than one event queue none is taken for the runtime's", () => {
  const more = Array.from({ length: 2 }, () => Number(c.syscall(SYS.epollCreate1, O.cloexec, 0, 0, 0, 0)));
  try {
    expect(findEventQueue()).toBeUndefined();
  } finally {
    for (const fd of more) c.close(fd);
  }
});
