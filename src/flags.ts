/**
 * The command line: `withssh [flags] [--] COMMAND [ARG...]`. Everything from the first word that is no flag is the app's
 * and is never looked at. A flag that we do not know is refused, so that a typing error never starts the app instead.
 */
import { type Address, parseAddress } from "./addresses.ts";
import type { Problem } from "./errors.ts";
import { SettingsError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";
import { showValue } from "./setting-reader.ts";

export type Invocation =
  /** `commandIndex`: where the app's command begins in argv; undefined when there is none. */
  | { readonly kind: "run"; readonly commandIndex: number | undefined }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "check"; readonly build: boolean }
  | { readonly kind: "status"; readonly json: boolean }
  | { readonly kind: "healthcheck" }
  | { readonly kind: "known-hosts"; readonly targets: readonly Address[] }
  | { readonly kind: "ssh-config"; readonly target: Address };

export interface Flag {
  readonly name: string;
  /** A flag that only goes with this one. */
  readonly modifier?: string;
  /** Words that follow it, as --help shows them. */
  readonly words?: string;
  readonly atMost: number;
  readonly atLeast?: number;
  readonly meaning: string;
}

export const flags: readonly Flag[] = [
  { name: "--help", atMost: 0, meaning: "this text" },
  { name: "--version", atMost: 0, meaning: "the version" },
  {
    name: "--check",
    modifier: "--build",
    atMost: 0,
    meaning:
      "say what would start and what would not, and change nothing; --build: in a RUN line, what the image lacks",
  },
  {
    name: "--status",
    modifier: "--json",
    atMost: 0,
    meaning: "what the running supervisor knows: keys, sessions, sshd",
  },
  { name: "--healthcheck", atMost: 0, meaning: "exit 1 when SSH is broken; opens no connection" },
  {
    name: "--known-hosts",
    words: "[HOST[:PORT] ...]",
    atMost: Number.POSITIVE_INFINITY,
    meaning: "lines ready for known_hosts",
  },
  {
    name: "--ssh-config",
    words: "HOST[:PORT]",
    atMost: 1,
    atLeast: 1,
    meaning: "blocks ready for ~/.ssh/config",
  },
];

function unknownFlag(word: string): Problem {
  const names = flags.flatMap((flag) => (flag.modifier === undefined ? [flag.name] : [flag.name, flag.modifier]));
  const near = nearestName(word.split("=", 1)[0] as string, names, "--");
  const hint = near === undefined ? "withssh --help lists them; put -- before a command that begins with -" : undefined;
  return { what: "not a flag of withssh", saw: showValue(word), hint: hint ?? `did you mean ${near}?` };
}

/** What was asked for by one flag and the words behind it. */
function invocation(flag: Flag, modified: boolean, targets: readonly Address[]): Invocation {
  const kind = flag.name.slice(2);
  if (kind === "check") return { kind, build: modified };
  if (kind === "status") return { kind, json: modified };
  if (kind === "known-hosts") return { kind, targets };
  if (kind === "ssh-config") return { kind, target: targets[0] as Address };
  if (kind === "help" || kind === "version" || kind === "healthcheck") return { kind };
  throw new Error(`${flag.name} has no role`);
}

function judge(mode: Flag, said: readonly Flag[], modifiers: readonly string[], words: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  const names = [...new Set(said.map((flag) => flag.name))];
  if (names.length > 1) problems.push({ what: `${names.join(" and ")} do not go together`, hint: "keep one" });
  for (const modifier of modifiers) {
    if (mode.modifier === modifier) continue;
    problems.push({ what: `${modifier} does not go with ${mode.name}`, hint: `leave out ${modifier}` });
  }
  if (words.length > mode.atMost) {
    const hint = mode.atMost === 0 ? `${mode.name} takes no command` : `${mode.name} ${mode.words}`;
    problems.push({ what: `too many words after ${mode.name}`, saw: `${words.length}`, hint });
  }
  if (words.length < (mode.atLeast ?? 0)) {
    problems.push({ what: `a word is missing after ${mode.name}`, hint: `${mode.name} ${mode.words}` });
  }
  return problems;
}

/** What `argv` (without the executable's own name) asks for. Throws `SettingsError` (exit 2) with every problem. */
export function parseFlags(argv: readonly string[]): Invocation {
  const said: Flag[] = [];
  const modifiers: string[] = [];
  const problems: Problem[] = [];
  let at = 0;
  // A lone dash is no flag, as everywhere (POSIX, Utility Syntax Guidelines, 13).
  for (; at < argv.length; at += 1) {
    const word = argv[at] as string;
    if (!word.startsWith("-") || word === "-") break;
    if (word === "--") {
      at += 1;
      break;
    }
    const flag = flags.find(({ name }) => name === word);
    if (flag !== undefined) said.push(flag);
    else if (flags.some(({ modifier }) => modifier === word)) modifiers.push(word);
    else problems.push(unknownFlag(word));
  }
  const help = said.find(({ name }) => name === "--help");
  if (help !== undefined && problems.length === 0) return { kind: "help" };
  const words = argv.slice(at);
  const mode = said[0];
  if (mode === undefined) {
    for (const word of modifiers) {
      const owner = flags.find(({ modifier }) => modifier === word) as Flag;
      problems.push({ what: `${word} goes with ${owner.name} only`, hint: `${owner.name} ${word}` });
    }
    if (problems.length > 0) throw new SettingsError(problems);
    return { kind: "run", commandIndex: at < argv.length ? at : undefined };
  }
  problems.push(...judge(mode, said, modifiers, words));
  const targets: Address[] = [];
  for (const word of mode.atMost === 0 ? [] : words) {
    const target = parseAddress(word);
    if (target !== undefined) targets.push(target);
    else
      problems.push({
        what: `${mode.name} needs HOST or HOST:PORT`,
        saw: showValue(word),
        hint: "for example app.example.com:2222",
      });
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return invocation(mode, modifiers.length > 0, targets);
}
