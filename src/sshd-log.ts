/**
 * What one record of `sshd -e` says. One record is one log call: a login name may hold CR LF and forge whole lines inside
 * one, so patterns are anchored at both ends, what a stranger chose stands between parts that sshd wrote, and `.` never
 * crosses a line end. It never throws and never reports a pid: text is not to be acted on.
 * Wordings: OpenSSH 9.2 and 10.0, collected; auth.c, auth2-pubkey.c, packet.c, serverloop.c, sshd.c.
 */
import type { Event } from "./events.ts";

/** One record about one connection, as far as it knows: what belongs together is joined by sshd-logins.ts. */
export type LoginLog =
  | Extract<Event, { type: "accepted" | "refused" | "disconnected" }>
  | {
      readonly type: "tried";
      readonly user: string;
      readonly address: string;
      readonly port: number;
      readonly key?: string;
    }
  | { readonly type: "closed"; readonly address: string; readonly port: number };

/** sshd could not have one of its addresses; on others it may listen. `text` is its own. */
export interface Unbound {
  readonly type: "unbound";
  readonly address: string;
  readonly port: number;
  readonly why: string;
  readonly text: string;
}

/** What a record says: something of a login, sshd's words, or a sign for the supervisor. */
export type SshdLog =
  | LoginLog
  | Extract<Event, { type: "sshd" }>
  | { readonly type: "listening"; readonly address: string; readonly port: number }
  | Unbound
  | { readonly type: "restarting" };

const FROM = String.raw`(?<address>[0-9A-Fa-f.:]+(?:%[\w.-]+)?|UNKNOWN) port (?<port>\d{1,5})`;
const KEY = `[A-Z0-9-]+ (?<key>SHA256:[A-Za-z0-9+/=]+|MD5:[0-9a-f:]+)`;
/** A certificate names its signer's words after its key; they are the signer's, so `.` may not cross lines. */
const CERTIFICATE = String.raw`(?: ID .* \(serial \d+\) CA [A-Z0-9-]+ (?<authority>[A-Za-z0-9+/=:]+))?`;
/** A user that exists. */
const USER = String.raw`(?<user>\S+)`;
/** Any name at all, line ends included: only where the rest of the pattern holds both ends. */
const STRANGER = "(?<user>[^]*)";
const PREAUTH = String.raw`(?: \[preauth\])?`;

type Groups = Readonly<Record<string, string | undefined>>;
type Rule = readonly [RegExp, (groups: Groups) => SshdLog];

const whole = (source: string): RegExp => new RegExp(`^${source}$`);

export const NO_KEY = "no key that is allowed";
const NO_USER = "no such user, or none that may log in";

const RULES: readonly Rule[] = [
  [
    whole(`Accepted publickey for ${USER} from ${FROM} ssh2: ${KEY}${CERTIFICATE}`),
    ({ authority, ...g }) => ({
      type: "accepted",
      ...person(g),
      key: g["key"] ?? "",
      ...(authority === undefined ? {} : { authority }),
    }),
  ],
  [
    whole(`Failed publickey for ${USER} from ${FROM} ssh2: ${KEY}${CERTIFICATE}${PREAUTH}`),
    (g) => ({ type: "tried", ...person(g), key: g["key"] ?? "" }),
  ],
  [whole(`Invalid user ${STRANGER} from ${FROM}`), (g) => ({ type: "tried", ...person(g) })],
  // How a refused connection ends; each has one such record, so one event a connection.
  [
    whole(`(?:Connection (?:closed|reset) by|Disconnected from) invalid user ${STRANGER} ${FROM}${PREAUTH}`),
    refused(NO_USER),
  ],
  [
    whole(`(?:Connection (?:closed|reset) by|Disconnected from) authenticating user ${USER} ${FROM}${PREAUTH}`),
    refused(NO_KEY),
  ],
  [
    whole(`Disconnecting invalid user ${STRANGER} ${FROM}: Too many authentication failures${PREAUTH}`),
    refused(NO_USER),
  ],
  [
    whole(`Disconnecting authenticating user ${USER} ${FROM}: Too many authentication failures${PREAUTH}`),
    refused("too many keys, none of them allowed"),
  ],
  [whole(`Disconnected from user ${USER} ${FROM}`), (g) => ({ type: "disconnected", ...person(g) })],
  [whole(`Timeout, client not responding from user ${USER} ${FROM}`), (g) => ({ type: "disconnected", ...person(g) })],
  [whole(`(?:Connection (?:closed|reset) by|Closing connection to) ${FROM}`), (g) => ({ type: "closed", ...peer(g) })],
  [whole(`Timeout before authentication for ${FROM}`), (g) => ({ type: "closed", ...peer(g) })],
  [whole(`Read error from remote host ${FROM}: [\\w ]+`), (g) => ({ type: "closed", ...peer(g) })],
  [whole(String.raw`Server listening on ${FROM}\.`), (g) => ({ type: "listening", ...peer(g) })],
  [
    whole(String.raw`(?<text>Bind to port (?<port>\d{1,5}) on (?<address>\S+) failed: (?<why>[\w ]+)\.)`),
    ({ why = "", text = "", ...g }) => ({ type: "unbound", ...peer(g), why, text }),
  ],
  [/^Received SIGHUP; restarting\.$/, () => ({ type: "restarting" })],
];

