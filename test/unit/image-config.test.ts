import { describe, expect, test } from "vitest";
import { readImageConfig } from "../../src/image-config.ts";
import { createFakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const MAIN = "/etc/ssh/sshd_config";

async function read(files: Record<string, Seed>) {
  const host = createFakeHost({ files });
  const config = await readImageConfig(host);
  expect(host.openDirs()).toEqual([]);
  return {
    ...config,
    said: config.lines.map(({ file, line, text, match }) => {
      const where = `${file.replace("/etc/ssh/", "")}:${line} ${text}`;
      return match === undefined ? where : `${where} | ${match.criteria}`;
    }),
  };
}

describe("the image's config is read as sshd would", () => {
  test("no config is an empty one", async () => {
    expect(await read({ "/etc/": { directory: true } })).toMatchObject({ lines: [], hasMatch: false, problems: [] });
  });

  test("every line keeps its file and number, comments and blanks left out", async () => {
    const { said } = await read({ [MAIN]: "# x\n\nPort 22\r\nUsePAM yes" });
    expect(said).toEqual(["sshd_config:3 Port 22", "sshd_config:4 UsePAM yes"]);
  });

  test("includes come in the order of their names, where the Include stands, relative to /etc/ssh", async () => {
    const { said } = await read({
      [MAIN]: 'Include "sshd_config.d/*.conf" /etc/other\nPort 1',
      "/etc/ssh/sshd_config.d/20-b.conf": "Port 20",
      "/etc/ssh/sshd_config.d/10-a.conf": "Port 10",
      "/etc/ssh/sshd_config.d/.hidden.conf": "Port 66",
      "/etc/ssh/sshd_config.d/30-c.conf.bak": "Port 66",
      "/etc/other": "Port 9",
    });
    expect(said).toEqual([
      "sshd_config.d/10-a.conf:1 Port 10",
      "sshd_config.d/20-b.conf:1 Port 20",
      "/etc/other:1 Port 9",
      "sshd_config:2 Port 1",
    ]);
  });

  test("globs may stand in directories, with ?, sets and escapes", async () => {
    const { said } = await read({
      [MAIN]: "Include conf.?/[!b-y]*\\*",
      "/etc/ssh/conf.d/a*": "Port 1",
      "/etc/ssh/conf.d/b*": "Port 2",
      "/etc/ssh/conf.e/z*": "Port 3",
      "/etc/ssh/conf.ee/a*": "Port 4",
    });
    expect(said).toEqual(["conf.d/a*:1 Port 1", "conf.e/z*:1 Port 3"]);
  });

  test("a Match block goes on to the next Match or the end, and is told", async () => {
    const { said, hasMatch } = await read({ [MAIN]: "UsePAM no\nMATCH User=a\nBanner x\nMatch all\nBanner y" });
    expect(said).toEqual(["sshd_config:1 UsePAM no", "sshd_config:3 Banner x | User=a", "sshd_config:5 Banner y | "]);
    expect(hasMatch).toBe(true);
  });

  test("a Match in an included file ends with that file", async () => {
    const { said } = await read({ [MAIN]: "Include a\nPort 2", "/etc/ssh/a": "Match User x\nBanner b" });
    expect(said).toEqual(["a:2 Banner b | User x", "sshd_config:2 Port 2"]);
  });

  test("an Include inside a Match block is conditional, and a Match in it needs both", async () => {
    const { said } = await read({
      [MAIN]: "Match User x\nInclude a\nBanner z",
      "/etc/ssh/a": "Banner one\nMatch Host h\nBanner two\nMatch all\nBanner three",
    });
    expect(said).toEqual([
      "a:1 Banner one | User x",
      "a:3 Banner two | User x Host h",
      "a:5 Banner three | User x",
      "sshd_config:3 Banner z | User x",
    ]);
  });

  test("a file that includes itself ends after sixteen levels and is told", async () => {
    const { problems, said } = await read({ [MAIN]: "UsePAM no\nInclude sshd_config" });
    expect(said).toHaveLength(17);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.what).toContain("/etc/ssh/sshd_config:2");
  });

  test("a file that cannot be read is told and the rest counts", async () => {
    const host = createFakeHost({ files: { [MAIN]: "Include a\nPort 2", "/etc/ssh/a": "Port 1" } });
    host.failOn({ call: "read", path: "/etc/ssh/a" }, "every", "EACCES");
    const { lines, problems } = await readImageConfig(host);
    expect(lines.map((line) => line.text)).toEqual(["Port 2"]);
    expect(problems).toEqual([
      {
        what: "/etc/ssh/a cannot be read and does not count",
        saw: "EACCES",
        hint: expect.stringMatching(/^let the user read it/),
      },
    ]);
  });

  test("a directory that a glob catches is an empty file", async () => {
    const { problems, said } = await read({ [MAIN]: "Include d/*\nPort 2", "/etc/ssh/d/x.conf/": { directory: true } });
    expect({ problems, said }).toEqual({ problems: [], said: ["sshd_config:2 Port 2"] });
  });

  test("a link is followed, as in a mounted ConfigMap", async () => {
    const host = createFakeHost({
      files: {
        [MAIN]: "Include d/*",
        "/etc/ssh/d/a.conf": { link: "..data/a.conf" },
        "/etc/ssh/d/..data/a.conf": "Banner linked",
      },
      helpers: { readlink: () => ({ stdout: new TextEncoder().encode("/etc/ssh/d/..data/a.conf\n") }) },
    });
    const { lines } = await readImageConfig(host);
    expect(lines).toMatchObject([{ text: "Banner linked", file: "/etc/ssh/d/a.conf" }]);
  });

  test("bytes that are not UTF-8 pass unchanged", async () => {
    const { lines } = await read({ [MAIN]: new Uint8Array([...Buffer.from("Banner /"), 0xff, 0x80, 0x0a]) });
    expect(lines[0]?.args).toEqual(["/\xff\x80"]);
  });
});
