/** Holds README's tables against the code: settings, flags and exit codes cannot say anything else than the program. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { flags } from "../src/flags.ts";
import { exitCodes, renderDefault } from "../src/help.ts";
import { allSettings, fileForm, type Setting } from "../src/settings.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The rows of the one table under a heading, without its head. */
function tableUnder(heading: string): string[] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
}

/** Plain text as Markdown shows it. */
function plain(text: string): string {
  return text.replaceAll(/[*<|]/g, "\\$&");
}

function settingRow(row: Setting): string {
  const names = row.fileForm ? `\`${row.name}\` or \`${fileForm(row)}\`` : `\`${row.name}\``;
  const initial = row.fallback === undefined ? plain(row.unset ?? "–") : `\`${renderDefault(row)}\``;
  return `| ${names} | ${initial} | ${plain(row.meaning)} |`;
}

describe("the README", () => {
  test("has exactly the settings of the program, with their defaults", () => {
    expect(tableUnder("Settings")).toEqual(allSettings.map(settingRow));
  });

  test("has exactly the flags of the program", () => {
    const rows = flags.map((flag) => {
      const words = flag.words ?? (flag.modifier === undefined ? undefined : `[${flag.modifier}]`);
      return `| \`${flag.name}${words === undefined ? "" : ` ${words}`}\` | ${plain(flag.meaning)} |`;
    });
    expect(tableUnder("Flags")).toEqual(rows);
  });

  test("has exactly the exit codes of the program", () => {
    expect(tableUnder("Exit codes")).toEqual(exitCodes.map(({ code, meaning }) => `| ${code} | ${plain(meaning)} |`));
  });

  test("names no setting and no npm script that does not exist", () => {
    const names = allSettings.flatMap((row) => [row.name, ...(row.fileForm ? [fileForm(row)] : [])]);
    const said = readme.match(/\b(?:WITHSSH|AUTHORIZED_KEYS)(?:_[A-Z]+)*\b(?!_)/g) ?? [];
    expect(said.filter((name) => !names.includes(name))).toEqual([]);
    const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    const runs = [...readme.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]);
    expect(runs.filter((name) => !((name as string) in scripts))).toEqual([]);
  });
});
