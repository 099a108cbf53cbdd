/**
 * The trials of `npm run bench:load`: each loads or harms a container in one way and says what became of it, with the bar
 * that it is held to. Traffic stays inside the containers, which have no network; every trial is bounded in count and time.
 */
import { SUPERVISOR_ROLE } from "../src/roles.ts";
import { quantile } from "./bench-figures.ts";
import { type LoadContainer, PLAIN, startLoad, WITHSSH } from "./load-container.ts";
import { $ } from "./shell.ts";

/** How much of everything. */
export interface Size {
  readonly sessions: number;
  readonly logins: number;
  readonly atOnce: number;
  readonly rounds: number;
  readonly refused: number;
  readonly stoppedMs: number;
}

export const WHOLE: Size = { sessions: 200, logins: 2000, atOnce: 50, rounds: 20, refused: 1000, stoppedMs: 60_000 };
export const QUICK: Size = { sessions: 20, logins: 200, atOnce: 20, rounds: 4, refused: 100, stoppedMs: 3000 };

/** One row of docs/load.md. `bar`: what it is held to, in words. */
export interface Found {
  readonly what: string;
  readonly saw: string;
  readonly bar: string;
  readonly holds: boolean;
}

const MEMORY_BAR_MB = 14;
const RATE_BAR = 0.97;
const SUPERVISOR = `withssh ${SUPERVISOR_ROLE}`;
/** What a held session runs. */
const SESSION = "sleep 100000 ";
/** After the load garbage is collected (thrift.ts) and ended processes are reaped. */
const SETTLE_MS = 5000;
/** Of one address: the first few, and one line of their number, in each of the windows that the storm can touch. */
const linesInStorm = (seconds: number) => 6 * (Math.ceil(seconds / 60) + 1);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const countOf = async (one: LoadContainer, msg: string) => (await one.log()).filter((line) => line.msg === msg).length;

async function withLoad<T>(extra: readonly string[], use: (one: LoadContainer) => Promise<T>, kind = WITHSSH) {
  const one = await startLoad(kind, extra);
  try {
    return await use(one);
  } finally {
    await one.remove();
  }
}

/** Sessions held open, then logins in rounds, plain sshd and withssh in turn: the median over rounds of their ratio. */
export async function tryLoad(size: Size): Promise<Found[]> {
  return await withLoad([], async (ours) => {
    return await withLoad(
      [],
      async (plain) => {
        for (const one of [ours, plain]) await one.logIn(size.atOnce, size.atOnce);
        await pause(SETTLE_MS);
        const before = await ours.held();
        for (const one of [ours, plain]) await one.hold(size.sessions);
        const each = size.logins / size.rounds;
        const rates: { ours: number; plain: number }[] = [];
        for (let round = 0; round < size.rounds; round++) {
          const order = round % 2 === 0 ? [ours, plain] : [plain, ours];
          const seconds = new Map<LoadContainer, number>();
          for (const one of order) seconds.set(one, await one.logIn(each, size.atOnce));
          rates.push({ ours: each / (seconds.get(ours) ?? 0), plain: each / (seconds.get(plain) ?? 0) });
        }
        for (const one of [ours, plain]) await one.letGo();
        const wanted = size.sessions + size.logins + size.atOnce;
        const deadline = performance.now() + 60_000;
        while ((await countOf(ours, "disconnected")) < wanted && performance.now() < deadline) await pause(500);
        await pause(SETTLE_MS);
        const after = await ours.held();
        const ratio = quantile(
          rates.map((rate) => rate.ours / rate.plain),
          0.5,
        );
        const rate = (which: "ours" | "plain") =>
          quantile(
            rates.map((one) => one[which]),
            0.5,
          ).toFixed(1);
        const told = [await countOf(ours, "accepted"), await countOf(ours, "disconnected")];
        const anonymousMb = (after.anonymousKib * 1024) / 1e6;
        const load = `${size.sessions} sessions held, ${size.logins} logins, ${size.atOnce} at a time`;
        return [
          {
            what: `logins per second: ${load}`,
            saw: `${rate("ours")}, plain sshd ${rate("plain")}: ${ratio.toFixed(2)} × plain sshd`,
            bar: `≥ ${RATE_BAR} × plain sshd`,
            holds: ratio >= RATE_BAR,
          },
          {
            what: "each of them told, its begin and its end",
            saw: `${told[0]} accepted, ${told[1]} disconnected`,
            bar: `${wanted} and ${wanted}`,
            holds: told.every((count) => count === wanted),
          },
          {
            what: "the supervisor's own memory afterwards",
            saw: `${anonymousMb.toFixed(1)} MB (before ${((before.anonymousKib * 1024) / 1e6).toFixed(1)})`,
            bar: `under ${MEMORY_BAR_MB} MB`,
            holds: anonymousMb < MEMORY_BAR_MB,
          },
          {
            what: "its descriptors afterwards",
            saw: `${after.descriptors} (before ${before.descriptors})`,
            bar: "as many as before",
            holds: after.descriptors === before.descriptors,
          },
          { what: "zombies afterwards", saw: String(after.zombies), bar: "0", holds: after.zombies === 0 },
        ];
      },
      PLAIN,
    );
  });
}

