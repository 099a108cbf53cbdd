/** The workflows cannot run here: what would make them unsafe is looked for in their text. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const DIR = new URL("../.github/workflows/", import.meta.url);

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string; readonly with?: object }[];
}

const read = (name: string) => readFileSync(new URL(name, DIR), "utf8");
const parse = (name: string) => Bun.YAML.parse(read(name)) as Workflow;
const canWrite = ({ permissions = {} }: Job) => Object.values(permissions).includes("write");

describe.each(readdirSync(DIR))("%s", (name) => {
  test("pins every action to a commit, with the version beside it", () => {
    const used = read(name).match(/uses: .*/g) ?? [];
    expect(used.length).toBeGreaterThan(0);
    for (const line of used) expect(line).toMatch(/^uses: (\.\/\S+|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  });

  test("starts from no right to write, and keeps no credentials in the checkout", () => {
    const { permissions, jobs } = parse(name);
    expect(Object.values(permissions ?? { all: "write" })).not.toContain("write");
    const checkouts = Object.values(jobs).flatMap(({ steps = [] }) =>
      steps.filter(({ uses }) => uses?.includes("/checkout@")),
    );
    for (const checkout of checkouts) expect(checkout.with).toEqual({ "persist-credentials": false });
  });

  test("runs nothing from npm in a job that may write", () => {
    for (const { steps = [] } of Object.values(parse(name).jobs).filter(canWrite)) {
      expect(steps.map(({ run = "", uses = "" }) => run + uses).join("\n")).not.toMatch(/\b(npm|npx|bun|setup-node)\b/);
    }
  });

  test("puts no expression into a shell script: a tag's name is data", () => {
    const scripts = Object.values(parse(name).jobs).flatMap(({ steps = [] }) => steps.map(({ run = "" }) => run));
    expect(scripts.filter((script) => script.includes("${{"))).toEqual([]);
  });
});

test("a release publishes every file that build:all makes", () => {
  const text = read("release.yml");
  for (const file of ["SHA256SUMS", "THIRD-PARTY-LICENSES.txt", "withssh.cdx.json", "withssh-linux-*"])
    expect(text).toContain(`dist/${file}\n`);
});
