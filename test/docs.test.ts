/**
 * Holds README against the code and the files that are tried for real: settings, flags, exit codes, messages, figures and what
 * is there to copy cannot say anything else than they do. And every file that CONTRIBUTING and docs/boot.md name is there.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readMarked } from "../scripts/marked.ts";
import { renderTimings } from "../scripts/timings-table.ts";
import { flags } from "../src/flags.ts";
import { exitCodes, renderDefault } from "../src/help.ts";
import { allSettings, fileForm, type Setting } from "../src/settings.ts";
import { keyForms } from "./support/key-forms.ts";
import { codeOf, instructionsOf, namedCode } from "./support/readme.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");
const readme = read("README.md");

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
    const { scripts } = JSON.parse(read("package.json"));
    const runs = [...readme.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]);
    expect(runs.filter((name) => !((name as string) in scripts))).toEqual([]);
  });

  test("has the timings of the bench's page", () => {
    expect(readMarked(readme, "timings")).toBe(renderTimings(read("docs/bench.md")));
  });

  test("quotes no message that the program does not have", () => {
    const source = readdirSync(join(ROOT, "src")).map((name) => read(`src/${name}`));
    const quoted = tableUnder("When something is wrong").flatMap((row) => /^\| `(.+?)` \|/.exec(row)?.[1] ?? []);
    const ours = quoted.slice(0, quoted.indexOf("Permission denied (publickey)."));
    expect(ours.length).toBeGreaterThanOrEqual(12);
    const isSaid = (message: string) => source.some((file) => message.split("…").every((part) => file.includes(part)));
    expect(ours.filter((message) => !isSaid(message))).toEqual([]);
  });

  test.each(["README.md", "docs/coming-from-the-guide.md"])(
    "leads to files and headings that are there: %s",
    (name) => {
      const document = read(name);
      const anchors = Array.from(document.matchAll(/^#+ (.+)$/gm), ([, title = ""]) => `#${slugOf(title)}`);
      const targets = [
        ...Array.from(document.matchAll(/\]\((?!https:)([^)]+)\)/g), ([, target = ""]) => target),
        ...Array.from(document.matchAll(/ src(?:set)?="([^"]+)"/g), ([, target = ""]) => target),
      ];
      const dir = join(ROOT, name, "..");
      const isThere = (target: string) =>
        target.startsWith("#") ? anchors.includes(target) : existsSync(join(dir, target.split("#")[0] ?? ""));
      expect(targets.length).toBeGreaterThan(0);
      expect(targets.filter((target) => !isThere(target))).toEqual([]);
    },
  );

  test("shows one picture, light and dark: they differ in colours alone", () => {
    const [light = "", dark = ""] = ["light", "dark"].map((name) => read(`docs/processes-${name}.svg`));
    const withoutColours = (svg: string) => svg.replaceAll(/#[0-9a-f]{6}/g, "#");
    expect(withoutColours(dark)).toBe(withoutColours(light));
    expect(dark).not.toBe(light);
  });
});

/** As GitHub makes a heading's anchor. */
function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .replaceAll(" ", "-");
}

