/**
 * The text of --help, made from the flags, the settings table and the exit codes, so that it cannot differ from them.
 * At most 80 columns, plain ASCII.
 */
import { EXIT } from "./errors.ts";
import { flags } from "./flags.ts";
import { allSettings, fileForm, type Setting } from "./settings.ts";

const COLUMNS = 80;

/** Every exit code of ours, and what it tells. */
export const exitCodes: readonly { readonly code: string; readonly meaning: string }[] = [
  { code: `${EXIT.ok}`, meaning: "what was asked for was done" },
  {
    code: `${EXIT.stage}`,
    meaning: "a stage failed: SSH required or a pinned mode not to be had, rights not provably gone",
  },
  { code: `${EXIT.settings}`, meaning: "settings or flags that cannot be used; the app was not started" },
  { code: `${EXIT.bug}`, meaning: "a bug of ours" },
  { code: `${EXIT.notRunnable}`, meaning: "the app's command was found and cannot be run" },
  { code: `${EXIT.notFound}`, meaning: "the app's command was not found" },
  { code: "other", meaning: "the app's own; 128+n after signal n" },
];

/** The default as a value or in words; undefined when an unset variable simply means nothing. */
export function renderDefault(setting: Setting): string | undefined {
  if (setting.fallback === undefined) return setting.unset;
  return setting.kind.render?.(setting.fallback as never) ?? String(setting.fallback);
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > COLUMNS && line !== indent) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}

function renderSetting(setting: Setting): string[] {
  const names = setting.fileForm ? `${setting.name} (or ${fileForm(setting)}, a path)` : setting.name;
  const initial = renderDefault(setting);
  const title = initial === undefined ? names : `${names} [${initial}]`;
  return [...wrap(title, "  "), ...wrap(setting.meaning, "      ")];
}

/** The whole of --help, with a line break at its end. */
export function renderHelp(): string {
  const lines = [
    "usage: withssh [flags] [--] COMMAND [ARG...]",
    "",
    ...wrap("Gives a container a safe SSH door, then becomes COMMAND. Flags are not needed for that.", ""),
    "",
    "flags:",
  ];
  for (const flag of flags) {
    const words = flag.words ?? (flag.modifier === undefined ? undefined : `[${flag.modifier}]`);
    lines.push(`  ${flag.name}${words === undefined ? "" : ` ${words}`}`, ...wrap(flag.meaning, "      "));
  }
  lines.push("", "settings, from the environment [default]:", ...allSettings.flatMap(renderSetting), "", "exit codes:");
  for (const { code, meaning } of exitCodes) {
    const [first, ...rest] = wrap(meaning, "         ");
    lines.push(`  ${code.padEnd(7)}${(first as string).trimStart()}`, ...rest);
  }
  return `${lines.join("\n")}\n`;
}
