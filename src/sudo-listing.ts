/**
 * What sudo itself says somebody may do (`sudo -l` under LC_ALL=C), judged by words: exit codes say nothing, `sudo -l -U`
 * ends with 0 either way. Whatever is not understood to the last line is never taken for harmless.
 */

import type { Problem } from "./errors.ts";
import { STEERING } from "./steering.ts";

/**
 * `scoped`: exactly our one rule. `nothing`: said in words. `unsafe`: our rule, but its defaults let the caller's variables
 * steer us. `password`: sudo says nothing without one. `stranger`: sudo does not know this uid. `other`: any other rules, of
 * which one may run us without a password (`coversUs`), or with one (`wantsPassword`).
 */
export type Listing =
  | { readonly kind: "scoped" | "nothing" | "password" | "stranger" }
  | { readonly kind: "unsafe"; readonly saw: string }
  | {
      readonly kind: "other";
      readonly rules: readonly string[];
      readonly coversUs: boolean;
      readonly wantsPassword: boolean;
    }
  | { readonly kind: "unclear"; readonly saw: string };

const MAY_RUN = /^User \S+ may run the following commands on \S+:$/;
const MAY_NOT = /^(?:User \S+ is not allowed to run sudo on \S+\.|Sorry, user \S+ may not run sudo on \S+\.)$/;
const DEFAULTS = /^(?:Matching Defaults entries|Runas and Command-specific defaults) for .*:$/;
const PASSWORD = /^sudo: (?:a password is required|interactive authentication is required)$/;
const STRANGER = /^sudo: (?:you do not exist in the passwd database|unknown uid .*)$/;

/** Where /etc/hosts lacks the container's name (docker run --network none); sudo goes on and means what it says then. */
const NAMELESS_HOST = /^sudo: unable to resolve host [\w.-]+: [\w ,.-]+$/;

const linesOf = (text: string): string[] =>
  text.split("\n").filter((line) => line.trim() !== "" && !NAMELESS_HOST.test(line));

/** The one rule that our Dockerfiles grant, as sudo lists it. `executable` is an absolute path. */
export function renderScopedRule(executable: string): string {
  return `(root) NOPASSWD: ${executable} --supervise`;
}

/** Judges both streams of `sudo -l`, of the caller himself or with `-U`, for rules that name this executable. */
export function judgeListing(stdout: string, stderr: string, executable: string): Listing {
  const lines = linesOf(`${stdout}\n${stderr}`);
  const defaults: string[] = [];
  const rules: string[] = [];
  const verdicts = new Set<Listing["kind"]>();
  let into: string[] | undefined;
  for (const line of lines) {
    if (/^\s/.test(line) && into !== undefined) into.push(line.trim());
    else if (DEFAULTS.test(line)) into = defaults;
    else if (MAY_RUN.test(line)) {
      into = rules;
      verdicts.add("other");
    } else if (MAY_NOT.test(line)) verdicts.add("nothing");
    else if (PASSWORD.test(line)) verdicts.add("password");
    else if (STRANGER.test(line)) verdicts.add("stranger");
    else return { kind: "unclear", saw: line.slice(0, 200) };
  }
  const [verdict] = verdicts;
  if (verdict === undefined || verdicts.size > 1) return { kind: "unclear", saw: "no plain answer" };
  if (verdict !== "other") return rules.length === 0 ? ({ kind: verdict } as Listing) : unclear(rules);
  if (rules.length === 0) return unclear(rules);
  if (rules.length > 1 || rules[0] !== renderScopedRule(executable)) {
    const naming = rules.filter((rule) => mayNameUs(rule, executable));
    const coversUs = naming.some((rule) => rule.includes("NOPASSWD:"));
    return { kind: "other", rules, coversUs, wantsPassword: naming.length > 0 && !coversUs };
  }
  const unsafe = findUnsafeDefault(defaults.join(", "));
  return unsafe === undefined ? { kind: "scoped" } : { kind: "unsafe", saw: unsafe };
}

const unclear = (rules: readonly string[]): Listing => ({ kind: "unclear", saw: `${rules.length} rules` });

/** What is wrong with a rule whose defaults are `unsafe`. */
export function unsafeRule(saw: string): Problem {
  const hint = "remove SETENV, and env_keep of what steers the runtime or the loader, from sudoers";
  return { what: "the sudo rule would let its caller steer us", saw, hint };
}

/** A listing in a few words, for people. */
export function describeListing(listing: Listing): string {
  if (listing.kind === "other") return listing.rules.join("; ");
  return "saw" in listing ? listing.saw : listing.kind;
}

/** True when sudo ran nothing, since it wanted a password first. */
export function isPasswordWanted({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): boolean {
  const lines = linesOf(stderr);
  return stdout === "" && lines.length > 0 && lines.every((line) => PASSWORD.test(line));
}

/**
 * Whether a rule might run us: by this path, or as another copy or link of us, which is as good. Patterns and directories are
 * not judged: they might.
 */
function mayNameUs(rule: string, executable: string): boolean {
  if (rule.includes(executable) || / --supervise\b|\/withssh[\w.-]*(?=[\s,]|$)/.test(rule)) return true;
  return /\bALL$|\bALL,|[*?[\]^]|\/(?:,|$)/.test(rule.replace(/^\([^)]*\)\s*/, ""));
}

const FLAGS = /(?:^|[\s,])(!env_reset|setenv|env_file=\S+|restricted_env_file=\S+|runchroot=\S+|runcwd=\S+)(?=$|[\s,])/;
const KEPT = /\benv_(?:keep|check)\+?=("(?:[^"\\]|\\.)*"|[^\s,]+)/g;

/** The first default by which a caller could steer the rule, as sudo lists it; undefined when none. */
function findUnsafeDefault(defaults: string): string | undefined {
  const flag = FLAGS.exec(defaults)?.[1];
  if (flag !== undefined) return flag;
  for (const [whole, value = ""] of defaults.matchAll(KEPT)) {
    const names = value.replace(/^"|"$/g, "").split(/\s+/);
    if (names.some((name) => STEERING.some((prefix) => mayMatch(name, prefix)))) return whole;
  }
  return undefined;
}

/** Whether a name, which may hold `*` and `=value` (sudoers(5), "Environment"), could be one that begins with `prefix`. */
function mayMatch(name: string, prefix: string): boolean {
  const plain = name.replace(/=.*$/s, "");
  const star = plain.indexOf("*");
  return plain.startsWith(prefix) || (star >= 0 && prefix.startsWith(plain.slice(0, star)));
}