describe("what README gives to copy", () => {
  /** Variables one by one, whichever line sets them. */
  const spread = (lines: readonly string[]) =>
    lines.flatMap((line) =>
      line.startsWith("ENV ") ? Array.from(line.matchAll(/\w+=\S+/g), ([pair]) => `ENV ${pair}`) : [line],
    );

  test.each([
    ["debian", "Dockerfile.debian"],
    ["alpine", "Dockerfile.alpine"],
  ])("%s: every line but the app's own is one of %s, in its order", (name, tried) => {
    const lines = spread(instructionsOf(read(tried)));
    const base = /^ARG BASE=(.+)$/m.exec(read(tried))?.[1];
    const [from, ...shown] = spread(instructionsOf(codeOf(readme, name)));
    expect(from).toBe(`FROM ${base}`);
    expect(shown).toContain("COPY withssh /usr/local/bin/withssh");
    const kept = shown.filter((line) => !/^(?:COPY|CMD) /.test(line));
    expect(lines.filter((line) => kept.includes(line))).toEqual(kept);
  });

  test.each([
    ["rails", "rails", "/rails/bin/docker-entrypoint"],
    ["node", "node", "docker-entrypoint.sh"],
  ])(
    "%s: sshd and the one rule as on Debian, the image's own entrypoint behind ours, and CMD repeated",
    (name, user, own) => {
      const debian = instructionsOf(read("Dockerfile.debian"));
      const shown = instructionsOf(codeOf(readme, name));
      const install = debian.find((line) => line.startsWith("RUN apt-get "));
      const grant = debian.find((line) => line.includes("visudo"))?.replace(/^RUN useradd .*? && /, "RUN ");
      expect(shown).toContain(install);
      expect(shown).toContain(grant?.replace("'app ALL", `'${user} ALL`));
      expect(shown).toContain(`ENTRYPOINT ["withssh", "${own}"]`);
      expect(shown.at(-1)).toMatch(/^CMD \[".+"\]$/);
    },
  );

  test("compose: the example that is tried, with the Dockerfile beside it", () => {
    const shown = Bun.YAML.parse(codeOf(readme, "compose")) as {
      services: { app: { build: string; ports: string[] } };
    };
    const tried = Bun.YAML.parse(read("examples/compose/compose.yaml")) as typeof shown;
    const { build, ports, ...app } = shown.services.app;
    expect(build).toBe(".");
    expect(tried.services.app.ports).toEqual(expect.arrayContaining(ports));
    expect({ ...shown, services: { app: { ...app, build: 0, ports: 0 } } }).toEqual({
      ...tried,
      services: { app: { ...tried.services.app, build: 0, ports: 0 } },
    });
  });

  test("fly: the fly.toml of the repository, with the Dockerfile beside it", () => {
    const { build: _, ...tried } = Bun.TOML.parse(read("fly.toml")) as Record<string, unknown>;
    expect(Bun.TOML.parse(codeOf(readme, "fly"))).toEqual(tried);
  });

  test("kubernetes: the example that is tried", () => {
    expect(Bun.YAML.parse(codeOf(readme, "kubernetes"))).toEqual(
      Bun.YAML.parse(read("examples/kubernetes/withssh.yaml")),
    );
  });

  test("each way to set the key is a row of the parser's test", () => {
    const shown = namedCode(readme, "Setting the key");
    expect(shown).toEqual(keyForms.map(({ name, snippet }) => ({ name, code: snippet })));
  });
});

/** What stands in backquotes and reads as a file: with a folder from the root, without one in src/; `*` for any letters. */
function filesNamedIn(document: string): string[] {
  const text = read(document);
  const named = [...text.matchAll(/`((?:[\w.-]+\/)*[\w*.-]+\.(?:ts|c|md|json))`/g)].map((match) => match[1] as string);
  return [...new Set(named)].map((name) => (name.includes("/") ? name : `src/${name}`));
}

function isThere(path: string): boolean {
  if (!path.includes("*")) return existsSync(join(ROOT, path));
  const [folder = "", pattern = ""] = path.split(/\/(?=[^/]*$)/);
  const names = readdirSync(join(ROOT, folder));
  const matcher = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  return names.some((name) => matcher.test(name));
}

test.each(["CONTRIBUTING.md", "docs/boot.md"])("every file that %s names is there", (document) => {
  const files = filesNamedIn(document);
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !isThere(file))).toEqual([]);
});

test("CONTRIBUTING answers at least ten questions of where things are", () => {
  const text = read("CONTRIBUTING.md");
  const answers =
    text
      .split("\n## Where is it")[1]
      ?.split("\n## ")[0]
      ?.match(/^\*\*.+?\*\* .*`/gm) ?? [];
  expect(answers.length).toBeGreaterThanOrEqual(10);
});
