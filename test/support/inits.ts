/**
 * What an init does, asked of any of them: each question is a small experiment in a container, its answer a few words.
 * docs/init.md is the table of all answers; test/integration/inits.test.ts holds it to what was found.
 */
import { chmod, readFile } from "node:fs/promises";
import type { ContainerOptions } from "./boot.ts";
import { runToEnd, startContainer } from "./boot.ts";
import type { Container } from "./container.ts";
import { bindProbe, PROBE, parseReport } from "./probe.ts";
import { makeDir } from "./ssh.ts";

/** An init as a command goes behind it. */
export interface Init {
  readonly name: string;
  readonly argv: readonly string[];
  readonly image: Pick<ContainerOptions, "base" | "image">;
}

/** Where experiments run that need no PID 1 of their own: below docker's own init. */
export async function startLab({ image }: Init): Promise<Container> {
  const binds = [await bindProbe()];
  return await startContainer({ ...image, binds, entrypoint: ["sleep"], cmd: ["100000"], host: { Init: true } });
}

type Ask = (init: Init, lab: Container) => Promise<string>;

/** What cannot be caught, what a child's end or a fault sends, and CONT, which ends a stop whoever catches it. */
const NOT_ASKED = [4, 5, 6, 7, 8, 9, 11, 17, 18, 19, 31, 32, 33, 34];
const ASKED = Array.from({ length: 64 }, (_, i) => i + 1).filter((signal) => !NOT_ASKED.includes(signal));
const MARK = 10;
/** Longer than any init needs that does not wait for ever. */
const HANGS_S = 4;

/** Runs `sh -c script sh INIT...` in the lab; `"$@"` is the init. */
const inLab = async (init: Init, lab: Container, script: string, before: readonly string[] = []) =>
  await lab.exec([...before, "timeout", "-s", "KILL", String(4 * HANGS_S), "sh", "-c", script, "sh", ...init.argv]);

/** The exit code of a command behind the init, in words. */
async function codeOf(init: Init, lab: Container, command: readonly string[], before: readonly string[] = []) {
  const limit = ["timeout", "-s", "KILL", String(HANGS_S)];
  const { code } = await lab.exec([...limit, ...before, ...init.argv, ...command]);
  return code === 137 && command.at(-1) !== "kill -KILL $$" ? "hangs" : String(code);
}

const code =
  (command: readonly string[], before: readonly string[] = []): Ask =>
  (init, lab) =>
    codeOf(init, lab, command, before);

/** As PID 1 of a container of its own, which is removed again. */
async function asPidOne<T>(init: Init, script: string, options: ContainerOptions, use: (one: Container) => Promise<T>) {
  const [entry = "", ...rest] = [...init.argv, "sh", "-c", script];
  const one = await startContainer({ ...init.image, entrypoint: [entry], cmd: rest, ...options });
  try {
    return await use(one);
  } finally {
    await one.remove();
  }
}

const LOOP = "while :; do sleep 1000 & wait $!; done";
/** In the container: waits until the condition holds, with a deadline. */
const until = (condition: string) =>
  `i=0; until ${condition}; do i=$((i+1)); [ $i -lt 2000 ] || exit 99; sleep 0.01; done`;

/** Sends each signal to PID 1; after each, two marks have gone the same way when it is looked whether it arrived. */
const askSignals: Ask = async (init) => {
  const traps = ASKED.map((n) => `trap 'echo ${n} >> /tmp/got' ${n};`).join(" ");
  return await asPidOne(init, `${traps} echo $$ > /tmp/app; ${LOOP}`, {}, async (one) => {
    const mark = `n=$(grep -c '^${MARK}$' /tmp/got); kill -${MARK} 1; kill -CONT $(cat /tmp/app); ${until(
      `[ $(grep -c '^${MARK}$' /tmp/got) -gt $n ]`,
    )}`;
    const others = ASKED.filter((n) => n !== MARK);
    const script = `${until("[ -s /tmp/app ]")}; : >> /tmp/got; for s in ${others.join(" ")}; do kill -$s 1; ${mark}; ${mark}; done; cat /tmp/got`;
    const { stdout, code: ended } = await one.exec(["sh", "-c", script]);
    if (ended !== 0) return "hangs";
    const got = stdout.trim().split("\n").map(Number);
    const missing = others.filter((n) => !got.includes(n));
    const twice = others.filter((n) => got.filter((one) => one === n).length > 1);
    return [
      missing.length === 0 ? "all" : `all but ${renderSignals(missing)}`,
      ...(twice.length === 0 ? [] : [`twice: ${renderSignals(twice)}`]),
    ].join("; ");
  });
};

