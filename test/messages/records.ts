/** What the tests have been seen to make: read from dist/messages, where the recorder of each test file has left it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { DIST_DIR, ROOT } from "../../scripts/places.ts";

/** A message as it was made. */
export interface Told {
  readonly site: string;
  readonly what: string;
  readonly saw?: string;
  readonly hint?: string;
  /** Of a log line. */
  readonly level?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Where the record of a test file is. */
export function recordOf(testPath: string): string {
  return join(DIST_DIR, "messages", `${relative(ROOT, testPath).replaceAll("/", "+")}.json`);
}

/** The test files that record. */
function testFiles(): string[] {
  const below = (directory: string) =>
    readdirSync(join(ROOT, directory)).flatMap((name) => (name.endsWith(".test.ts") ? [`${directory}/${name}`] : []));
  return [...below("test"), ...below("test/unit"), ...below("test/kernel")];
}

/** Those whose record is missing, or older than anything that it could depend on. */
export function staleTestFiles(): string[] {
  const newest = (directory: string): number =>
    Math.max(
      ...readdirSync(join(ROOT, directory), { withFileTypes: true }).map((entry) => {
        const path = `${directory}/${entry.name}`;
        if (entry.isDirectory()) return newest(path);
        return entry.name.endsWith(".test.ts") ? 0 : statSync(join(ROOT, path)).mtimeMs;
      }),
    );
  const sources = Math.max(newest("src"), newest("test"), newest("scripts"));
  return testFiles().filter((file) => {
    const record = recordOf(join(ROOT, file));
    if (!existsSync(record)) return true;
    return statSync(record).mtimeMs < Math.max(sources, statSync(join(ROOT, file)).mtimeMs);
  });
}

/** All that was made, file by file. */
export function readRecords(): Told[] {
  return testFiles()
    .map((file) => recordOf(join(ROOT, file)))
    .filter((record) => existsSync(record))
    .flatMap((record) => JSON.parse(readFileSync(record, "utf8")) as Told[]);
}

/** Runs the tests whose record is not of this code: none after a whole run. */
export async function renewRecords(): Promise<void> {
  const stale = staleTestFiles();
  if (stale.length === 0) return;
  const argv = ["--bun", "vitest", "run", "--project", "unit", "--project", "kernel", "--reporter", "dot", ...stale];
  const child = Bun.spawn([process.execPath, ...argv], { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`the tests that make the messages failed:\n${stdout}\n${stderr}`);
}
