/**
 * The kinds of values that a setting may have: what each accepts in words, an example, and its parser.
 * Parsers are exact and pure; nothing that passes can carry a line break or an option into sshd_config or an argv.
 */
import { type Address, parseAddress, parseIp, parsePort } from "./addresses.ts";

/** The value, or the part of the text that is wrong and, where there is one, a hint better than the kind's example. */
export type Parsed<T> = { readonly value: T } | { readonly refused: string; readonly hint?: string };

export interface Kind<T> {
  /** Completes "NAME must be ...". */
  readonly accepts: string;
  readonly example: string;
  /** True when what was seen must not be told: keys, or text that may hold anything. */
  readonly hidden?: true;
  readonly parse: (text: string) => Parsed<T>;
  /** A value as people write it, where `String` does not do. */
  readonly render?: (value: never) => string;
}

const SECOND_MS = 1000;
const UNIT_MS: Readonly<Record<string, number>> = { s: SECOND_MS, m: 60 * SECOND_MS, h: 3600 * SECOND_MS };
const DAY_MS = 24 * 3600 * SECOND_MS;
/** The kernel's hard end of fs.nr_open on 64 bits, rounded down (fs/file.c, sysctl_nr_open_max). */
const NOFILE_MAX = 2 ** 30;
/** Fewer would stop the app's own loader before it can complain. */
const NOFILE_MIN = 16;
/** (uid_t) -1 means "leave as is" to setuid-like calls, so it is no id (setreuid(2)). */
const ID_MAX = 2 ** 32 - 2;

/** What stands between blanks, line breaks and commas. */
function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** A list of which every part must pass; the first that does not is told. Empty lists are refused, doubles dropped. */
function list(parts: readonly string[], parse: (part: string) => Parsed<string>): Parsed<readonly string[]> {
  const found = new Set<string>();
  for (const part of parts) {
    const parsed = parse(part);
    if ("refused" in parsed) return parsed;
    found.add(parsed.value);
  }
  return found.size === 0 ? { refused: parts.join(" ") } : { value: [...found] };
}

/**
 * Login names as shadow's lib/chkname.c takes them (useradd, adduser), at most 32 characters: never a leading dash,
 * never all digits (that is an id), never a slash, a blank or a pattern character of sshd_config.
 */
function isUserName(text: string): boolean {
  return (
    /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,30}[A-Za-z0-9_.$-]?$/.test(text) && !/^[0-9]+$/.test(text) && !/^\.\.?$/.test(text)
  );
}

function isId(text: string): boolean {
  return /^(0|[1-9][0-9]{0,9})$/.test(text) && Number(text) <= ID_MAX;
}

export const boolean: Kind<boolean> = {
  accepts: "exactly true, false, 1 or 0",
  example: "true",
  parse: (text) => {
    if (text === "true" || text === "1") return { value: true };
    return text === "false" || text === "0" ? { value: false } : { refused: text };
  },
};

/** One of a few words. */
export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return {
    accepts: `one of ${choices.join(", ")}`,
    example: choices[0] as string,
    parse: (text) => {
      const value = choices.find((choice) => choice === text);
      return value === undefined ? { refused: text } : { value };
    },
  };
}

export const port: Kind<number> = {
  accepts: "a port from 1 to 65535",
  example: "2222",
  parse: (text) => {
    const value = parsePort(text);
    return value === undefined ? { refused: text } : { value };
  },
};

/** Milliseconds from `15m`, `30s`, `1h`; one second to one day. */
export const duration: Kind<number> = {
  accepts: "a time from 1s to 24h, in s, m or h",
  example: "15m",
  parse: (text) => {
    const match = /^([0-9]{1,6})([smh])$/.exec(text);
    const ms = match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] as string] as number);
    return ms >= SECOND_MS && ms <= DAY_MS ? { value: ms } : { refused: text };
  },
  render: (ms: number) => {
    const unit = ms % (3600 * SECOND_MS) === 0 ? "h" : ms % (60 * SECOND_MS) === 0 ? "m" : "s";
    return `${ms / (UNIT_MS[unit] as number)}${unit}`;
  },
};

