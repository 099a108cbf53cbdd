/**
 * The doctor's dry run: the very stages of a start on a host that writes to memory alone, then sshd's own word on the config
 * that came out. What a start would do is what it does.
 */

import { AWAIT_URL_KEYS, lacksKeys, readUrls } from "./authorized-key-stages.ts";
import { boot, type Plan } from "./boot.ts";
import { describePrograms } from "./check-image.ts";
import { type CheckLine, line, lineOfFailure, linesOfEvent } from "./check-lines.ts";
import { type Config, parseConfig } from "./config.ts";
import type { DryHost } from "./dry-host.ts";
import { createNativeDryHost } from "./dry-native.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Event } from "./events.ts";
import { describeHostKey } from "./fingerprint.ts";
import { askUrl, urlName, writeUrlCopy } from "./key-url.ts";
import { openNativeDir } from "./native-dir.ts";
import { openState } from "./open-state.ts";
import { envMap } from "./process-facts.ts";
import type { Children } from "./processes.ts";
import type { Request } from "./request.ts";
import { settings } from "./settings.ts";
import { proveConfig, testConfig } from "./sshd-ask.ts";
import { readUrlRoots } from "./url-roots.ts";
import { wake } from "./wake.ts";

export interface DryRunOptions {
  /** We play root, which we are not: what cannot be seen is no failure. */
  readonly asRoot: boolean;
  /** In a RUN line: keys come later, and nothing is asked of the network. */
  readonly build: boolean;
}

/** Nobody's: no private half exists for 32 zero bytes (RFC 8032 keys are points of a curve). */
const NOBODYS_KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32),
]).toString("base64")} nobody`;

export async function dryRun(
  children: Children,
  request: Request,
  options: DryRunOptions,
): Promise<readonly CheckLine[]> {
  const first = await tryBoot(children, request, options);
  const { failure } = first;
  if (failure === undefined || !(lacksKeys(failure) || failure.stage === AWAIT_URL_KEYS)) return first.lines;
  // Without a key the later stages are never reached: they are looked at all the same.
  const environment = [...request.environment.filter(isNotKeys), `${settings.authorizedKeys.name}=${NOBODYS_KEY}`];
  const second = await tryBoot(children, { ...request, environment }, { ...options, build: true });
  const known = new Set(first.lines.map(({ text }) => text));
  return [...first.lines, ...second.lines.filter(({ about, text }) => about !== "keys" && !known.has(text))];
}

const isNotKeys = (entry: string): boolean => !entry.startsWith(`${settings.authorizedKeys.name}=`);

async function tryBoot(
  children: Children,
  request: Request,
  options: DryRunOptions,
): Promise<{ lines: readonly CheckLine[]; failure: StageError | undefined }> {
  const events: Event[] = [];
  const host = createNativeDryHost(children, (event) => events.push(event), options);
  const { config } = parseConfig(envMap(request.environment));
  let plan: Plan | undefined;
  let failure: StageError | undefined;
  try {
    if (!options.build) await askUrls(host, config, request);
    plan = await boot(host, config, request, await wake(host, config, request, () => {}));
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    failure = error;
  }
  // Nothing is ever mounted in a RUN line.
  const counts = events.filter(({ type }) => !(options.build && type === "volume not mounted"));
  const told = counts.flatMap(linesOfEvent);
  const lines =
    plan === undefined ? told : [...told, ...describePlan(plan), ...(await checkConfig(host, config, plan))];
  if (failure !== undefined) lines.push(lineOfFailure(failure, verdictOf(failure, host, options)));
  if (options.asRoot && host.unseen.size > 0) {
    const what = "not ours to look into: a start looks as root";
    const hint = "ask as root: docker exec --user root CONTAINER withssh --check";
    lines.push(line("unknown", "state", { what, saw: [...host.unseen].join(", "), hint }));
  }
  return { lines, failure };
}

function verdictOf(failure: StageError, host: DryHost, { asRoot, build }: DryRunOptions) {
  if (asRoot && host.unseen.size > 0) return "unknown";
  return build && lacksKeys(failure) ? "note" : "fail";
}

/** What the URLs answer now, for this dry run alone. */
async function askUrls(host: DryHost, config: Config, request: Request): Promise<void> {
  const urls = readUrls(host, config);
  if (urls.length === 0) return;
  const state = openState(host, config, request);
  const roots = readUrlRoots(host, request.environment);
  await Promise.all(
    urls.map(async (url) => {
      const answer = await askUrl(host, url, roots);
      if ("text" in answer) writeUrlCopy(state.private, url, answer.text);
      else host.emit({ type: "source failed", source: urlName(url), problem: answer.problem });
    }),
  );
}

function describePlan({ programs, accounts, keys, identity }: Plan): CheckLine[] {
  return [
    ...describePrograms(programs),
    ...accounts.flatMap(({ name, home, repairs }) => [
      line("ok", "users", `${name} can log in`),
      ...(repairs.includes("unlock") ? [line("note", "users", `the locked password field of ${name} becomes *`)] : []),
      ...(repairs.includes("make home") ? [line("note", "users", `the home of ${name} is made: ${home}`)] : []),
    ]),
    ...keys.keys.map(({ type, fingerprint, comment, sources }) => {
      return line("ok", "keys", `${type} ${fingerprint} ${comment} (${sources.join(", ")})`);
    }),
    ...identity.keys.map((key) => {
      const { type, fingerprint } = describeHostKey(key);
      return line("ok", "host keys", key.origin === "made" ? `${type} would be made` : `${type} ${fingerprint}`);
    }),
  ];
}

const MISSING_PRIVSEP = /^Missing privilege separation directory: /;

/** What `sshd -t` says, and whether every promise would be kept. */
async function checkConfig(host: DryHost, config: Config, plan: Plan): Promise<CheckLine[]> {
  const refused = await testConfig(host, plan);
  // sshd looks for it last: all else has passed. A start makes it; we make nothing.
  const isMadeLater = host.self.uid === 0 && !isThere(plan.programs.privsepDirectory);
  const problems = isMadeLater ? refused.filter(({ saw }) => !MISSING_PRIVSEP.test(saw ?? "")) : refused;
  if (problems.length > 0) return problems.map((problem) => line("fail", "config", problem));
  const passed = line("ok", "config", "sshd -t finds nothing wrong");
  if (refused.length > 0) {
    const text = `what sshd -T shows for each user is proved at the start: it needs ${plan.programs.privsepDirectory}`;
    return [passed, line("note", "config", text)];
  }
  const broken = await proveConfig(host, config, plan);
  if (broken.length > 0) return broken.map((problem) => line("fail", "config", problem));
  return [passed, line("ok", "config", "sshd -T shows for each user what we promise")];
}

function isThere(path: string | undefined): boolean {
  if (path === undefined) return true;
  try {
    openNativeDir("look for the privilege separation directory", path).close();
    return true;
  } catch (error) {
    if (isOsError(error)) return false;
    throw error;
  }
}
