/** The import rules: what the launcher loads is light, heavy packages have one door each, all timers are counted, features do not know each other, and what is exported is for somebody. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SRC = new URL("../src/", import.meta.url);
const FILES = readdirSync(SRC).filter((name) => name.endsWith(".ts"));
const IMPORT = /^(?:import|export) (type )?(?:[^;"]*? from )?"([^"]+)"|(await import|[^.\w]import)\("([^"]+)"\)/gm;

/** What a file imports: by value when it is loaded, as types only, or later (`await import`). */
function importsOf(file: string): { from: string; kind: "value" | "type" | "later" }[] {
  return [...readFileSync(new URL(file, SRC), "utf8").matchAll(IMPORT)].map(([, type, from, later, lazily]) => ({
    from: (from ?? lazily ?? "").replace(/^\.\//, ""),
    kind: later !== undefined ? "later" : type !== undefined ? "type" : "value",
  }));
}

/** The files of each feature, by the beginning of their names. A file of no feature is ground that all may stand on. */
const FEATURES: Readonly<Record<string, RegExp>> = {
  "host keys": /^(host-key|private-key)/,
  "authorized keys": /^(authorized-key|key-)/,
  accounts: /^(accounts|login-|shadow-repair)/,
  sshd: /^(sshd|image-(config|filter)|operator-config|log-socket|known-hosts)/,
  sessions: /^session-/,
  app: /^(exec|become|stay)/,
  sudo: /^sudo/,
  watching: /^watcher/,
  status: /^status/,
};
/** The only files that may know two features: those that run them, and the one stage where all of them meet in a file. */
const RUNNERS = [
  "main.ts",
  "launch.ts",
  "plain-start.ts",
  "supervise.ts",
  "supervise-fork.ts",
  "sudo-supervisor.ts",
  "bring-up.ts",
  "boot.ts",
  "supervisor.ts",
  "live.ts",
  "check.ts",
  "check-boot.ts",
  "check-mode.ts",
  "client-lines.ts",
];
const KNOWERS = [...RUNNERS, "write-sshd-config.ts"];
const featureOf = (file: string) => Object.keys(FEATURES).find((name) => FEATURES[name]?.test(file));

test("each heavy package has one door", () => {
  const doors = (name: string) => FILES.filter((file) => importsOf(file).some(({ from }) => from === name));
  expect(doors("pino")).toEqual(["log.ts"]);
  expect(doors("chokidar")).toEqual(FILES.filter((file) => file === "watcher.ts"));
  expect(doors("zx")).toEqual([]);
});

test("the launcher loads no logging, no watching and no node: module on its way to the app", () => {
  const seen = new Set(["main.ts", "launch.ts"]);
  for (const file of seen) {
    for (const { from, kind } of importsOf(file))
      if (kind === "value") from.endsWith(".ts") ? seen.add(from) : expect(from).toMatch(/^bun:(?:ffi|jsc)$/);
  }
  expect([...seen]).toContain("exec.ts");
  expect([...seen].filter((file) => ["log.ts", "watcher.ts", "boot.ts", "supervisor.ts"].includes(file))).toEqual([]);
});

test("nothing that the supervisor loads waits by a timer that no record is kept of (timer-record.ts)", () => {
  const root = new URL("../", import.meta.url);
  const { packages } = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8")) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const shipped = Object.entries(packages)
    .filter(([dir, { dev, optional }]) => dir !== "" && dev !== true && optional !== true)
    .map(([dir]) => `${dir}/`);
  expect(shipped).toContain("node_modules/chokidar/");
  const waiting = ["src/", ...shipped].flatMap((dir) =>
    readdirSync(new URL(dir, root), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[cm]?[jt]s$/.test(name) && !/\.d\.ts$|(^|\/)(test|benchmarks|examples|docs)\//.test(name))
      .map((name) => `${dir}${name}`)
      .filter((file) =>
        /["'](node:)?timers|AbortSignal\.timeout\(|Bun\.sleep\(|\.refresh\(\)|promisify\(set/.test(
          readFileSync(new URL(file, root), "utf8"),
        ),
      ),
  );
  expect(waiting).toEqual([]);
});

test("nothing asks for the processor by a name that the compiler replaces (architecture.ts)", () => {
  const asking = FILES.filter((file) => /process\.(arch|platform)/.test(readFileSync(new URL(file, SRC), "utf8")));
  expect(asking).toEqual(["architecture.ts"]);
});

test("features never import each other, and ground imports no feature", () => {
  const crossings = FILES.filter((file) => !KNOWERS.includes(file)).flatMap((file) =>
    importsOf(file)
      // The shape of what a knower hands over may be named: a type loads nothing.
      .filter(
        ({ from, kind }) => kind !== "type" && featureOf(from) !== undefined && featureOf(from) !== featureOf(file),
      )
      .map(({ from }) => `${file} imports ${from}`),
  );
  expect(crossings).toEqual([]);
});

test("nothing is exported by value that no other file names", () => {
  const root = new URL("../", import.meta.url);
  const sources = ["src", "test", "scripts"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => ({ file: `${folder}/${name}`, text: readFileSync(new URL(`${folder}/${name}`, root), "utf8") })),
  );
  const unnamed = sources
    .filter(({ file }) => file.startsWith("src/"))
    .flatMap(({ file, text }) => {
      const exported = text.matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm);
      const isNamed = (name: string) =>
        sources.some((other) => other.file !== file && new RegExp(`\\b${name}\\b`).test(other.text));
      return Array.from(exported, ([, name = ""]) => name).flatMap((name) =>
        isNamed(name) ? [] : [`${file}: ${name}`],
      );
    });
  expect(unnamed).toEqual([]);
});
