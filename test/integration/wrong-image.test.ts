/** A file in the wrong image cannot print our message. The loader's words are all there is, and README has their cure. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ensureDebianBase, ensureMuslBase } from "../../scripts/base-images.ts";
import { build } from "../../scripts/build.ts";
import { ROOT } from "../../scripts/places.ts";
import { type Finished, run } from "../../scripts/ssh-client.ts";
import { executablePath, nativeTarget, type Target } from "../../scripts/targets.ts";
import { bases } from "../support/boot.ts";

const INSIDE = "/usr/local/bin/withssh";
const NO_LOADER = `exec ${INSIDE}: no such file or directory`;
const NO_LIBRARY = `Error loading shared library libstdc++.so.6: No such file or directory (needed by ${INSIDE})`;
const NOT_THIS_PROCESSOR = `exec ${INSIDE}: exec format error`;

const readText = (name: string) => readFileSync(join(ROOT, name), "utf8");

/** Runs `withssh --version` of `target` in a base image as it comes, or through its shell. */
async function runIn(image: string, target: Target, entrypoint: readonly string[] = [INSIDE]): Promise<Finished> {
  const [program = "", ...args] = entrypoint;
  const limits = ["--rm", "--network=none", "--volume", `${executablePath(target)}:${INSIDE}:ro`];
  return await run("docker", ["run", ...limits, "--entrypoint", program, image, ...args, "--version"]);
}

/** The base without anything of ours; the tests on musl are not even there where it is not to be had. */
async function bareMusl(): Promise<string> {
  const image = await ensureMuslBase();
  if (image === undefined) throw new Error("there is no musl base");
  return image;
}

const viaShell = ["sh", "-c", 'exec withssh "$0"'] as const;

test("the musl file on glibc: docker cannot find its loader, nor can a shell", async () => {
  const debian = await ensureDebianBase();
  const ended = await runIn(debian, nativeTarget("musl"));
  expect(ended).toMatchObject({ stdout: "", stderr: expect.stringContaining(NO_LOADER) });
  expect(ended.code).not.toBe(0);
  expect((await runIn(debian, nativeTarget("musl"), viaShell)).stderr).toContain("withssh: not found");
});

test("a file for another processor: docker says that its format is wrong", async () => {
  const foreign: Target = process.arch === "x64" ? "arm64" : "x64";
  await build([foreign]);
  const ended = await runIn(await ensureDebianBase(), foreign);
  expect(ended).toMatchObject({ stdout: "", stderr: expect.stringContaining(NOT_THIS_PROCESSOR) });
  expect(ended.code).not.toBe(0);
});

describe.runIf(bases.includes("musl"))("on musl", () => {
  test("the glibc file: docker cannot find its loader, nor can a shell", async () => {
    const musl = await bareMusl();
    const ended = await runIn(musl, nativeTarget("glibc"));
    expect(ended).toMatchObject({ stdout: "", stderr: expect.stringContaining(NO_LOADER) });
    expect(ended.code).not.toBe(0);
    expect((await runIn(musl, nativeTarget("glibc"), viaShell)).stderr).toContain("withssh: not found");
  });

  test("without libstdc++ the loader names it and ends with 127", async () => {
    const ended = await runIn(await bareMusl(), nativeTarget("musl"));
    expect(ended).toMatchObject({ code: 127, stdout: "", stderr: expect.stringContaining(NO_LIBRARY) });
  });

  test("with libstdc++ alone it runs: libgcc comes with that", async () => {
    const script = `apk add --no-cache libstdc++ >&2 && exec withssh "$0"`;
    const args = ["--rm", "--network=host", "--volume", `${executablePath(nativeTarget("musl"))}:${INSIDE}:ro`];
    const ended = await run("docker", ["run", ...args, await bareMusl(), "sh", "-c", script, "--version"]);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^withssh \d/) });
  });
});

test("README shows these words with their cure", () => {
  const cures = { [NO_LOADER]: "-musl", [NO_LIBRARY]: "apk add libstdc++", [NOT_THIS_PROCESSOR]: "arm64" };
  for (const [words, cure] of Object.entries(cures)) {
    expect(readText("README.md").split("\n")).toContainEqual(expect.stringMatching(literal(`| \`${words}\``, cure)));
  }
});

test("our Dockerfiles try the file in the build, and show these words beside it", () => {
  for (const [name, words] of Object.entries({
    "Dockerfile.debian": ["no such file or directory", "exec format error"],
    "Dockerfile.alpine": ["no such file or directory", "exec format error", "shared library libstdc++.so.6"],
  })) {
    const [comment, after = ""] = readText(name).split(/^ARG ARCH=x64\nCOPY dist\//m);
    const beside = comment?.split("\n\n").at(-1)?.replaceAll("\n# ", " ");
    for (const word of words) expect(beside).toContain(word);
    expect(after).toMatch(/^\S+ \/usr\/local\/bin\/withssh\nRUN \["withssh", "--version"\]\n/);
  }
});

/** A line that has both texts, one after the other. */
function literal(...texts: readonly string[]): RegExp {
  return new RegExp(texts.map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"));
}
