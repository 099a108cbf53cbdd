/**
 * Proves a config by asking sshd itself: `sshd -T -C` prints what would be in force for one user, and it must be what we
 * promise. Never log that output: its setenv lines may hold secrets. A proof is for one user and one address; what a
 * Match block on other addresses could say is judged line by line (findBrokenPromises in image-filter.ts).
 */
import type { ConfigLine } from "./config-line.ts";
import type { Problem } from "./errors.ts";
import { settings } from "./settings.ts";
import { strangersPaths } from "./sshd-config.ts";

export interface SshdPromises {
  readonly port: number;
  /** Addresses; empty is all. */
  readonly listen: readonly string[];
  readonly hostKeys: readonly string[];
  readonly keysDirectory: string;
  readonly homeKeys: boolean;
  readonly trustedUserCaFile?: string | undefined;
  readonly forwarding?: "yes" | "local" | "no" | undefined;
}

/** Fits any address block: TEST-NET-1 (RFC 5737), where nobody is. */
const SOME_ADDRESS = "192.0.2.1";

/** The test of a file's words alone: prints nothing and ends with 0 when sshd would start with it. */
export function testArgv(sshd: string, configPath: string): string[] {
  return [sshd, "-t", "-f", configPath];
}

/** The question for one login user. The user must be fit for a connection specification: no comma (sshd(8) -C). */
export function proofArgv(sshd: string, configPath: string, user: string, port: number): string[] {
  const connection = `user=${user},host=${SOME_ADDRESS},addr=${SOME_ADDRESS},laddr=${SOME_ADDRESS},lport=${port}`;
  return [sshd, "-T", "-C", connection, "-f", configPath];
}

/** Undefined where login users are let in by nothing but the files that are written for them: nobody else has one. */
export function strangersPromises(promises: SshdPromises): SshdPromises | undefined {
  if (!promises.homeKeys && promises.trustedUserCaFile === undefined) return undefined;
  return { ...promises, homeKeys: false, trustedUserCaFile: strangersPaths(promises).trustedUserCaFile };
}

/** An account that is there in every image, and is none of these: what it may is what strangers may. */
export function someStranger(users: readonly string[]): string {
  return ["root", "nobody", "daemon", "bin", "mail"].find((name) => !users.includes(name)) ?? "withssh-nobody";
}

/** What may stand there: any of these; `absent` when an sshd that does not know the keyword keeps the promise too. */
interface Expectation {
  readonly keyword: string;
  readonly allowed: readonly string[];
  readonly absent?: true;
}

/**
 * Judges what `sshd -T -C` printed. Returns a problem for each promise that would not be kept, with file and line where
 * one of `lines` (the image's and the operator's) can be blamed.
 */
export function judgeProof(output: string, promises: SshdPromises, lines: readonly ConfigLine[] = []): Problem[] {
  const found = new Map<string, string[]>();
  for (const line of output.split("\n")) {
    const [keyword = "", ...rest] = line.trimEnd().split(" ");
    if (keyword !== "") found.set(keyword, [...(found.get(keyword) ?? []), rest.join(" ")]);
  }
  const problems: Problem[] = [];
  const blame = (keyword: string, saw: string) => problems.push(problemOf(keyword, saw, lines));

  for (const { keyword, allowed, absent } of expectations(promises)) {
    const values = found.get(keyword);
    if (values === undefined) {
      if (absent !== true) blame(keyword, "nothing");
    } else if (values.length !== 1 || !allowed.includes(values[0] ?? "")) blame(keyword, values.join(", "));
  }
  const hostKeys = found.get("hostkey") ?? [];
  if (!isSameSet(hostKeys, promises.hostKeys)) blame("hostkey", hostKeys.join(", ") || "nothing");
  const addresses = found.get("listenaddress") ?? [];
  if (!isListening(addresses, promises)) blame("listenaddress", addresses.join(", ") || "nothing");
  return problems;
}

