/** The call over sudo's stdin and the one line that answers it. */
import { expect, test } from "vitest";
import type { Request } from "../../src/request.ts";
import { parseCall, parseSudoReply, renderCall, renderSudoReply, type SudoCall } from "../../src/sudo-request.ts";

const NONCE = "0123456789abcdef0123456789abcdef";
const request: Request = {
  mode: "sudo",
  appPid: 7,
  appUid: 1000,
  appGid: 1000,
  appGroups: [1000],
  hasCommand: true,
  wantsReply: false,
  environment: ["A=\u00ff\u00fe"],
  imageSettings: [],
};
const call: SudoCall = { nonce: NONCE, start: true, replyPipe: "pipe:[4711]", logFile: "pipe:[4712]", request };

test("a call arrives as it was sent, byte for byte", () => {
  expect(parseCall(renderCall(call))).toEqual(call);
});

test.each([
  ["no JSON", "x"],
  ["an unknown field", JSON.stringify({ ...call, extra: 1 })],
  ["an unknown field of the request", JSON.stringify({ ...call, request: { ...request, extra: 1 } })],
  ["no request", JSON.stringify({ ...call, request: undefined })],
  ["a pipe as a number", JSON.stringify({ ...call, replyPipe: 1 })],
  ["no file for the log", JSON.stringify({ ...call, logFile: undefined })],
  ["a short nonce", JSON.stringify({ ...call, nonce: "1" })],
  ["a nonce of other characters", JSON.stringify({ ...call, nonce: "g".repeat(32) })],
  ["start as a word", JSON.stringify({ ...call, start: "true" })],
])("a call with %s is refused", (_, text) => {
  expect(() => parseCall(Buffer.from(text))).toThrow(/not a (call|request) of our launcher/);
});

test("an answer counts only with the nonce of the call", () => {
  const line = renderSudoReply({ nonce: NONCE, proved: "scoped" });
  expect(line.endsWith("\n")).toBe(true);
  expect(parseSudoReply(line.trim(), NONCE)).toEqual({ nonce: NONCE, proved: "scoped" });
  expect(parseSudoReply(line.trim(), NONCE.replace("0", "1"))).toBeUndefined();
});

test.each(["", "?", "null", "[]", `{"nonce":"${NONCE}"}`, `{"nonce":"${NONCE}","proved":"yes"}`, '{"refused":1}'])(
  "anything else is no answer: %s",
  (line) => {
    expect(parseSudoReply(line, NONCE)).toBeUndefined();
  },
);
