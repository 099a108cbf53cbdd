/** Five hundred mutated lines, each logged in with: against a plain sshd that reads the line itself, and against ours. */
import { describe, expect, test } from "vitest";
import { parseKeyLine } from "../../src/key-line.ts";
import { bases } from "../support/boot.ts";
import { makeOwnedLines, startPlainSshd, startWithLines, tryLogins } from "../support/line-logins.ts";

const LINES = 500;
const SEED = 20_261_125;
const DEADLINE_MS = 180_000;

/** What sshd takes and we refuse, in words: it would read the next key as a comment, and lock somebody out in silence. */
const STRICTER: readonly string[] = ["two keys are glued together", "a line end inside the line"];

describe.each(bases)("on %s", (base) => {
  test(
    "of five hundred mutated lines none lets a key in that sshd would keep out, and none keeps a good one out",
    async () => {
      const lines = await makeOwnedLines(LINES, SEED);
      const [plain, ours] = await Promise.all([startPlainSshd(base, lines), startWithLines(lines, { base })]);
      const bySshd = await tryLogins(plain, lines, (at) => `l${at}`);
      const byUs = await tryLogins(ours, lines, () => "root");
      // Enough of each, or the comparison says nothing.
      expect(byUs.size).toBeGreaterThan(LINES / 5);
      expect(byUs.size).toBeLessThan(LINES - LINES / 5);
      expect([...byUs].filter((at) => !bySshd.has(at)).map((at) => lines[at]?.line)).toEqual([]);
      const keptOut = [...bySshd].filter((at) => !byUs.has(at)).map((at) => lines[at]?.line ?? "");
      const reasons = keptOut.map((line) => {
        const verdict = parseKeyLine(line);
        return verdict.verdict === "bad" ? verdict.reason : `none — ${line}`;
      });
      expect(reasons.filter((reason) => !STRICTER.includes(reason))).toEqual([]);
    },
    DEADLINE_MS,
  );
});
