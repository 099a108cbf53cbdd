/**
 * The options before a key, by sshd's own grammar (sshd(8) "AUTHORIZED_KEYS FILE FORMAT"; auth-options.c
 * sshauthopt_parse). Never takes what sshd refuses or what can never let anybody in; never changes a byte.
 */
import type { Refusal } from "./key-blob.ts";

/** The options that stand before a key. `end` is where they end in the text they were read from. */
export interface KeyOptions {
  readonly end: number;
  readonly certAuthority: boolean;
}

const FLAGS =
  /^(?:restrict|cert-authority|(?:no-)?(?:port-forwarding|agent-forwarding|x11-forwarding|touch-required|verify-required|pty|user-rc))/i;
const NAMES = /^(command|principals|from|expiry-time|environment|permitopen|permitlisten|tunnel)=/i;
/** As opt_dequote (misc.c): `\"` never ends a value, whatever follows. */
const VALUE = /^"((?:[^"\\]|\\"|\\(?!"))*)"/;
/** SSH_TUNID_MAX, NI_MAXHOST, SSH_AUTHOPT_PERMIT_MAX and SSH_AUTHOPT_ENV_MAX in OpenSSH. */
const MAX_TUNNEL = 0x7fffffff - 2;
const MAX_HOST_LENGTH = 1024;
const MOST = { environment: 1024, permitopen: 4096, permitlisten: 4096 } as const;

const see = "see sshd(8), AUTHORIZED_KEYS FILE FORMAT";

/**
 * Reads options from the start of `text` up to the first space or tab outside quotes, or the end.
 * A refusal counts the option from 1 and never repeats its text: commands and environments may hold secrets.
 */
export function parseKeyOptions(text: string): KeyOptions | Refusal {
  const seen = new Map<string, number>();
  let at = 0;
  let count = 0;
  let certAuthority = false;
  const refuse = (why: string, hint = see): Refusal => ({ reason: `option ${count} ${why}`, hint });

  while (at < text.length && text[at] !== " " && text[at] !== "\t") {
    count += 1;
    const rest = text.slice(at);
    const flag = FLAGS.exec(rest);
    const name = flag === null ? NAMES.exec(rest)?.[1]?.toLowerCase() : undefined;
    if (flag !== null) {
      at += flag[0].length;
      if (/^cert-authority$/i.test(flag[0])) certAuthority = true;
    } else if (name !== undefined) {
      const value = VALUE.exec(rest.slice(name.length + 1));
      if (value === null) return refuse("needs a value in double quotes", `write ${name}="..."`);
      at += name.length + 1 + value[0].length;
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      const wrong = checkValue(name, (value[1] ?? "").replaceAll('\\"', '"'), times);
      if (wrong !== undefined) return refuse(`(${name}) ${wrong}`);
    }
    // sshd also takes an empty option, as in "pty,,restrict": whatever stands here must be a comma or the end.
    if (at >= text.length || text[at] === " " || text[at] === "\t") break;
    if (text[at] !== ",") return refuse("is not one that sshd knows");
    at += 1;
  }
  if (seen.has("principals") && !certAuthority) {
    return {
      reason: "principals= stands before a key that is no cert-authority",
      hint: "add cert-authority, or drop it",
    };
  }
  return { end: at, certAuthority };
}

/** True for what reads as options, be they right or wrong: what follows may never be let in without them. */
export function isOptionLike(word: string): boolean {
  if (word === "") return false;
  if (/["=]/.test(word) || /^no-/i.test(word)) return true;
  const options = parseKeyOptions(word);
  return "end" in options && options.end === word.length;
}

function checkValue(name: string, value: string, times: number): string | undefined {
  switch (name) {
    case "from":
      return times > 1 ? "is given twice" : checkFrom(value);
    case "command":
    case "principals":
      return times > 1 ? "is given twice" : undefined;
    case "expiry-time":
      return checkTime(value);
    case "environment":
      if (times > MOST.environment) return "is given too often";
      return /^[A-Za-z0-9_]+=/.test(value) ? undefined : "is not NAME=value";
    case "permitopen":
    case "permitlisten":
      return times > MOST[name] ? "is given too often" : checkPermit(value, name === "permitlisten");
    default:
      return /^any$/i.test(value) || (/^\d{1,10}$/.test(value) && Number(value) <= MAX_TUNNEL)
        ? undefined
        : "is neither a number nor any";
  }
}

/** One broken entry makes sshd refuse every address (addr_match_list returns -2). IPv4 networks are checked in full. */
function checkFrom(list: string): string | undefined {
  for (const entry of list.split(",")) {
    const pattern = entry.replace(/^!/, "");
    if (pattern === "") return "has an empty entry";
    const network = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d+)$/.exec(pattern);
    if (network !== null) {
      const [a = 0, b = 0, c = 0, d = 0, bits = 0] = network.slice(1).map(Number);
      const address = ((a * 256 + b) * 256 + c) * 256 + d;
      if (bits > 32 || address % 2 ** (32 - bits) !== 0) return "has a network whose mask does not fit its address";
    } else if (/^[0-9a-f:.]*:[0-9a-f:.]*\/\d+$/i.test(pattern) && Number(pattern.split("/")[1]) > 128) {
      return "has a network whose mask does not fit its address";
    }
  }
  return undefined;
}

/** YYYYMMDD[HHMM[SS]][Z|UTC] (parse_absolute_time). Years up to 1970 are refused: sshd reads some as "never expires". */
function checkTime(value: string): string | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(?:z|utc)?$/i.exec(value);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (parts?.slice(1) ?? []).map((part) =>
    Number(part ?? 0),
  );
  const fits =
    year > 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second <= 60;
  return fits ? undefined : "is not a time like 20301231 or 203012312359Z";
}

/** host:port, [host]:port or, for permitlisten, a bare port. Service names are refused: slim images lack /etc/services. */
function checkPermit(value: string, isBarePortAllowed: boolean): string | undefined {
  const full = isBarePortAllowed && !value.includes(":") ? `*:${value}` : value;
  const parts = /^(\[[^\]]*\]|[^[:/][^:/]*|)[:/](\*|\d{1,5})$/.exec(full);
  const port = parts?.[2];
  const fits =
    parts !== null &&
    (parts[1] ?? "").length <= MAX_HOST_LENGTH &&
    (port === "*" || (Number(port) > 0 && Number(port) <= 65535));
  return fits ? undefined : "is not host:port with a port number or *";
}
