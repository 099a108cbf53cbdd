import { expect, test } from "vitest";
import { renderJson, renderPretty } from "../../src/log-line.ts";

const TIME = Date.UTC(2024, 0, 2, 14, 3, 7, 5);

test("the JSON form is one object on one line: level, time, msg, then the fields", () => {
  const line = renderJson(
    { level: "info", msg: "two\nlines", fields: { port: 2222, users: ["a"], why: "x\r\ny" } },
    TIME,
  );
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(line).toBe(
    '{"level":"info","time":"2024-01-02T14:03:07.005Z","msg":"two\\nlines","port":2222,"users":["a"],"why":"x\\r\\ny"}\n',
  );
});

test("the pretty form leaves out what is not there", () => {
  const line = renderPretty({ level: "warn", msg: "m", fields: { a: undefined, b: "x", c: 1, d: ["y"] } }, TIME);
  expect(Bun.stripANSI(line)).toBe('14:03:07 warn  withssh: m b=x c=1 d=["y"]\n');
});

test("what a stranger wrote cannot move the cursor of whoever reads the pretty form, nor begin a line", () => {
  const fields = { user: "x\u001b[2J\r\ny\u009b1A\u0007\u007f" };
  const line = renderPretty({ level: "info", msg: "re\nfused", fields }, TIME);
  expect(Bun.stripANSI(line)).toBe("14:03:07 info  withssh: re\\x0afused user=x\\x1b[2J\\x0d\\x0ay\\x9b1A\\x07\\x7f\n");
});

test("control characters inside a list are no way around it", () => {
  const line = renderPretty({ level: "info", msg: "m", fields: { lines: ["a\u009b1Ab\n\u007f"] } }, TIME);
  expect(Bun.stripANSI(line).trimEnd()).not.toMatch(/\p{Cc}/u);
});