/** Refused logins as fast as they go, and good ones meanwhile. */
export async function tryStorm(size: Size): Promise<Found[]> {
  return await withLoad([], async (one) => {
    const calm = await one.logIn(5, 1);
    const began = performance.now();
    const storm = one.beRefused(size.refused, size.atOnce);
    const meanwhile = await one.logIn(5, 1);
    const refused = await storm;
    const seconds = (performance.now() - began) / 1000;
    await one.kill("TERM", SUPERVISOR);
    const deadline = performance.now() + 10_000;
    while ((await countOf(one, "stopping")) === 0 && performance.now() < deadline) await pause(100);
    await pause(500);
    const lines = (await one.log()).filter(({ msg }) => msg.startsWith("refused"));
    const counted = lines.reduce((sum, line) => sum + (typeof line["count"] === "number" ? line["count"] : 1), 0);
    const most = linesInStorm(seconds);
    return [
      {
        what: `${size.refused} strangers in ${seconds.toFixed(0)} s: lines of the log`,
        saw: `${lines.length}, which count ${counted} refusals; ${refused} clients were told that they are refused`,
        bar: `≤ ${most}, and every refusal is counted`,
        holds: lines.length <= most && counted >= refused && refused >= 0.95 * size.refused,
      },
      {
        what: "5 good logins in the middle of it",
        saw: `all let in, ${(meanwhile / 5).toFixed(2)} s each (${(calm / 5).toFixed(2)} s before)`,
        bar: "all let in",
        holds: true,
      },
    ];
  });
}

const STALLED = 'mkfifo /tmp/log; sleep 1000000 < /tmp/log & exec withssh "$@" 2> /tmp/log';

/** stderr is a pipe whose reader is there and does not read; then it does. */
export async function tryStalledLog(size: Size): Promise<Found[]> {
  const kind = { name: "withssh", entrypoint: "sh", command: ["-c", STALLED, "sh", ...TICKING] };
  return await withLoad(
    ["--env", "WITHSSH_LOG_LEVEL=debug"],
    async (one) => {
      await one.sh("timeout 1 cat /dev/zero > /tmp/log || true");
      const count = Math.max(size.logins / 10, 100);
      const seconds = await one.logIn(count, size.atOnce);
      const ticked = await one.sh(
        "a=$(wc -c < /tmp/ticks); sleep 2; [ $(wc -c < /tmp/ticks) -gt $a ] && echo on || echo off",
      );
      const told = await one.sh("timeout 60 grep -a -m 1 'log records lost' /tmp/log || true");
      await one.logIn(5, 1);
      return [
        {
          what: `a log that nobody reads, ${count} logins at debug`,
          saw: `all let in, in ${seconds.toFixed(0)} s; the app went ${ticked.trim()}; then told: ${told.trim() === "" ? "nothing" : "lines lost, counted"}`,
          bar: "neither sshd nor the app stops, the loss is told",
          holds: ticked.trim() === "on" && told.trim() !== "",
        },
      ];
    },
    kind,
  );
}

const TICKING = ["sh", "-c", "while :; do echo tick >> /tmp/ticks; sleep 0.2; done"];

/** Every place that we write is full. */
export async function tryFullDisk(): Promise<Found[]> {
  const tmpfs = ["/run", "/volume", "/tmp"].flatMap((place) => ["--tmpfs", `${place}:size=2m`]);
  return await withLoad(tmpfs, async (one) => {
    await one.sh("for d in /run /volume /tmp; do dd if=/dev/zero of=$d/fill bs=4k 2>/dev/null || true; done");
    await one.logIn(20, 5);
    await one.kill("KILL", "sshd: /usr/sbin/sshd -D");
    await one.sh(`i=0; until ${ANSWERS}; do i=$((i+1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done`);
    await one.logIn(20, 5);
    return [
      {
        what: "/run, /volume and /tmp full: 20 logins, sshd killed, 20 more",
        saw: "all let in, sshd started again",
        bar: "all let in",
        holds: true,
      },
    ];
  });
}

const ANSWERS = "ssh-keyscan -t ed25519 -p 2222 127.0.0.1 2>/dev/null | grep -q ssh-";

/** The freezer, as a platform suspends a machine. */
export async function trySuspend(size: Size): Promise<Found[]> {
  return await withLoad([], async (one) => {
    await one.hold(10);
    const before = await one.kill("0", SESSION);
    await $`docker pause ${one.id}`;
    await pause(size.stoppedMs);
    await $`docker unpause ${one.id}`;
    const seconds = await one.logIn(20, 5);
    const after = await one.kill("0", SESSION);
    const errors = (await one.log()).filter(({ level }) => level === "error").length;
    const exits = await countOf(one, "sshd exited");
    return [
      {
        what: `all processes stopped for ${size.stoppedMs / 1000} s and continued, 10 sessions held`,
        saw: `${before === after ? "all sessions there" : "sessions lost"}, 20 logins in ${seconds.toFixed(1)} s, ${errors} errors, ${exits} restarts`,
        bar: "sessions and logins go on, nothing restarts",
        holds: before === after && errors === 0 && exits === 0,
      },
    ];
  });
}

/** An upgrade under our feet, and our own death. */
export async function tryReplaced(): Promise<Found[]> {
  return await withLoad([], async (one) => {
    await one.sh("cp -p /usr/sbin/sshd /usr/sbin/sshd.new && mv /usr/sbin/sshd.new /usr/sbin/sshd");
    await one.logIn(20, 5);
    await one.hold(5);
    await one.kill("KILL", SUPERVISOR);
    const seconds = await one.logIn(20, 5);
    const sessions = await one.kill("0", SESSION);
    return [
      { what: "sshd replaced by rename: 20 logins", saw: "all let in", bar: "the next logins work", holds: true },
      {
        what: "the supervisor killed: 20 logins, 5 sessions held",
        saw: `all let in, in ${seconds.toFixed(1)} s, ${sessions} sessions there`,
        bar: "logins and sessions go on",
        holds: sessions === 5,
      },
    ];
  });
}