function expectations(promises: SshdPromises): Expectation[] {
  const { keysFile } = strangersPaths(promises);
  const no = (keyword: string): Expectation => ({ keyword, allowed: ["no"] });
  const none = (keyword: string): Expectation => ({ keyword, allowed: ["none"] });
  const { forwarding } = promises;
  return [
    { keyword: "port", allowed: [String(promises.port)] },
    { keyword: "authenticationmethods", allowed: ["publickey"] },
    { keyword: "pubkeyauthentication", allowed: ["yes"] },
    no("passwordauthentication"),
    no("kbdinteractiveauthentication"),
    { ...no("challengeresponseauthentication"), absent: true },
    no("hostbasedauthentication"),
    no("permitemptypasswords"),
    { ...no("gssapiauthentication"), absent: true },
    { ...no("kerberosauthentication"), absent: true },
    { keyword: "permitrootlogin", allowed: ["prohibit-password", "without-password", "forced-commands-only", "no"] },
    { keyword: "authorizedkeysfile", allowed: [`${keysFile}${promises.homeKeys ? " %h/.ssh/authorized_keys" : ""}`] },
    none("authorizedkeyscommand"),
    { keyword: "trustedusercakeys", allowed: [promises.trustedUserCaFile ?? "none"] },
    none("authorizedprincipalsfile"),
    none("authorizedprincipalscommand"),
    ...(forwarding === undefined ? [] : [{ keyword: "allowtcpforwarding", allowed: [forwarding] }]),
    ...(forwarding === undefined ? [] : [{ keyword: "allowstreamlocalforwarding", allowed: [forwarding] }]),
    ...(forwarding === "no" ? [no("allowagentforwarding"), no("x11forwarding"), no("permittunnel")] : []),
  ];
}

function isListening(found: readonly string[], { listen, port }: SshdPromises): boolean {
  if (found.length === 0 || !found.every((address) => address.endsWith(`:${port}`))) return false;
  const hosts = found.map((address) => address.slice(0, address.lastIndexOf(":")));
  if (listen.length === 0) return hosts.every((host) => host === "0.0.0.0" || host === "[::]");
  // A name may stand for several addresses, and IPv6 has many spellings: then the port alone is held against ours.
  const isPlain = listen.every((address) => /^[\d.]+$/.test(address));
  return !isPlain || isSameSet(hosts, listen);
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).size === new Set(b).size && b.every((item) => a.includes(item));
}

function problemOf(keyword: string, saw: string, lines: readonly ConfigLine[]): Problem {
  const what = `sshd would not keep a promise: ${keyword}`;
  // A Match block overrides what is global, so it is the first to blame.
  const suspects = lines.filter((line) => line.keyword === keyword);
  const guilty = suspects.find((line) => line.match !== undefined) ?? suspects[0];
  return guilty === undefined
    ? { what, saw, hint: "look for it in the image's sshd_config and in WITHSSH_SSHD_CONFIG" }
    : { what, saw, hint: `remove it from ${guilty.file}:${guilty.line}` };
}

/**
 * What sshd -t complained about, as problems: a line number of our generated file is told as the file and line that it
 * came from (`origins`, from renderSshdConfig), one of `operatorPath` as the operator's own. Never quotes a line of ours: it could be the one with SetEnv.
 */
export function explainRefusal(
  stderr: string,
  configPath: string,
  origins: readonly (string | undefined)[],
  operatorPath?: string,
): Problem[] {
  const problems: Problem[] = [];
  for (const raw of stderr.split(/\r?\n/)) {
    const text = raw.trim();
    // A warning, not a refusal; and the sum of what was said before.
    if (text === "" || /(?:Deprecated|Unsupported) option|: terminating, \d+ bad/.test(text)) continue;
    const found = /^(.*?):? line (\d+): (.*)$/.exec(text);
    if (found !== null && found[1] === operatorPath) {
      const what = `sshd refuses line ${found[2]} of ${settings.sshdConfig.name}`;
      problems.push({ what, saw: found[3] ?? "", hint: "mend or remove that line" });
      continue;
    }
    if (found === null || found[1] !== configPath) {
      const hint = "look for it in the image's sshd_config and in WITHSSH_SSHD_CONFIG";
      problems.push({ what: "sshd refuses its config", saw: found?.[0] ?? text, hint });
      continue;
    }
    const origin = origins[Number(found[2]) - 1];
    problems.push({
      what: `sshd refuses ${origin ?? "a line that we wrote"}`,
      saw: found[3] ?? "",
      hint:
        origin === undefined
          ? "a bug of withssh, or an sshd that it does not know: report it"
          : "mend that line of the image's sshd_config",
    });
  }
  return problems;
}
