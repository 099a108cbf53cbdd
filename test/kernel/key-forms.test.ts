/** README's shell lines that set the key, run by the real shell: what reaches docker and fly is what the parser's test has. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyForms } from "../support/key-forms.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const [A, B, C] = [SAMPLE_KEYS.ed25519.line, SAMPLE_KEYS.rsa2048.line, SAMPLE_KEYS.nistp256.line];

/** Prints what AUTHORIZED_KEYS would be behind it: from its arguments, else from the environment, `-` from stdin. */
const STAND_IN = `#!/bin/bash
for word; do
  case $word in
    AUTHORIZED_KEYS=-) cat ;;
    AUTHORIZED_KEYS=*) printf %s "\${word#AUTHORIZED_KEYS=}" ;;
    AUTHORIZED_KEYS) printf %s "$AUTHORIZED_KEYS" ;;
  esac
done
printf '\\0'
`;

let home = "";
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "withssh-forms-"));
  mkdirSync(join(home, ".ssh"));
  mkdirSync(join(home, "bin"));
  const files = { "id_ed25519.pub": [A], "id_rsa.pub": [B], "id_z.pub": [C], authorized_keys: [A, B, C] };
  for (const [name, lines] of Object.entries(files)) writeFileSync(join(home, ".ssh", name), `${lines.join("\n")}\n`);
  const programs = { docker: STAND_IN, fly: STAND_IN, curl: '#!/bin/sh\ncat "$HOME/.ssh/authorized_keys"\n' };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(home, "bin", name), text);
    chmodSync(join(home, "bin", name), 0o755);
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const inShell = keyForms.filter(({ snippet }) => /\$\(cat /.test(snippet) && !snippet.startsWith("#"));

test("there are lines for docker and for fly", () => {
  expect(inShell.map(({ name }) => name)).toEqual([
    "bash, zsh",
    "bash, all in one line, as an echo without quotes makes it",
    "Fly",
  ]);
});

test.each(inShell)("$name: what arrives is what the parser is tried with", ({ snippet, reaches }) => {
  const env = { HOME: home, PATH: `${join(home, "bin")}:/usr/bin:/bin` };
  const arrived = execFileSync("bash", ["-euc", snippet], { env, encoding: "utf8" }).split("\0").slice(0, -1);
  const known = reaches.map((reach) => reach(A, B, C)[0]);
  expect(arrived.length).toBeGreaterThan(0);
  expect(arrived.filter((text) => !known.includes(text))).toEqual([]);
});
