/** What a release consists of: every file of it is what its name says, and the carrier image hands out the right ones. */
import { existsSync } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { assertElf } from "../../scripts/elf.ts";
import { DIST_DIR, ROOT } from "../../scripts/places.ts";
import { run } from "../../scripts/ssh-client.ts";
import { ALL_TARGETS, executablePath, nativeTarget, TARGETS } from "../../scripts/targets.ts";
import { bases, buildImage } from "../support/boot.ts";
import { docker } from "../support/container.ts";
import { makeDir } from "../support/ssh.ts";
import { removeImage } from "../support/test-images.ts";

const BUILD_TIMEOUT_MS = 600_000;
const VERSION = `withssh ${manifest.version}\n`;
/** Debian's qemu-user-static and libc6-arm64-cross. */
const QEMU = "/usr/bin/qemu-aarch64-static";
const ARM64_ROOT = "/usr/aarch64-linux-gnu";

beforeAll(async () => {
  const built = await run("npm", ["run", "--silent", "build:all"], { timeoutMs: BUILD_TIMEOUT_MS });
  if (built.code !== 0) throw new Error(`npm run build:all ended with ${built.code} — saw ${built.stderr}`);
}, BUILD_TIMEOUT_MS);

test("SHA256SUMS names every released file and holds for each", async () => {
  const sums = await readFile(join(DIST_DIR, "SHA256SUMS"), "utf8");
  const names = [...sums.matchAll(/^[0-9a-f]{64} {2}(\S+)$/gm)].map(([, name]) => name);
  const files = ALL_TARGETS.map((target) => TARGETS[target].file);
  expect(names).toEqual([...files, "withssh.cdx.json", "THIRD-PARTY-LICENSES.txt"]);
  const checked = await run("env", ["-C", DIST_DIR, "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]);
  expect(checked).toMatchObject({ code: 0, stdout: "" });
});

test("the list of what is inside has pino and the four runtimes, and nothing that only builds or tests", async () => {
  const sbom = JSON.parse(await readFile(join(DIST_DIR, "withssh.cdx.json"), "utf8"));
  const names: string[] = sbom.components.map(({ name }: { name: string }) => name);
  expect(names.filter((name) => name.startsWith("@oven/"))).toEqual(
    ALL_TARGETS.map((target) => TARGETS[target].runtime),
  );
  expect(names).toContain("pino");
  expect(names.filter((name) => name in manifest.devDependencies)).toEqual([]);
});

test("each licence text is there, of every package inside and of the runtime", async () => {
  const text = await readFile(join(DIST_DIR, "THIRD-PARTY-LICENSES.txt"), "utf8");
  const sbom = JSON.parse(await readFile(join(DIST_DIR, "withssh.cdx.json"), "utf8"));
  for (const { name, version } of sbom.components) {
    if (!name.startsWith("@oven/")) expect(text).toContain(`\n\n${name} ${version}\n\n`);
  }
  for (const title of ["JavaScriptCore", "GNU LIBRARY GENERAL PUBLIC LICENSE", "GNU LESSER GENERAL PUBLIC LICENSE"])
    expect(text).toContain(title);
});

test("README's sizes are those of these files, give or take two in a hundred", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  for (const target of ALL_TARGETS) {
    const [, said] = new RegExp(`^\\| \`${TARGETS[target].file}\` \\| ([\\d.]+) MB \\|`, "m").exec(readme) ?? [];
    const megabytes = (await stat(executablePath(target))).size / 1e6;
    expect(Math.abs(Number(said) / megabytes - 1), `npm run size -- --docs; ${target}`).toBeLessThan(0.02);
  }
});

test("the glibc executable of this processor says its version", async () => {
  expect(await run(executablePath(nativeTarget("glibc")), ["--version"])).toEqual({
    code: 0,
    stdout: VERSION,
    stderr: "",
  });
});

test("the arm64 executable for glibc says its version, on an emulated processor", async (context) => {
  if (process.arch === "arm64") context.skip("this is an arm64 machine: its own tests say more");
  if (!existsSync(QEMU) || !existsSync(ARM64_ROOT)) context.skip("no qemu-user-static or no libc6-arm64-cross");
  const ended = await run(QEMU, ["-L", ARM64_ROOT, executablePath("arm64"), "--version"]);
  expect(ended).toMatchObject({ code: 0, stdout: VERSION });
});

test("the arm64 executable for musl says its version, on an emulated processor", (context) => {
  if (process.arch !== "arm64")
    context.skip("no package brings an arm64 musl with libstdc++; the workflow tests it on arm64");
});

describe("the carrier image", () => {
  const tags = { amd64: "withssh-test-carrier:amd64", arm64: "withssh-test-carrier:arm64" };
  const native = TARGETS[nativeTarget("glibc")].dockerArch;
  beforeAll(async () => {
    for (const [arch, tag] of Object.entries(tags)) {
      const args = [
        "--build-arg",
        `TARGETARCH=${arch}`,
        "--file",
        join(ROOT, "Dockerfile.carrier"),
        "--tag",
        tag,
        ROOT,
      ];
      const built = await run("docker", ["build", "--quiet", ...args], { timeoutMs: BUILD_TIMEOUT_MS });
      if (built.code !== 0) throw new Error(`docker build ended with ${built.code} — saw ${built.stderr}`);
    }
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    for (const tag of Object.values(tags)) await removeImage(tag);
  });

  test.each(ALL_TARGETS)("has the file of %s where that C library's line looks for it", async (target) => {
    const facts = TARGETS[target];
    const copy = join(await makeDir(), "withssh");
    const id = await docker("create", tags[facts.dockerArch], "nothing");
    try {
      await docker("cp", `${id}:/${facts.libc}/withssh`, copy);
    } finally {
      await docker("rm", id);
    }
    const file = await open(copy);
    const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    assertElf(buffer, facts);
    expect((await file.stat()).mode & 0o777).toBe(0o755);
    await file.close();
  });

  test.each(bases)("needs one line on %s", async (base) => {
    const libc = base === "musl" ? "musl" : "glibc";
    const lines = [`COPY --from=${tags[native]} /${libc}/withssh /opt/withssh`, 'RUN ["/opt/withssh", "--version"]'];
    expect(await buildImage({ base, lines })).toContain("withssh-test-own:");
  });
});
