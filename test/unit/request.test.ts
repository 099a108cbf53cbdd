import { describe, expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { parseReply, parseRequest, type Request, renderReply, renderRequest } from "../../src/request.ts";

const REQUEST: Request = {
  mode: "root",
  appPid: 1,
  appUid: 1000,
  appGid: 1001,
  appGroups: [1001, 4],
  hasCommand: true,
  wantsReply: false,
  environment: ["PATH=/bin", "NOT_UTF8=\xff\xfe", 'QUOTES="\\', "LINES=a\nb", "A=1", "A=2", "nameless"],
  imageSettings: ["WITHSSH_USERS"],
};
const bytesOf = (value: unknown) => new Uint8Array(Buffer.from(JSON.stringify(value), "latin1"));

describe("a request", () => {
  test("arrives as it was sent, byte for byte, duplicates and what is no UTF-8 included", () => {
    expect(parseRequest(renderRequest(REQUEST))).toEqual(REQUEST);
  });

  test("takes one byte on the wire for each byte of a value", () => {
    const length = (value: string) => renderRequest({ ...REQUEST, environment: [value] }).length;
    expect(length("V=\xff\xff") - length("V=")).toBe(2);
  });

  test.each([
    ["no JSON", new Uint8Array([0x7b])],
    ["nothing", new Uint8Array()],
    ["null", bytesOf(null)],
    ["a list", bytesOf([REQUEST])],
    ["an unknown field", bytesOf({ ...REQUEST, uid: 0 })],
    ["a field that every object has", bytesOf({ ...REQUEST, constructor: 1 })],
    ["a missing field", bytesOf({ ...REQUEST, environment: undefined })],
    ["a pid in words", bytesOf({ ...REQUEST, appPid: "1" })],
    ["a pid that is no whole number", bytesOf({ ...REQUEST, appPid: 1.5 })],
    ["a mode that there is not", bytesOf({ ...REQUEST, mode: "auto" })],
    ["an environment with numbers in it", bytesOf({ ...REQUEST, environment: ["A=1", 2] })],
    ["an environment that is text", bytesOf({ ...REQUEST, environment: "A=1" })],
    ["a character that is no byte", new Uint8Array(Buffer.from(JSON.stringify(REQUEST).replace("PATH", "\\u2028")))],
    ["a group in words", bytesOf({ ...REQUEST, appGroups: ["4"] })],
    ["a NUL inside an entry", bytesOf({ ...REQUEST, environment: ["A=1\0B=2"] })],
    ["two requests", Buffer.concat([renderRequest(REQUEST), renderRequest(REQUEST)])],
  ])("is refused when it is %s", (_title, bytes) => {
    expect(() => parseRequest(bytes)).toThrow(StageError);
  });

  test("is refused without showing what was in it", () => {
    const error = (() => {
      try {
        return parseRequest(bytesOf({ ...REQUEST, hunter2: "hunter2" }));
      } catch (caught) {
        return caught as StageError;
      }
    })();
    expect(JSON.stringify([error, (error as StageError).message])).not.toContain("hunter2");
  });
});

describe("a reply", () => {
  test.each([{ ready: true }, { ready: false, why: "no key\nat all" }] as const)(
    "is one line, and arrives: %j",
    (reply) => {
      const line = renderReply(reply);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(parseReply(line)).toEqual(reply);
    },
  );

  test.each(["", "\n", "null", "true", '"ready"', '{"ready":1}', '{"ready":false}', '{"ready":"true"}', "{"])(
    "that is %j means: not ready",
    (text) => expect(parseReply(text)).toBeUndefined(),
  );
});
