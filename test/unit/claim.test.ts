/** The rule of the two witnesses of a start. */
import { expect, test } from "vitest";
import { ClaimSpentError, isOfEarlierStart, judgeWitnesses, type Witness } from "../../src/claim.ts";

const NONE: Witness = { unusable: "/run/withssh: EROFS" };

test.each([
  ["noted", "noted"],
  ["noted", NONE],
  [NONE, "noted"],
] as const)("a start that nobody knows of is claimed: %j %j", (marker, record) => {
  expect(() => judgeWitnesses(marker, record)).not.toThrow();
});

test.each([
  ["already", "noted"],
  ["noted", "already"],
  ["already", NONE],
  [NONE, "already"],
  ["already", "already"],
] as const)("one witness that knows of an earlier call is enough to refuse: %j %j", (marker, record) => {
  expect(() => judgeWitnesses(marker, record)).toThrow(ClaimSpentError);
});

test("with no witness at all the claim is refused, and not taken for spent", () => {
  expect(() => judgeWitnesses(NONE, NONE)).toThrow(/nothing can tell/);
  expect(() => judgeWitnesses(NONE, NONE)).not.toThrow(ClaimSpentError);
});

test("what root left is of an earlier start only where it claimed that one: with no record nobody can tell", () => {
  const other = "claim-01234567-89ab-cdef-0123-456789abcdef-1";
  expect(isOfEarlierStart(["sshd_config"])).toBe(false);
  expect(isOfEarlierStart(["sshd_config", other])).toBe(true);
});
