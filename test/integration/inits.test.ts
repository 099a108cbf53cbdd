/** docs/init.md says what we do as an init, and what tini and dumb-init do: each answer there is what is found here. */
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { bases, buildImage } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { type Init, QUESTIONS, startLab } from "../support/inits.ts";
import type { Base } from "../support/test-images.ts";

const OURS = ["/usr/bin/env", "WITHSSH_INIT=true", "WITHSSH_ENABLED=false", "/usr/local/bin/withssh"];

/** The rows of the one table, by their first cell. */
const table = readFile(new URL("../../docs/init.md", import.meta.url), "utf8").then((text) => {
  const [head = [], , ...rows] = text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  return new Map(
    rows.map(([question = "", ...cells]) => [question, new Map(cells.map((cell, i) => [head[i + 1], cell]))]),
  );
});

test("the table asks what is asked here, in this order", async () => {
  expect([...(await table).keys()]).toEqual(Object.keys(QUESTIONS));
});

const asked: readonly (readonly [string, Base])[] = [
  ...bases.map((base) => ["withssh", base] as const),
  ["tini", "debian"],
  ["dumb-init", "debian"],
];
let theirs: Promise<string> | undefined;

describe.concurrent.each(asked)("%s on %s", (name, base) => {
  let init: Init;
  let lab: Container;
  beforeAll(async () => {
    const isOurs = name === "withssh";
    // Debian's own packages, as people install them.
    theirs ??= buildImage({
      base: "debian",
      lines: ["RUN apt-get update && apt-get install --yes --no-install-recommends tini dumb-init"],
    });
    init = isOurs
      ? { name, argv: OURS, image: { base } }
      : { name, argv: [`/usr/bin/${name}`, "--"], image: { image: await theirs } };
    lab = await startLab(init);
  });

  test.each(Object.entries(QUESTIONS))("%s", { timeout: 120_000 }, async (question, ask) => {
    expect(await ask(init, lab)).toBe((await table).get(question)?.get(name));
  });
});
