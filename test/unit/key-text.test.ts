import { expect, test } from "vitest";
import { parseKeyLine } from "../../src/key-line.ts";
import { decodeKeyFile, splitKeyFile, splitKeyText } from "../../src/key-text.ts";
import { keyForms } from "../support/key-forms.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const A = SAMPLE_KEYS.ed25519.line;
const B = SAMPLE_KEYS.rsa2048.line;
const C = SAMPLE_KEYS.nistp256.line;
const D = SAMPLE_KEYS.skEd25519.line;
const bareA = A.split(" ").slice(0, 2).join(" ");
const bareB = B.split(" ").slice(0, 2).join(" ");
const FORCED = 'restrict,command="echo \\"hi; ssh-rsa AAAA\\", \\n # you"';

const linesOf = (text: string) => splitKeyText(text).map(({ line }) => line);
const PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\nAAAA\n-----END OPENSSH PRIVATE KEY-----";

test.each([
  ["newlines", `${A}\n${B}\n${C}\n`],
  ["CR LF", `${A}\r\n${B}\r\n${C}\r\n`],
  ["lone CR", `${A}\r${B}\r${C}`],
  ["a byte order mark", `\ufeff${A}\n${B}\n${C}`],
  ["double quotes around the whole", `"${A}\n${B}\n${C}"`],
  ["single quotes around the whole", `'${A}\n${B}\n${C}'\n`],
  ["quotes around each line", `"${A}"\n'${B}',\n"${C}"`],
  ["a literal \\n", `${A}\\n${B}\\n${C}\\n`],
  ["a literal \\r\\n in quotes", `"${A}\\r\\n${B}\\r\\n${C}"`],
  ["blanks (an unquoted echo, PowerShell's $(Get-Content))", `${A} ${B}  ${C}`],
  ["commas", `${A},${B}, ${C},`],
  ["semicolons", `${A};${B} ; ${C};`],
  ["commas and newlines", `${A},\n${B},\n${C}`],
])("keys separated by %s are all found, whole", (_name, text) => {
  expect(linesOf(text)).toEqual([A, B, C]);
});

test.each(
  keyForms.flatMap(({ name, snippet, reaches }) =>
    reaches.map((reach) => [name, reach(A, B, C), snippet.includes("AUTHORIZED_KEYS_FILE")] as const),
  ),
)("set as README says, by %s: every key is found, whole (%#)", (_name, [text, keys], isFile) => {
  const found = isFile ? splitKeyFile(text).map(({ line }) => line) : linesOf(text);
  expect(found.filter((line) => line !== "")).toEqual([A, B, C].slice(0, keys));
});

test("glued keys without comments are split as well", () => {
  expect(linesOf(`${bareA} ${bareB} ${bareA},${bareB}`)).toEqual([bareA, bareB, bareA, bareB]);
});

test("a comment with blanks, commas, quotes or a literal \\n stays whole", () => {
  const first = `${bareA} Smith, John's 5" disk; CORP\\nina`;
  expect(linesOf(`${first} ${B}`)).toEqual([first, B]);
  expect(linesOf(first)).toEqual([first]);
});

test.each([
  ["blanks", `${A} ${FORCED} ${B}`],
  ["newlines", `${A}\n${FORCED} ${B}`],
  ["a literal \\n", `${A}\\n${FORCED} ${B}`],
  ["a comma", `${A},${FORCED} ${B}`],
  ["a semicolon", `${A}; ${FORCED} ${B}`],
])("options stay with the key that follows when keys are separated by %s", (_name, text) => {
  expect(linesOf(text)).toEqual([A, `${FORCED} ${B}`]);
});

test("options of the first key, and flags without quotes, stay as well", () => {
  expect(linesOf(`restrict,pty ${A} no-pty ${B} cert-authority ${C}`)).toEqual([
    `restrict,pty ${A}`,
    `no-pty ${B}`,
    `cert-authority ${C}`,
  ]);
});

test.each([
  [`${A} comand="ls" ${B}`],
  [`${A} command=ls ${B}`],
  [`${A} no-pty, no-ptty ${B}`],
  [`${A} restrict no-pty ${B}`],
  [`${A} restrict,${B}`],
  [`${A},restrict;${B}`],
  [`${A} no-ptty ${B}`],
  [`${A},comand="ls",restrict ${B}`],
])("options that sshd would refuse never leave their key unrestricted: %#", (text) => {
  const verdicts = linesOf(text).map((line) => parseKeyLine(line));
  const letIn = verdicts.filter((verdict) => verdict.verdict === "key");
  expect(letIn).toHaveLength(1);
  expect(letIn).toMatchObject([{ line: A }]);
});

test("a commented-out line stays out and is no news", () => {
  expect(splitKeyText(`${A}\n# ${B}\n#${C}`)).toEqual([
    { line: A, number: 1 },
    { line: `# ${B}`, number: 2 },
    { line: `#${C}`, number: 3 },
  ]);
});

test("in a glued line what stands behind a # stays out and is told", () => {
  const [first, second, ...rest] = splitKeyText(`${A} # old: ${B} ${C}`);
  expect(first).toEqual({ line: A, number: 1 });
  expect(second).toMatchObject({ number: 2, doubt: expect.stringContaining("#") });
  expect(rest).toEqual([]);
});

test("lines count from 1, blank ones too; glued keys count as keys", () => {
  expect(splitKeyText(`${A}\n\nnull\n${B} ${C}`).map(({ number }) => number)).toEqual([1, 3, 4, 4]);
  expect(splitKeyText(`${A} ${D}`).map(({ number }) => number)).toEqual([1, 2]);
});

test("a bad word beside glued keys takes only its neighbour along", () => {
  expect(linesOf(`null ${A} ${B}`)).toEqual([`null ${A}`, B]);
});

test("what was escaped inside quotes is put back", () => {
  expect(linesOf(`"command=\\"ls \\\\\\"x\\\\\\"\\" ${A}"`)).toEqual([`command="ls \\"x\\"" ${A}`]);
  expect(linesOf(`"command="ls" ${A}"`)).toEqual([`command="ls" ${A}`]);
});

test("a pasted private key is one line, and keys after it count", () => {
  expect(splitKeyText(`${PRIVATE}\n${A}`)).toEqual([
    { line: "-----BEGIN OPENSSH PRIVATE KEY-----", number: 1 },
    { line: A, number: 5 },
  ]);
  expect(splitKeyText(PRIVATE)).toEqual([{ line: "-----BEGIN OPENSSH PRIVATE KEY-----", number: 1 }]);
});

test("a torn block hides no key behind it", () => {
  expect(linesOf(`-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n${A}`)).toContain(A);
});

test("nothing gives no lines", () => {
  for (const text of ["", " \r\n\t", '""', "\ufeff", ",;"]) expect(linesOf(text), JSON.stringify(text)).toEqual([]);
});

test("a file is cut at its newlines and nowhere else", () => {
  expect(splitKeyFile(`\ufeff${A}\r\n${B} ${C}\n"${A}"\r${B}`)).toEqual([
    { line: A, number: 1 },
    { line: `${B} ${C}`, number: 2 },
    { line: `"${A}"\r${B}`, number: 3 },
  ]);
});

test("a file in UTF-16 with its mark is read", () => {
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(A, "utf16le")]);
  expect(decodeKeyFile(utf16)).toBe(A);
  expect(decodeKeyFile(new TextEncoder().encode(`\ufeff${A}`))).toBe(A);
});