/** True for what forges lines in logs and configs. A loop: compiling a pattern is what the app would wait for. */
function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** An absolute path, slashes at its end dropped. */
export const path: Kind<string> = {
  accepts: "an absolute path without control characters, shorter than 4096",
  example: "/some/where",
  parse: (text) => {
    if (!text.startsWith("/") || text.length > 4095 || hasControls(text)) return { refused: text };
    let end = text.length;
    while (end > 1 && text[end - 1] === "/") end -= 1;
    return { value: text.slice(0, end) };
  },
};

export const addresses: Kind<readonly string[]> = {
  accepts: "IPv4 or IPv6 addresses, with commas or blanks between",
  example: "127.0.0.1,::1",
  parse: (text) =>
    list(words(text), (part) => {
      const value = parseIp(part);
      if (value !== undefined) return { value };
      const withPort = parseAddress(part);
      if (withPort === undefined || parseIp(withPort.host) === undefined) return { refused: part };
      return { refused: part, hint: "leave out the port: it has a setting of its own" };
    }),
};

export const address: Kind<Address> = {
  accepts: "host or host:port, an IPv6 address with a port in brackets",
  example: "app.example.com:2222",
  parse: (text) => {
    const value = parseAddress(text);
    if (value !== undefined) return { value };
    return text.includes("://") ? { refused: text, hint: "leave out the scheme" } : { refused: text };
  },
};

export const users: Kind<readonly string[]> = {
  accepts: "login names with commas between",
  example: "app,root",
  parse: (text) =>
    list(
      text.split(",").map((part) => part.trim()),
      (part) => (isUserName(part) ? { value: part } : { refused: part }),
    ),
};

/** A user, and perhaps a group, by name or id, as `docker run --user` takes them. */
export const userAndGroup: Kind<string> = {
  accepts: "a user or user:group, by name or id",
  example: "app",
  parse: (text) => {
    const parts = text.split(":");
    const good = parts.length <= 2 && parts.every((part) => isUserName(part) || isId(part));
    return good ? { value: text } : { refused: text };
  },
};

export const variableNames: Kind<readonly string[]> = {
  accepts: "names of environment variables, with commas or blanks between",
  example: "PUBLIC_KEY",
  parse: (text) =>
    list(words(text), (part) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? { value: part } : { refused: part })),
};

/** Names in which `*` and `?` stand for any letters or one; `-` alone for none at all. */
export const variableGlobs: Kind<readonly string[]> = {
  accepts: "names of environment variables, * and ? allowed, with commas or blanks between, or - for none",
  example: "PATH LANG LC_*",
  parse: (text) =>
    text === "-"
      ? { value: [] }
      : list(words(text), (part) => (/^[A-Za-z_*?][A-Za-z0-9_*?]*$/.test(part) ? { value: part } : { refused: part })),
};

/** The soft, and perhaps the hard, limit on open files (setrlimit(2), RLIMIT_NOFILE). */
export const nofile: Kind<{ readonly soft: number; readonly hard?: number }> = {
  accepts: `soft or soft:hard, each from ${NOFILE_MIN} to ${NOFILE_MAX}, soft not above hard`,
  example: "1024:524288",
  parse: (text) => {
    const match = /^([0-9]{1,10})(?::([0-9]{1,10}))?$/.exec(text);
    if (match === null) return { refused: text };
    const soft = Number(match[1]);
    const hard = match[2] === undefined ? undefined : Number(match[2]);
    if (soft < NOFILE_MIN || Math.max(soft, hard ?? 0) > NOFILE_MAX || (hard ?? soft) < soft) return { refused: text };
    return { value: hard === undefined ? { soft } : { soft, hard } };
  },
};

/** https addresses with blanks or line breaks between; kept as text, because the file form is read later. */
export const urls: Kind<string> = {
  accepts: "https URLs without user or password, with blanks or line breaks between",
  example: "https://example.com/alice.keys",
  hidden: true,
  parse: (text) => {
    const parts = text.trim().split(/\s+/);
    const isUrl = (part: string) => /^https:\/\/[^/?#@\s]+(?:[/?#]\S*)?$/.test(part);
    // Two of them with a comma between would be asked for as one.
    return parts.every((part) => isUrl(part) && !/[,;]https:/i.test(part)) ? { value: text } : { refused: "" };
  },
};

/** Any text; its reader judges it line by line. */
export const text: Kind<string> = {
  accepts: "text",
  example: "...",
  hidden: true,
  parse: (value) => ({ value }),
};
