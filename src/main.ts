/**
 * The edge: picks the role from argv, and turns every error into words and an exit code. The only file that ends the
 * process. What a role needs is loaded when it is picked; what stands here is time that every app waits.
 */
import { drainMicrotasks } from "bun:jsc";
import { textOf } from "./byte-strings.ts";
import { writeAll } from "./descriptors.ts";
import { startEarly } from "./early-start.ts";
import { EXIT, exitCodeOf, renderProblem, SettingsError } from "./errors.ts";
import { c } from "./libc.ts";
import { becomePlainly, isSettled, saysNothing } from "./plain-start.ts";
import { envMap, inheritedDescriptors, inheritedOf, openDescriptors, readArgv, readEnviron } from "./process-facts.ts";
import { AGAIN_ROLE, BECOME_ROLE, SUDO_ROLE, SUPERVISOR_ROLE } from "./roles.ts";
import { leaveStandIn } from "./stand-in.ts";
import { hasSudo } from "./sudo-paths.ts";

declare const WITHSSH_VERSION: string;

const STDOUT = 1;

async function main(): Promise<number> {
  const [, ...words] = readArgv();
  if (words[0] === SUPERVISOR_ROLE) return (await import("./supervise.ts")).superviseAfterExec();
  if (words[0] === SUDO_ROLE && words.length === 1) return callBySudo();
  if (words[0] === BECOME_ROLE) return (await import("./become.ts")).becomeUnderInit(words.slice(1), readEnviron());
  if (words[0] === AGAIN_ROLE) return becomePlainly(words.slice(1), readEnviron(), inheritedDescriptors());
  if (words[0] === undefined || words[0].startsWith("-")) return runFlags(words);
  return run(words);
}

/** The root side of sudo mode: what goes on can become the supervisor, where sudo waits for the stand-in alone. */
async function callBySudo(): Promise<number> {
  const standIn = leaveStandIn();
  return (await import("./sudo-supervise.ts")).superviseBySudo(standIn);
}

/** Runs this command (byte strings; empty: SSH alone). What we inherited is looked at before we open anything. */
async function run(command: readonly string[]): Promise<number> {
  if (c.geteuid() !== 0 && hasSudo()) return runBySudo(command);
  const open = openDescriptors();
  const environment = readEnviron();
  const early = startEarly(command, environment, open);
  if (early.role === "supervisor") return (await import("./supervise-fork.ts")).superviseAsFork(early.fork);
  const { isPlain, supervisor } = early;
  const descriptors = inheritedOf(open);
  if (isPlain && isSettled(supervisor)) return becomePlainly(command, environment, descriptors);
  const { launch } = await import("./launch.ts");
  return launch(command, { environment, descriptors, early: isPlain ? undefined : supervisor, sudo: undefined });
}

/** The same without root, where the image has a sudo: its call is the longest thing to wait for, so it comes first. */
async function runBySudo(command: readonly string[]): Promise<number> {
  const call = (await import("./sudo-begin.ts")).beginCall();
  const ours = "kind" in call ? [] : call.opened;
  const descriptors = inheritedDescriptors().filter((fd) => !ours.includes(fd));
  const environment = readEnviron();
  const isPlain = command.length > 0 && saysNothing(environment);
  const sudo = isPlain
    ? (await import("./sudo-plain.ts")).finishPlainly(call, command, environment, descriptors)
    : call;
  const { launch } = await import("./launch.ts");
  return launch(command, { environment, descriptors, early: undefined, sudo });
}

async function runFlags(words: readonly string[]): Promise<number> {
  const { parseFlags } = await import("./flags.ts");
  const invocation = parseFlags(words.map(textOf));
  const environment = readEnviron();
  switch (invocation.kind) {
    case "help":
      return print((await import("./help.ts")).renderHelp());
    case "version":
      return print(`withssh ${WITHSSH_VERSION}\n`);
    case "run":
      return run(invocation.commandIndex === undefined ? [] : words.slice(invocation.commandIndex));
    case "status":
      return (await import("./status-command.ts")).printStatus(envMap(environment), invocation);
    case "healthcheck":
      return (await import("./status-command.ts")).healthcheck(envMap(environment));
    case "known-hosts":
      return (await import("./client-lines.ts")).printKnownHosts(envMap(environment), invocation.targets);
    case "ssh-config":
      return (await import("./client-lines.ts")).printSshConfig(envMap(environment), invocation.target);
    case "check":
      return (await import("./check.ts")).check(environment, invocation);
  }
}

function print(text: string): number {
  writeAll(STDOUT, Buffer.from(text, "utf8"), "print");
  return EXIT.ok;
}

/** One line for each problem; a stack only for a bug, which is not a user's error. */
async function tell(error: unknown): Promise<void> {
  const { defaultFormat, sayNow } = await import("./log-line.ts");
  const format = defaultFormat();
  const problems = error instanceof SettingsError ? error.problems : undefined;
  const known = exitCodeOf(error) !== EXIT.bug;
  const say = (text: string) => sayNow({ type: "refused start", text }, format);
  if (problems !== undefined) for (const problem of problems) say(renderProblem(problem));
  else if (known) say((error as Error).message);
  else say(`this is a bug of withssh: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

main().then(
  (code) => c.exit_group(code),
  async (error) => {
    await tell(error);
    c.exit_group(exitCodeOf(error));
  },
);
// A role goes as far as it does not wait for the world, without the event loop: its first turn costs a third of a millisecond.
drainMicrotasks();
