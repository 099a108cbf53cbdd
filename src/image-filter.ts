/**
 * What of the image's sshd_config counts beside ours. Global lines come after ours, and sshd takes the first value of a
 * keyword, so only what adds up, is fatal twice, or is never ours to share goes; a Match block overrides global values
 * (servconf.c: its values are copied over them), so there everything that could open another way in goes too.
 */
import type { ConfigLine, MatchScope } from "./config-line.ts";

export type Forwarding = "yes" | "local" | "no";

export interface MatchBlock {
  readonly scope: MatchScope;
  readonly lines: readonly ConfigLine[];
}

export interface FilteredConfig {
  readonly global: readonly ConfigLine[];
  readonly blocks: readonly MatchBlock[];
  /** "file:line keyword", each once. */
  readonly leftOut: readonly string[];
  readonly hasMatch: boolean;
}

/** Where we listen and who we are: these add up (Port, ListenAddress, HostKey, HostCertificate) or are ours alone. */
const OURS_ALONE = new Set(
  "port listenaddress addressfamily hostkey hostcertificate hostkeyagent pidfile loglevel logverbose".split(" "),
);

/** Ways in that we do not have: programs that name keys, which ours cannot deny in silence (sshd-config.ts), and tickets. */
const OTHER_WAYS_IN = ["authorizedkeyscommand", "authorizedprincipalscommand", "gssapi", "kerberos"];

/** What would undo a promise when a Match block says it (all are allowed there, servconf.c SSHCFG_MATCH). */
const UNDOES_A_PROMISE = new Set(
  [
    "authorizedkeysfile authorizedkeysfile2 authorizedprincipalsfile trustedusercakeys",
    "authenticationmethods pubkeyauthentication passwordauthentication permitemptypasswords",
    "kbdinteractiveauthentication challengeresponseauthentication skeyauthentication hostbasedauthentication",
  ]
    .join(" ")
    .split(" "),
);

/** PermitRootLogin values that are no weaker than prohibit-password. */
const ROOT_BY_KEY = new Set(["no", "prohibit-password", "without-password", "forced-commands-only"]);

/** What WITHSSH_FORWARDING decides when it is given; the rest of forwarding stays the image's choice. */
const DECIDED_BY_FORWARDING: Record<Forwarding, ReadonlySet<string>> = {
  yes: new Set(["allowtcpforwarding", "allowstreamlocalforwarding", "disableforwarding"]),
  local: new Set(["allowtcpforwarding", "allowstreamlocalforwarding", "disableforwarding"]),
  no: new Set([
    "allowtcpforwarding",
    "allowstreamlocalforwarding",
    "allowagentforwarding",
    "x11forwarding",
    "permittunnel",
    "disableforwarding",
  ]),
};

/**
 * The operator's own lines that would break a promise from inside a Match block, where a proof for one user and one
 * address may not see them. Their global lines are judged by the proof itself.
 */
export function findBrokenPromises(lines: readonly ConfigLine[], forwarding?: Forwarding): ConfigLine[] {
  return lines.filter((line) => line.match !== undefined && mustGo(line, forwarding, new Set()));
}

/**
 * Sorts lines into global ones and Match blocks and leaves out what must not count.
 * `subsystems` are names that are spoken for already (a Subsystem given twice is fatal); `forwarding` is the setting.
 */
export function filterImageConfig(
  lines: readonly ConfigLine[],
  options: { forwarding?: Forwarding | undefined; subsystems?: readonly string[] } = {},
): FilteredConfig {
  const global: ConfigLine[] = [];
  const blocks: { scope: MatchScope; lines: ConfigLine[] }[] = [];
  const leftOut = new Set<string>();
  const subsystems = new Set(options.subsystems ?? []);

  for (const line of lines) {
    if (mustGo(line, options.forwarding, subsystems)) leftOut.add(`${line.file}:${line.line} ${line.word}`);
    else if (line.match === undefined) global.push(line);
    else {
      // The same scope again after an Include inside it opens a second block: order decides, first value first.
      const last = blocks.at(-1);
      if (last?.scope === line.match) last.lines.push(line);
      else blocks.push({ scope: line.match, lines: [line] });
    }
  }
  return { global, blocks, leftOut: [...leftOut], hasMatch: blocks.length > 0 };
}

function mustGo(line: ConfigLine, forwarding: Forwarding | undefined, subsystems: Set<string>): boolean {
  const { keyword, args } = line;
  if (OURS_ALONE.has(keyword) || OTHER_WAYS_IN.some((way) => keyword.startsWith(way))) return true;
  if (line.match === undefined) {
    if (keyword !== "subsystem") return false;
    const name = args[0] ?? "";
    if (subsystems.has(name)) return true;
    subsystems.add(name);
    return false;
  }
  if (UNDOES_A_PROMISE.has(keyword)) return true;
  if (keyword === "permitrootlogin") return !ROOT_BY_KEY.has((args[0] ?? "").toLowerCase());
  return forwarding !== undefined && DECIDED_BY_FORWARDING[forwarding].has(keyword);
}
