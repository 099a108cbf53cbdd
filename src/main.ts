/**
 * The edge: picks the role from argv, and turns every error into words and an exit code. The only file that ends the
 * process. Roles that are not the launcher's are loaded only when asked for.
 */
import { becomeUnderInit } from "./become.ts";
import { EXIT, renderProblem, SettingsError } from "./errors.ts";
import { parseFlags } from "./flags.ts";
import { exitCodeOf, launch } from "./launch.ts";
import { c } from "./libc.ts";
import { defaultFormat, sayNow } from "./log-line.ts";
import { envMap, readArgv, readEnviron, textOf } from "./process-facts.ts";
import { BECOME_ROLE, SUDO_ROLE, SUPERVISOR_ROLE } from "./roles.ts";

declare const WITHSSH_VERSION: string;

const STDOUT = 1;

async function main(): Promise<number> {
  const argv = readArgv();
  const environment = readEnviron();
  if (argv[1] === SUPERVISOR_ROLE) return (await import("./supervise.ts")).supervise();
  if (argv[1] === SUDO_ROLE && argv.length === 2) return (await import("./sudo-supervise.ts")).superviseBySudo();
  if (argv[1] === BECOME_ROLE) return becomeUnderInit(argv.slice(2), environment);
  const words = argv.slice(1);
  const invocation = parseFlags(words.map(textOf));
  switch (invocation.kind) {
    case "help":
      return print((await import("./help.ts")).renderHelp());
    case "version":
      return print(`withssh ${WITHSSH_VERSION}\n`);
    case "run":
      return launch(invocation.commandIndex === undefined ? [] : words.slice(invocation.commandIndex), environment);
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

async function print(text: string): Promise<number> {
  const { writeAll } = await import("./libc.ts");
  writeAll(STDOUT, Buffer.from(text, "utf8"), "print");
  return EXIT.ok;
}

/** One line for each problem; a stack only for a bug, which is not a user's error. */
function tell(error: unknown): void {
  const format = defaultFormat();
  const problems = error instanceof SettingsError ? error.problems : undefined;
  const known = exitCodeOf(error) !== EXIT.bug;
  const say = (text: string) => sayNow({ type: "refused start", text }, format);
  if (problems !== undefined) for (const problem of problems) say(renderProblem(problem));
  else if (known) say((error as Error).message);
  else say(`this is a bug of withssh: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

main().then(
  (code) => c._exit(code),
  (error) => {
    tell(error);
    c._exit(exitCodeOf(error));
  },
);
