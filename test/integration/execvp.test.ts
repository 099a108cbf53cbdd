/** The command is found and run as execvp(3) does it, with the exit codes of a shell where it is not. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";

const SETUP = `
mkdir -p /t/plain /t/exec /t/is-dir/tool /t/cwd && cd /t
printf '#!/bin/sh\\necho shebang "$0" "$@"\\n' > exec/tool
printf 'echo no shebang "$0" "$@"\\n' > exec/bare
printf 'not executable\\n' > plain/tool
printf '#!/no/such/interpreter\\n' > exec/lost
printf '#!/bin/sh\\necho from cwd\\n' > cwd/here
printf '\\177ELFgarbage' > exec/broken
chmod 755 exec/* cwd/here && chmod 644 plain/tool`;

describe.concurrent.each(bases)("on %s", (base) => {
  let container: Container;
  beforeAll(async () => {
    const env = { WITHSSH_ENABLED: "false" };
    container = await startContainer({ base, env, entrypoint: ["sleep"], cmd: ["100000"], host: { Init: true } });
    expect(await container.exec(["sh", "-c", SETUP])).toMatchObject({ code: 0 });
  });

  const run = async (path: string | undefined, ...command: string[]) => {
    const set = path === undefined ? ["-u", "PATH"] : [`PATH=${path}`];
    const argv = [
      "sh",
      "-c",
      'cd /t/cwd && exec "$@"',
      "sh",
      "/usr/bin/env",
      ...set,
      "/usr/local/bin/withssh",
      ...command,
    ];
    const { code, stdout, stderr } = await container.exec(argv);
    return { code, stdout: stdout.trim(), stderr };
  };

  test.each([
    ["a script with an interpreter line", "/t/exec", ["tool", "a b", ""], "shebang /t/exec/tool a b"],
    ["a script without one, by /bin/sh", "/t/exec", ["bare", "x"], "no shebang /t/exec/bare x"],
    ["a later match where the earlier cannot be run", "/t/plain:/t/is-dir:/t/exec", ["tool"], "shebang /t/exec/tool"],
    [
      "a match behind directories that are not there or no directories",
      "/nope:/etc/passwd:/t/exec",
      ["tool"],
      "shebang /t/exec/tool",
    ],
    ["the working directory for an empty part of PATH at its end", "/t/exec:", ["here"], "from cwd"],
    ["the working directory for an empty part of PATH in its middle", "/nope::/t/exec", ["here"], "from cwd"],
    ["the working directory for an empty PATH", "", ["here"], "from cwd"],
    ["the default path where PATH is not set", undefined, ["echo", "found"], "found"],
    ["a relative path without a search", "/t/exec", ["./here"], "from cwd"],
  ])("runs %s", async (_, path, command, said) => {
    expect(await run(path, ...command)).toMatchObject({ code: 0, stdout: said });
  });

  test.each([
    ["not there", "/t/exec", "nosuch", 127],
    ["not there for an empty name", "/t/exec", "", 127],
    ["not there by path", "/t/exec", "/t/exec/nosuch", 127],
    ["below what is no directory", "/t/exec", "/etc/passwd/x", 127],
    ["there but not executable, remembered over later misses", "/t/plain:/t/cwd", "tool", 126],
    ["a directory", "/t/exec", "/t", 126],
    ["a directory on PATH", "/t/is-dir", "tool", 126],
    ["a script whose interpreter is missing", "/t/exec", "/t/exec/lost", 126],
    ["only in the working directory, which PATH does not name", "/t/exec", "here", 127],
  ])("a command that is %s ends with its code and is named", async (_, path, command, code) => {
    const ended = await run(path, "--", command);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(JSON.stringify(JSON.stringify(command)).slice(1, -1));
  });
});