/** Whole records that people should see; all others are debug. Only what sshd itself wrote is in the fixed parts. */
const LEVELS: readonly (readonly ["error" | "warn" | "info", RegExp])[] = [
  ["error", /^Cannot bind any address\.$/],
  ["error", /^\/.*(?::|) line \d+: (?!Deprecated option|Unsupported option).*$/],
  ["error", /^\/.*: terminating, \d+ bad configuration options$/],
  ["error", /^(?:\/.*|sshd_config): (?:No such file or directory|Permission denied)$/],
  ["error", /^(?:sshd: no hostkeys available -- exiting\.|Missing privilege separation directory: .*)$/],
  [
    "error",
    /^(?:\/.* must be owned by root and not group or world-writable\.|Privilege separation user .* does not exist)$/,
  ],
  [
    "error",
    /^(?:Unable to load host key|Could not load host (?:key|certificate)|No matching private key for certificate)\b.*$/,
  ],
  ["error", /^(?:Bad owner or permissions on|It is required that your private key files|Permissions \d+ for) .*$/],
  ["error", /^(?:fork|socket|rexec|sshd re-?exec|session re-?exec)\b.*: .*$/],
  ["warn", /^Authentication refused: bad ownership or modes for (?:file|directory) .*$/],
  ["warn", /^subsystem request for .* by user \S+ failed, subsystem not found$/],
  ["warn", /^beginning MaxStartups throttling$/],
  ["warn", /^exited MaxStartups throttling after [\d:dhmsw]+, \d+ connections dropped$/],
  ["info", /^User \S+ (?:from \S+ )?not allowed because .*$/],
  ["info", /^ROOT LOGIN REFUSED FROM .*$/],
  ["info", /^Unable to negotiate with \S+ port \d+: .*$/],
];

/**
 * Judges one record (a byte string, with or without its CR LF). Anything unknown is an `sshd` event at debug; text that
 * is passed on has its control characters escaped, so that one record stays one line.
 */
export function parseSshdRecord(record: string): SshdLog {
  const text = record.replace(/\r?\n$/, "");
  for (const [pattern, build] of RULES) {
    const match = pattern.exec(text);
    if (match !== null) return build(match.groups ?? {});
  }
  const level = LEVELS.find(([, pattern]) => pattern.test(text))?.[0] ?? "debug";
  return { type: "sshd", level, text: escapeControls(text) };
}

function peer(groups: Groups): { address: string; port: number } {
  return { address: groups["address"] ?? "", port: Number(groups["port"]) };
}

function person(groups: Groups): { user: string; address: string; port: number } {
  return { user: escapeControls(groups["user"] ?? ""), ...peer(groups) };
}

function refused(why: string): (groups: Groups) => SshdLog {
  return (groups) => ({ type: "refused", ...person(groups), why, offered: [] });
}

/** Control characters and whatever is not ASCII, as \xNN. */
function escapeControls(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
