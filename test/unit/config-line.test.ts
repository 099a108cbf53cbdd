import { describe, expect, test } from "vitest";
import { parseConfigLine, parseSshdVersion, quoteArgument, splitArguments } from "../../src/config-line.ts";

describe("a line is read as sshd reads it", () => {
  test.each([
    ["Port 22", "port", ["22"]],
    ["\t PORT\t22 \r", "port", ["22"]],
    ["Port=22", "port", ["22"]],
    ["Port = 22", "port", ["22"]],
    ['"Port" "22"', "port", ["22"]],
    ["Subsystem\tsftp\t/usr/lib/sftp -l  x", "subsystem", ["sftp", "/usr/lib/sftp", "-l", "x"]],
    ["Banner /etc/issue # see below", "banner", ["/etc/issue"]],
    ["Banner /etc/a#b", "banner", ["/etc/a#b"]],
    [
      String.raw`SetEnv A="x y" B='p q' C=\"z D=a\ b E=\n`,
      "setenv",
      ["A=x y", "B=p q", 'C="z', "D=a b", String.raw`E=\n`],
    ],
    ["UsePAM yes\0PermitRootLogin yes", "usepam", ["yes"]],
  ])("%j", (raw, keyword, args) => {
    expect(parseConfigLine(raw)).toMatchObject({ keyword, args });
  });

  test.each(["", "   ", "# Port 22", "\t#x", "\f"])("%j says nothing", (raw) => {
    expect(parseConfigLine(raw)).toBeUndefined();
  });

  test("the words after a keyword are kept as written, without their comment", () => {
    expect(parseConfigLine('Match User "a b",c # why')?.rest).toBe('User "a b",c');
  });
});

describe("an argument comes back byte for byte", () => {
  const values = ["", "a b", 'q"q', "it's", "\\", "\\\\'", 'end\\"', "#no comment", "tab\there", "\xff\xe9", "a\r"];
  test.each(values)("%j", (value) => {
    const quoted = quoteArgument(value, { major: 8, minor: 7 });
    expect(splitArguments(`${quoted} next`).args).toEqual([value, "next"]);
  });

  test("what cannot be written is refused: a newline, a NUL, before 8.7 a double quote and a #", () => {
    expect(quoteArgument("a\nb", { major: 10, minor: 0 })).toBeUndefined();
    expect(quoteArgument("a\0b", { major: 10, minor: 0 })).toBeUndefined();
    expect(quoteArgument('a"b', { major: 8, minor: 4 })).toBeUndefined();
    expect(quoteArgument("a#b", { major: 8, minor: 6 })).toBeUndefined();
    expect(quoteArgument("a#b", { major: 8, minor: 7 })).toBe('"a#b"');
    expect(quoteArgument("a\\b", { major: 8, minor: 4 })).toBe('"a\\b"');
  });
});

test.each([
  ["OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026", { major: 9, minor: 2 }],
  ["sshd: unknown option -- V\nOpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1n", { major: 8, minor: 4 }],
  ["OpenSSH_10.0p2", { major: 10, minor: 0 }],
  ["dropbear", undefined],
])("the version is found in %j", (text, version) => {
  expect(parseSshdVersion(text)).toEqual(version);
});
