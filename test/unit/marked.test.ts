import { expect, test } from "vitest";
import { readMarked, replaceMarked } from "../../scripts/marked.ts";
import { renderTimings } from "../../scripts/timings-table.ts";
import { shapeOf } from "../../scripts/transcript-record.ts";

const DOCUMENT = "a\n<!-- x: start -->\nold\n<!-- x: end -->\nb\n<!-- y: start -->\nother\n<!-- y: end -->\n";

test("a part is read and replaced between its own marks, and nothing else changes", () => {
  expect(readMarked(DOCUMENT, "x")).toBe("old\n");
  expect(replaceMarked(DOCUMENT, "x", "new\n")).toBe(DOCUMENT.replace("old", "new"));
});

test("a document without the marks is refused", () => {
  expect(() => readMarked(DOCUMENT, "z")).toThrow("the document has no <!-- z: start -->");
  expect(() => replaceMarked("<!-- x: end -->\n<!-- x: start -->\n", "x", "")).toThrow("x: start");
});

test("a bench's page that lacks a row gives no table of timings", () => {
  expect(() => renderTimings("<!-- bench: start -->\n| a | b | 1 |\n<!-- bench: end -->")).toThrow(
    "docs/bench.md has no",
  );
});

test("two transcripts of one shape differ in nothing but times, keys, addresses, and where the app's own line stands", () => {
  const line = (time: string, key: string, port: number) =>
    `${time} info  withssh: accepted address=172.17.0.1 port=${port} key=SHA256:${key.repeat(43)} source=X`;
  const one = `app: hello\n${line("01:02:03", "a", 1)}\n`;
  const other = `${line("11:12:13", "b", 22)}\napp: hello\n`;
  expect(shapeOf(one)).toBe(shapeOf(other));
  expect(shapeOf(one.replace("accepted", "refused"))).not.toBe(shapeOf(other));
});
