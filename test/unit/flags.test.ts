import { describe, expect, test } from "vitest";
import { renderProblem, SettingsError } from "../../src/errors.ts";
import { parseFlags } from "../../src/flags.ts";

function problems(argv: readonly string[]): string[] {
  try {
    parseFlags(argv);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(renderProblem);
    throw error;
  }
  return [];
}

describe("the command", () => {
  test.each<[readonly string[], number | undefined]>([
    [[], undefined],
    [["--"], undefined],
    [["npm", "start"], 0],
    [["--", "npm"], 1],
    [["--", "--help"], 1],
    [["-"], 0],
    [[""], 0],
    [["sh", "--help", "--no-such", "--"], 0],
  ])("of %j begins at %s", (argv, commandIndex) => {
    expect(parseFlags(argv)).toEqual({ kind: "run", commandIndex });
  });
});

describe("flags", () => {
  test.each<[string, object]>([
    ["--help", { kind: "help" }],
    ["--status --help", { kind: "help" }],
    ["--version", { kind: "version" }],
    ["--check", { kind: "check", build: false }],
    ["--build --check", { kind: "check", build: true }],
    ["--status", { kind: "status", json: false }],
    ["--status --json", { kind: "status", json: true }],
    ["--healthcheck", { kind: "healthcheck" }],
    ["--known-hosts", { kind: "known-hosts", targets: [] }],
    [
      "--known-hosts a.example:2022 ::1",
      {
        kind: "known-hosts",
        targets: [
          { host: "a.example", port: 2022 },
          { host: "::1", port: 22 },
        ],
      },
    ],
    ["--ssh-config -- [::1]:2222", { kind: "ssh-config", target: { host: "::1", port: 2222 } }],
  ])("%s is understood", (line, invocation) => {
    expect(parseFlags(line.split(" "))).toEqual(invocation);
  });

  test.each<[string, string]>([
    ["--hepl", 'not a flag of withssh — saw "--hepl" — hint: did you mean --help?'],
    ["--status=json", "did you mean --status?"],
    ["-x", "put -- before a command that begins with -"],
    ["--json", "--json goes with --status only"],
    ["--check --json", "--json does not go with --check"],
    ["--status --check", "--status and --check do not go together"],
    ["--healthcheck curl", "too many words after --healthcheck"],
    ["--version npm start", "too many words after --version"],
    ["--ssh-config", "a word is missing after --ssh-config"],
    ["--ssh-config a b", "too many words after --ssh-config"],
    ["--known-hosts a:b", '--known-hosts needs HOST or HOST:PORT — saw "a:b"'],
  ])("%s is refused and said why", (line, words) => {
    const told = problems(line.split(" "));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(words);
    expect(told[0]).toContain("hint: ");
  });

  test("all mistakes are told at once, with exit code 2, and an unknown flag is not hidden by --help", () => {
    expect(problems(["--help", "--xyz", "--abc"])).toHaveLength(2);
    expect(() => parseFlags(["--xyz"])).toThrowError(expect.objectContaining({ exitCode: 2 }));
  });
});
