/**
 * What one record of `sshd -e` says. One record is one log call: a login name may hold CR LF and forge whole lines inside
 * one, so patterns are anchored at both ends, what a stranger chose stands between parts that sshd wrote, and `.` never
 * crosses a line end. It never throws and never reports a pid: text is not to be acted on.
 * Wordings: OpenSSH 9.2 and 10.0, collected; auth.c, auth2-pubkey.c, packet.c, serverloop.c, sshd.c.
 */
import type { Event } from "./events.ts";

/** An event as logged, or a sign for the supervisor. `accepted` has no `source` yet: the supervisor knows it. */
export type SshdLog =
  | Extract<Event, { type: "accepted" | "refused" | "disconnected" | "sshd" }>
  | { readonly type: "offered"; readonly address: string; readonly port: number; readonly key: string }
  | { readonly type: "closed"; readonly address: string; readonly port: number }
  | { readonly type: "listening"; readonly address: string; readonly port: number }
  | { readonly type: "restarting" };

const FROM = String.raw`(?<address>[0-9A-Fa-f.:]+(?:%[\w.-]+)?|UNKNOWN) port (?<port>\d{1,5})`;
const KEY = `[A-Z0-9-]+ (?<key>SHA256:[A-Za-z0-9+/=]+|MD5:[0-9a-f:]+)`;
/** A certificate names its signer's words after its key; they are the signer's, so `.` may not cross lines. */
const CERTIFICATE = String.raw`(?: ID .* \(serial \d+\) CA [A-Z0-9-]+ [A-Za-z0-9+/=:]+)?`;
/** A user that exists. */
const USER = String.raw`(?<user>\S+)`;
/** Any name at all, line ends included: only where the rest of the pattern holds both ends. */
const STRANGER = "(?<user>[^]*)";
const PREAUTH = String.raw`(?: \[preauth\])?`;

type Groups = Readonly<Record<string, string | undefined>>;
type Rule = readonly [RegExp, (groups: Groups) => SshdLog];

const whole = (source: string): RegExp => new RegExp(`^${source}$`);

const NO_KEY = "no key that is allowed";
const NO_USER = "no such user, or none that may log in";

const RULES: readonly Rule[] = [
  [
    whole(`Accepted publickey for ${USER} from ${FROM} ssh2: ${KEY}${CERTIFICATE}`),
    (g) => ({ type: "accepted", ...person(g), key: g["key"] ?? "" }),
  ],
  [
    whole(`Failed publickey for ${USER} from ${FROM} ssh2: ${KEY}${CERTIFICATE}${PREAUTH}`),
    (g) => ({ type: "offered", ...peer(g), key: g["key"] ?? "" }),
  ],
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
  [whole(`Read error from remote host ${FROM}: [\\w ]+`), (g) => ({ type: "closed", ...peer(g) })],
  [whole(String.raw`Server listening on ${FROM}\.`), (g) => ({ type: "listening", ...peer(g) })],
  [/^Received SIGHUP; restarting\.$/, () => ({ type: "restarting" })],
];

/** Whole records that people should see; all others are debug. Only what sshd itself wrote is in the fixed parts. */
const LEVELS: readonly (readonly ["error" | "warn" | "info", RegExp])[] = [
  ["error", /^(?:Bind to port \d+ on .* failed: .*|Cannot bind any address\.)$/],
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

/** Strangers hold connections open and never end them: what is remembered of them is bounded. */
const MOST_CONNECTIONS = 1000;
const MOST_OFFERED = 10;

interface Connection {
  user?: string;
  readonly offered: string[];
}

/**
 * Reads records in order and joins what belongs to one connection: the keys offered come with its refusal, and a session
 * that was cut off (no "Disconnected from user") still ends with `disconnected`. Returns undefined for what adds nothing.
 */
export function createSshdLogReader(): (
  record: string,
) => Exclude<SshdLog, { type: "offered" | "closed" }> | undefined {
  const connections = new Map<string, Connection>();
  return (record) => {
    const log = parseSshdRecord(record);
    if (log.type === "sshd" || log.type === "restarting" || log.type === "listening") return log;
    const id = `${log.address} ${log.port}`;
    const known = connections.get(id);
    if (log.type === "offered") {
      const { offered } = known ?? remember(connections, id, { offered: [] });
      if (offered.length < MOST_OFFERED && !offered.includes(log.key)) offered.push(log.key);
      return undefined;
    }
    connections.delete(id);
    if (log.type === "accepted") remember(connections, id, { user: log.user, offered: [] });
    else if (log.type === "closed") {
      const user = known?.user;
      return user === undefined
        ? { type: "sshd", level: "debug", text: `connection closed: ${id}` }
        : { type: "disconnected", user, address: log.address, port: log.port };
    } else if (log.type === "refused" && known !== undefined && known.offered.length > 0) {
      return { ...log, why: `${log.why}; offered ${known.offered.join(", ")}` };
    }
    return log;
  };
}

function remember(connections: Map<string, Connection>, id: string, connection: Connection): Connection {
  connections.set(id, connection);
  for (const [oldest, { user }] of connections) {
    if (connections.size <= MOST_CONNECTIONS) break;
    // Sessions are few and known by key; only strangers are forgotten.
    if (user === undefined && oldest !== id) connections.delete(oldest);
  }
  return connection;
}

function peer(groups: Groups): { address: string; port: number } {
  return { address: groups["address"] ?? "", port: Number(groups["port"]) };
}

function person(groups: Groups): { user: string; address: string; port: number } {
  return { user: escapeControls(groups["user"] ?? ""), ...peer(groups) };
}

function refused(why: string): (groups: Groups) => SshdLog {
  return (groups) => ({ type: "refused", ...person(groups), why });
}

/** Control characters and whatever is not ASCII, as \xNN. */
function escapeControls(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