/** `TSTP, 35 to 64` */
function renderSignals(signals: readonly number[]): string {
  const names: Readonly<Record<number, string>> = { 16: "STKFLT", 20: "TSTP", 21: "TTIN", 22: "TTOU", 30: "PWR" };
  const realTime = signals.filter((n) => n > 34);
  const rest = signals.filter((n) => n <= 34).map((n) => names[n] ?? String(n));
  return [...rest, ...(realTime.length === 0 ? [] : [`real-time (${realTime[0]} to ${realTime.at(-1)})`])].join(", ");
}

const askGroup: Ask = async (init, lab) => {
  const app = `trap 'echo app >> /tmp/g' USR1; (trap 'echo other >> /tmp/g' USR1; : > /tmp/g1; ${LOOP}) & : > /tmp/g2; ${LOOP}`;
  const script = `rm -f /tmp/g*; "$@" sh -c '${app.replaceAll("'", "'\\''")}' & ${until("[ -e /tmp/g1 ] && [ -e /tmp/g2 ]")}; kill -USR1 $!; ${until("grep -q app /tmp/g 2>/dev/null")}; sleep 0.3; grep -c other /tmp/g; kill -KILL $!`;
  const { stdout } = await inLab(init, lab, script);
  return stdout.trim() === "0" ? "the app alone" : "its whole process group";
};

const askSecondTerm: Ask = async (init) => {
  const app = `trap 'n=$((n+1)); echo $n; [ $n -lt 2 ] || exit 4' TERM; echo ready; ${LOOP}`;
  return await asPidOne(init, app, {}, async (one) => {
    const said = async (word: string) => {
      const deadline = performance.now() + 20_000;
      while (!(await one.logs()).stdout.split("\n").includes(word)) {
        if (performance.now() > deadline) throw new Error(`the app did not say ${word}`);
      }
    };
    await said("ready");
    await one.signal("TERM");
    await said("1");
    await one.signal("TERM");
    return (await one.waitForExit()) === 4 ? "reaches the app too" : "is lost";
  });
};

const askOrphans: Ask = async (init) =>
  await asPidOne(init, `for i in 1 2 3 4 5; do (sleep 0.05 &); done; : > /tmp/made; ${LOOP}`, {}, async (one) => {
    const zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    const sleeps =
      "ls /proc/[0-9]*/cmdline | while read f; do tr '\\0' ' ' < $f 2>/dev/null | grep '^sleep 0.05'; done";
    const script = `${until("[ -e /tmp/made ]")}; ${until(`[ -z "$(${sleeps})" ] && [ "$(${zombies})" = 0 ]`)}`;
    return (await one.exec(["sh", "-c", script])).code === 0 ? "reaped" : "left as zombies";
  });

const askAdoption: Ask = async (init, lab) => {
  const app =
    "(sleep 301 & echo $! > /tmp/orphan); read -r _ _ _ parent _ < /proc/$(cat /tmp/orphan)/stat; kill $(cat /tmp/orphan); [ $parent = $PPID ]";
  return (await codeOf(init, lab, ["sh", "-c", app])) === "0" ? "reaped" : "left to PID 1";
};

const askLeftBehind: Ask = async (init, lab) => {
  const script = `"$@" sh -c 'sleep 302 & echo $! > /tmp/left; exit 3'; echo $?; sleep 0.3; kill -0 $(cat /tmp/left) 2>/dev/null && echo lives; kill $(cat /tmp/left) 2>/dev/null; true`;
  const { stdout } = await inLab(init, lab, script);
  return stdout === "3\nlives\n" ? "lives on" : stdout === "3\n" ? "gets TERM" : stdout;
};

const askStdout: Ask = async (init, lab) => {
  const script = `rm -f /tmp/eof /tmp/pid; ("$@" sh -c 'exec 1>&-; echo $$ > /tmp/pid; exec sleep 303' | (cat; : > /tmp/eof)) & ${until("[ -s /tmp/pid ]")}; i=0; until [ -e /tmp/eof ] || [ $i = 20 ]; do i=$((i+1)); sleep 0.1; done; [ -e /tmp/eof ]; r=$?; kill -KILL $(cat /tmp/pid); exit $r`;
  return (await inLab(init, lab, script)).code === 0 ? "at once" : "when the app ends";
};

const askIgnored: Ask = async (init, lab) => {
  const script = `trap '' HUP; "$@" sh -c 'kill -HUP $$; echo lives'`;
  return (await inLab(init, lab, script)).stdout === "lives\n" ? "stays ignored" : "is forgotten";
};

