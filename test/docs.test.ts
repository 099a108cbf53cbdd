/** Holds documents against the code: README's tables, and every file that CONTRIBUTING and docs/boot.md name. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
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

/** What stands in backquotes and reads as a file: with a folder from the root, without one in src/; `*` for any letters. */
function filesNamedIn(document: string): string[] {
  const text = readFileSync(new URL(`../${document}`, import.meta.url), "utf8");
  const named = [...text.matchAll(/`((?:[\w.-]+\/)*[\w*.-]+\.(?:ts|c|md|json))`/g)].map((match) => match[1] as string);
  return [...new Set(named)].map((name) => (name.includes("/") ? name : `src/${name}`));
}

function isThere(path: string): boolean {
  if (!path.includes("*")) return existsSync(new URL(`../${path}`, import.meta.url));
  const [folder = "", pattern = ""] = path.split(/\/(?=[^/]*$)/);
  const names = readdirSync(new URL(`../${folder}/`, import.meta.url));
  const matcher = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  return names.some((name) => matcher.test(name));
}

test.each(["CONTRIBUTING.md", "docs/boot.md"])("every file that %s names is there", (document) => {
  const files = filesNamedIn(document);
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !isThere(file))).toEqual([]);
});

test("CONTRIBUTING answers at least ten questions of where things are", () => {
  const text = readFileSync(new URL("../CONTRIBUTING.md", import.meta.url), "utf8");
  const answers =
    text
      .split("\n## Where is it")[1]
      ?.split("\n## ")[0]
      ?.match(/^\*\*.+?\*\* .*`/gm) ?? [];
  expect(answers.length).toBeGreaterThanOrEqual(10);
});
