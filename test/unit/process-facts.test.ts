import { describe, expect, test } from "vitest";
import { bytesOf, textOf } from "../../src/byte-strings.ts";
import { envMap, splitEnvEntry, splitNul } from "../../src/process-facts.ts";

const raw = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

describe("a list from /proc", () => {
  test.each([
    ["", []],
    ["a\0b\0", ["a", "b"]],
    ["a\0\0b\0", ["a", "", "b"]],
    ["a\0\0", ["a", ""]],
    ["\0", [""]],
    ["a\0cut", ["a", "cut"]],
    ["\xff\xfe\0", ["\xff\xfe"]],
  ])("%j is %j: every entry, empty ones and what is no UTF-8 included", (text, entries) => {
    expect(splitNul(raw(text))).toEqual(entries);
  });
});

test.each([
  ["A=1", { name: "A", value: "1" }],
  ["A=", { name: "A", value: "" }],
  ["A=b=c", { name: "A", value: "b=c" }],
  ["A", undefined],
  ["=A", undefined],
  ["", undefined],
])("the environment entry %j is %j", (entry, split) => expect(splitEnvEntry(entry)).toEqual(split));

test("of a name that is there twice the first counts, as getenv has it", () => {
  expect([...envMap(["A=1", "B=\xc3\xa9", "A=2", "none", "__proto__=x"])]).toEqual([
    ["A", "1"],
    ["B", "é"],
    ["__proto__", "x"],
  ]);
});

test("text and byte strings turn into each other, and bytes that are no UTF-8 into U+FFFD for reading alone", () => {
  expect([bytesOf("é"), textOf("\xc3\xa9"), textOf("\xff")]).toEqual(["\xc3\xa9", "é", "\ufffd"]);
});