const askBlocked: Ask = async (init, lab) => {
  const change = [PROBE, "with", "block", "15", "--", ...init.argv, PROBE, "report", "-"];
  const blocked = BigInt(`0x${parseReport((await lab.exec(change)).stdout).status["SigBlk"] ?? 0}`);
  return blocked === 1n << 14n ? "stays blocked" : blocked === 0n ? "is unblocked" : `others are: ${blocked}`;
};

/** What the terminal's foreground is, as seen by a probe behind the init in the background, or by one after it. */
async function askTerminal(
  init: Init,
  script: (init: string) => string,
): Promise<(name: string) => Promise<Record<string, unknown>>> {
  const dir = await makeDir();
  await chmod(dir, 0o777);
  const binds = [await bindProbe(), `${dir}:/out`];
  const wrapped = script(init.argv.join(" "));
  const create = { Tty: true };
  await runToEnd({ ...init.image, binds, create, entrypoint: ["sh", "-c"], cmd: [wrapped] });
  return async (name) => parseReport(await readFile(`${dir}/${name}`, "utf8"));
}

const askForeground: Ask = async (init) => {
  const read = await askTerminal(init, (it) => `${it} ${PROBE} report /out/front; ${PROBE} report /out/after`);
  const [front, after] = [await read("front"), await read("after")];
  return `${holderOf(front)}, ${after["foreground0"] === after["pgid"] ? "given back" : "not given back"}`;
};

const askBackground: Ask = async (init) => {
  const script = (it: string) => `set -m; ${it} ${PROBE} report /out/back < /dev/tty & wait`;
  return holderOf(await (await askTerminal(init, script))("back"));
};

/** Who is in the foreground, as the app sees it: a probe without its terminal sees an error. */
function holderOf({ foreground0, pgid }: Record<string, unknown>): string {
  if (foreground0 === pgid) return "given to the app";
  return Number(foreground0) > 0 ? "not given to the app" : "the app has no terminal";
}

/** The terminal sends INT to the foreground's group: to whom that is, is read from the app's own stat (proc(5), tpgid). */
const askInterrupt: Ask = async (init) => {
  const app = `trap 'echo INT >> /tmp/int' INT; trap 'echo USR1 >> /tmp/int' USR1; echo $$ > /tmp/app; ${LOOP}`;
  return await asPidOne(init, app, { create: { Tty: true } }, async (one) => {
    const wait = (word: string) => until(`grep -q ${word} /tmp/int 2>/dev/null`);
    const script = `${until("[ -s /tmp/app ]")}; s=$(cat /proc/$(cat /tmp/app)/stat); set -- \${s##*)}; kill -INT -$6; ${wait("INT")}; kill -USR1 1; ${wait("USR1")}; grep -c INT /tmp/int`;
    const { stdout } = await one.exec(["sh", "-c", script]);
    return ({ "1": "once", "2": "twice" } as Record<string, string>)[stdout.trim()] ?? "never";
  });
};

const askAtOnce: Ask = async (init, lab) => {
  const script = `i=0; while [ $i -lt 20 ]; do "$@" sh -c 'exit 5'; [ $? = 5 ] || exit 1; i=$((i+1)); done`;
  return (await inLab(init, lab, script)).code === 0 ? "20 of 20" : "missed";
};

/** Every question, in the words of docs/init.md. */
export const QUESTIONS: Readonly<Record<string, Ask>> = {
  "the app ends with 7": code(["sh", "-c", "exit 7"]),
  "the app ends by TERM": code(["sh", "-c", "kill -TERM $$"]),
  "the app ends by KILL": code(["sh", "-c", "kill -KILL $$"]),
  "there is no such command": code(["nosuch"]),
  "the command cannot be run": code(["/etc"]),
  "20 apps that end at once with 5": askAtOnce,
  "SIGCHLD came ignored, the app ends with 5": code(["sh", "-c", "exit 5"], [PROBE, "with", "ignore", "17", "--"]),
  "0 to 2 came closed, the app ends with 5": code(
    ["sh", "-c", "exit 5"],
    [PROBE, "with", "close", "0", "close", "1", "close", "2", "--"],
  ),
  "signals passed on": askSignals,
  "they go to": askGroup,
  "a second TERM": askSecondTerm,
  "HUP that came ignored (nohup)": askIgnored,
  "TERM that came blocked": askBlocked,
  "orphans, as PID 1": askOrphans,
  "orphans, below another PID 1": askAdoption,
  "what the app leaves behind in its group": askLeftBehind,
  "who reads the app's stdout sees its end": askStdout,
  "the terminal's foreground, below a shell": askForeground,
  "the same, started in its background": askBackground,
  "Ctrl-C reaches the app": askInterrupt,
};
