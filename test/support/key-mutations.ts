/**
 * Seeded mutations of key lines, for comparing our verdicts with a real sshd's: bytes changed, dropped, doubled and
 * glued, options of all kinds right and wrong. The same seed gives the same lines.
 */

/** A pseudo-random generator (mulberry32): 0 up to, not with, 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Commands that do nothing, so that a comparison may log in with them.
const OPTIONS = [
  "restrict",
  "pty",
  "no-pty",
  "NO-PTY",
  "cert-authority",
  "no-touch-required",
  "verify-required",
  "no-restrict",
  'command="true"',
  'command="true \\"a b\\" #c"',
  'command="true\\"',
  'command="true\\\\"',
  "command=true",
  'command="true',
  'from="*"',
  'from="10.0.0.1/8"',
  'from="127.0.0.1,,::1"',
  'from="!10.0.0.0/8,*"',
  'from="fe80::/129"',
  'environment="A=b c"',
  'environment="A-B=c"',
  'environment="=c"',
  'permitopen="localhost:80"',
  'permitopen="localhost:0"',
  'permitopen="80"',
  'permitopen="[::1]:80"',
  'permitopen="*:*"',
  'permitopen=":80"',
  'permitopen="::1:80"',
  'permitlisten="8080"',
  'permitlisten="localhost:8080"',
  'permitlisten=""',
  'tunnel="1"',
  'tunnel="any"',
  'tunnel="x"',
  'principals="root"',
  'expiry-time="20991231"',
  'expiry-time="209912312359Z"',
  'expiry-time="20991331"',
  'expiry-time="2099"',
  'expiry-time="19600101"',
  "unknown",
  'unknown="x"',
  "",
  "pty ",
  "#",
];
const INSERTS = [" ", "\t", ",", ";", '"', "'", "\\", '\\"', "\\n", "=", "#", "A", "AAAA", "\r", "\u00e9", "\u00a0"];

/**
 * `count` lines made from `lines` by one to three changes each. No newline and no NUL in any. `glued`: what may come
 * behind another line.
 */
export function mutateKeyLines(
  lines: readonly string[],
  count: number,
  seed: number,
  glued: readonly string[] = lines,
): string[] {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = (from: readonly string[]) => from[below(from.length)] ?? "";
  const change = (line: string): string => {
    const at = below(line.length + 1);
    switch (below(7)) {
      case 0:
        return line.slice(0, at) + line.slice(at + 1 + below(3));
      case 1:
        return line.slice(0, at) + pick(INSERTS) + line.slice(at);
      case 2:
        return line.slice(0, at);
      case 3:
        return `${line}${pick(["", " ", ","])}${pick(glued)}`;
      case 4:
        return `${pick(OPTIONS)}${pick([",", ",", ",", " ", ",,"])}${line}`;
      default:
        return `${[pick(OPTIONS), pick(OPTIONS)].slice(below(2)).join(",")} ${line}`;
    }
  };
  return Array.from({ length: count }, () => {
    let line = pick(lines);
    for (let changes = 1 + below(3); changes > 0; changes -= 1) line = change(line);
    return line;
  });
}
