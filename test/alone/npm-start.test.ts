/** `npm start` where something is amiss: each failure ends with what to do, with exit code 1, and leaves nothing behind. */
import { chmod, copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { ROOT } from "../../scripts/places.ts";
import { run } from "../../scripts/ssh-client.ts";
import { makeDir } from "../support/ssh.ts";

/** A docker that answers as told: `$VERSION_FAILS`, `$THERE` (of the container that has the demo's name), `$FAILS` (a subcommand). */
const DOCKER = `#!/bin/sh
case $1 in
  version) [ -z "$VERSION_FAILS" ] || { echo "$VERSION_FAILS" >&2; exit 1; }; echo 99.0; exit 0 ;;
  container) [ -n "$THERE" ] || exit 1; echo "$THERE"; exit 0 ;;
esac
[ "$1" != "$FAILS" ] || { echo "docker: Error response from daemon: $1 does not work today." >&2; exit 125; }
`;

let bin = "";
let cache = "";
beforeAll(async () => {
  bin = await makeDir();
  cache = await makeDir();
  await writeFile(join(bin, "docker"), DOCKER);
  await chmod(join(bin, "docker"), 0o755);
});

/** Runs the demo with that docker, or with the programs of `path` alone. */
async function start(settings: Readonly<Record<string, string>>, path = `${bin}:${process.env["PATH"]}`) {
  const env = { XDG_CACHE_HOME: cache, ...settings, PATH: path };
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return await run("env", [...pairs, process.execPath, join(ROOT, "scripts/demo.ts"), "--once"]);
}

test("without packages it says npm ci, by Node alone", async () => {
  const dir = await makeDir();
  await mkdir(join(dir, "scripts"));
  for (const name of ["package.json", "scripts/preflight.cjs"]) await copyFile(join(ROOT, name), join(dir, name));
  const ended = await run("node", [join(dir, "scripts/preflight.cjs")]);
  const stderr = "the packages are not installed — saw no node_modules/.bin/bun — hint: npm ci && npm start\n";
  expect(ended).toEqual({ code: 1, stdout: "", stderr });
  expect(await run("node", [join(ROOT, "scripts/preflight.cjs")])).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("without an ssh client it names the package", async () => {
  const stderr = "no ssh client — saw no ssh, no ssh-keygen in PATH — hint: apt-get install openssh-client\n";
  expect(await start({}, bin)).toEqual({ code: 1, stdout: "", stderr });
});

test("a user who may not talk to docker learns how he may", async () => {
  const said = "permission denied while trying to connect to the Docker daemon socket";
  const script = `import { ensureEngine } from ${JSON.stringify(join(ROOT, "scripts/docker-engine.ts"))}; await ensureEngine();`;
  const env = [`VERSION_FAILS=${said}`, `PATH=${bin}:${process.env["PATH"]}`];
  const ended = await run("env", [...env, process.execPath, "-e", script]);
  expect(ended.stderr).toContain(`${said} — hint: sudo usermod -aG docker "$USER", then log in anew`);
  expect(ended.code).toBe(1);
});

test("a container that only has the demo's name is left alone, and nothing is built", async () => {
  const ended = await start({ THERE: '{"Image":"postgres:17","Labels":{}}' });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(
    /\na container withssh-demo is there that is not the demo — saw its image postgres:17 — hint: docker rename withssh-demo OTHER\n$/,
  );
  expect(ended.stderr).not.toContain("bundle");
});

test.each([
  ["build", "docker system df"],
  ["run", "npm start once more"],
])("where docker %s fails it shows docker's words and ends with a hint", async (FAILS, hint) => {
  const ended = await start({ FAILS });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  const [last = "", before] = ended.stderr.trimEnd().split("\n").toReversed();
  expect(before).toBe(`docker: Error response from daemon: ${FAILS} does not work today.`);
  expect(last).toMatch(/^hint: /);
  expect(last).toContain(hint);
  const left = await readdir(cache, { recursive: true });
  expect(left.filter((name) => name.startsWith("withssh/"))).toEqual([]);
});
