/**
 * Reads single settings out of the environment and collects everything that is wrong, so that all of it is told at once.
 * Never shows the value of a secret, nor anything that looks like a key, whichever variable it was put into by mistake.
 */
import type { Problem } from "./errors.ts";
import { path } from "./setting-kinds.ts";
import type { Setting } from "./settings.ts";
import { fileForm } from "./settings.ts";

/** A text given in the variable itself, or the path of a file that holds it. */
export type TextSource = { readonly text: string } | { readonly file: string };

export interface SettingReader {
  readonly problems: Problem[];
  /** The value; undefined when unset (or empty, as compose's `NAME=` leaves it), or refused. */
  readonly optional: <T>(setting: Setting<T>) => T | undefined;
  /** The value, or the table's default. */
  readonly value: <T>(setting: Setting<T> & { readonly fallback: T }) => T;
  /** NAME or NAME_FILE, never both. */
  readonly textSource: (setting: Setting<string>) => TextSource | undefined;
}

const SHOWN_LENGTH = 60;

/** What was seen, fit for a log line: quoted, escaped, cut; only its length when it could be a key or a password. */
export function showValue(value: string): string {
  if (value.length > SHOWN_LENGTH || /[\r\n]|PRIVATE|AAAA|ssh-|:\/\/.*@/.test(value)) {
    return `${value.length} characters`;
  }
  const escaped = JSON.stringify(value);
  return escaped.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The usual accidents of env files, told before the general rule. */
function accident(name: string, value: string): string | undefined {
  const bare = value.trim();
  if (bare !== value) return `remove the blanks or line breaks around the value of ${name}`;
  const quote = bare[0];
  if (bare.length > 1 && (quote === '"' || quote === "'") && bare.endsWith(quote)) {
    return `remove the quotes around the value of ${name}: they are part of it here`;
  }
  return undefined;
}

/** A reader over `env`. */
export function settingReader(env: ReadonlyMap<string, string>): SettingReader {
  const problems: Problem[] = [];

  function said(name: string): string | undefined {
    const text = env.get(name);
    return text === undefined || text.trim() === "" ? undefined : text;
  }

  function parse<T>(setting: Setting<T>, name: string, kind: Setting<T>["kind"]): T | undefined {
    const text = said(name);
    if (text === undefined) return undefined;
    if (text.includes("\ufffd")) {
      problems.push({ what: `${name} is not UTF-8`, hint: `set ${name} again from UTF-8 text` });
      return undefined;
    }
    const parsed = kind.parse(text);
    if ("value" in parsed) return parsed.value;
    const hint = accident(name, text) ?? parsed.hint ?? `for example ${name}=${kind.example}`;
    const hidden = setting.secret === true || kind.hidden === true;
    problems.push({
      what: `${name} must be ${kind.accepts}`,
      ...(hidden ? {} : { saw: showValue(parsed.refused) }),
      hint,
    });
    return undefined;
  }

  const optional = <T>(setting: Setting<T>) => parse(setting, setting.name, setting.kind);

  return {
    problems,
    optional,
    value: (setting) => optional(setting) ?? setting.fallback,
    textSource: (setting) => {
      const fileName = fileForm(setting);
      if (!env.has(fileName) && !env.has(setting.name)) return undefined;
      const text = optional(setting);
      const file = parse(setting, fileName, path);
      if (said(setting.name) !== undefined && said(fileName) !== undefined) {
        const what = `${setting.name} and ${fileName} are both set`;
        problems.push({ what, hint: "keep one of the two" });
      }
      if (text !== undefined) return { text };
      return file === undefined ? undefined : { file };
    },
  };
}
