/** Holds docs/clients.md against the tests: each client of its tables is tried where the row says so, and none is left out. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const page = read("docs/clients.md");

/** Test files by the name that the tables give them. */
const files = new Map(
  ["test/integration", "test/clients"].flatMap((dir) =>
    readdirSync(new URL(`../${dir}/`, import.meta.url))
      .filter((name) => name.endsWith(".test.ts") && (dir === "test/clients" || name.startsWith("clients-")))
      .map((name) => [name.replace(/\.test\.ts$/, ""), `${dir}/${name}`] as const),
  ),
);

const titlesOf = (file: string) =>
  [...read(file).matchAll(/\btest(?:\.each\([\s\S]*?\))?\(\s*"((?:[^"\\]|\\.)*)"/g)].map(
    ([, title]) => title as string,
  );

/** Rows whose last cell names a test file: what the client is called in a title, and that file's name. */
const rows = page.split("\n").flatMap((line) => {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  const file = cells.at(-2) ?? "";
  return files.has(file) ? [{ client: (cells[1] ?? "").replace(/ \(.*\)$/, ""), file }] : [];
});

describe("docs/clients.md", () => {
  test("names the file that tries each client, and a title there names the client", () => {
    expect(rows.length).toBeGreaterThan(15);
    const missing = rows.filter(
      ({ client, file }) => !titlesOf(files.get(file) as string).some((title) => title.includes(client)),
    );
    expect(missing).toEqual([]);
  });

  test("leaves out no client that is tried", () => {
    const left = [...files].flatMap(([name, path]) => {
      const clients = rows.filter(({ file }) => file === name).map(({ client }) => client);
      return titlesOf(path).filter((title) => !clients.some((client) => title.includes(client)));
    });
    expect(left).toEqual([
      "WITHSSH_FORWARDING=%s refuses in the client's own words",
      "each of them refuses a host with another key than the one that it was told",
    ]);
  });

  test("quotes refused clients as the tests hear them", () => {
    const section = page.split("\n## Forwarding\n")[1]?.split("\n## ")[0] ?? "";
    const said = [...section.matchAll(/`([^`]*(?:failed|Could not)[^`]*)`/g)].map(([, words]) => words as string);
    expect(said.length).toBe(4);
    for (const words of said) expect(read("test/integration/clients-forwarding.test.ts")).toContain(words);
  });

  test("names commands and settings that there are", () => {
    const { scripts } = JSON.parse(read("package.json"));
    for (const [, name] of page.matchAll(/npm run ([a-z:]+)/g)) expect(scripts).toHaveProperty([name as string]);
    const help = read("src/settings.ts");
    for (const [name] of page.matchAll(/\b(?:WITHSSH|AUTHORIZED_KEYS)(?:_[A-Z]+)*\b/g))
      expect(help).toContain(`"${name}"`);
  });
});
