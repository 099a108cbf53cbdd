import { expect, test } from "vitest";
import { judgeSsh } from "../../src/ssh-state.ts";

const sshd = { pid: 9, isListening: true, upMs: 1, restarts: 0, lastEnding: undefined };
const trouble = { ssh: "no keys", problem: { what: "w" } } as const;

test.each([
  ["what was told last counts", trouble, sshd, true, trouble],
  ["it listens under a proved config", undefined, sshd, true, { ssh: "up", problem: undefined }],
  ["it listens and is not proved yet", undefined, sshd, false, { ssh: "starting", problem: undefined }],
  ["it does not listen yet", undefined, { ...sshd, isListening: false }, true, { ssh: "starting" }],
  ["it was not started yet", undefined, undefined, false, { ssh: "starting" }],
  [
    "it has ended and is started again",
    undefined,
    { ...sshd, pid: undefined, isListening: false, lastEnding: "signal 9" },
    true,
    { ssh: "down", problem: { what: "sshd ended: signal 9", hint: "it is started again by itself" } },
  ],
])("%s", (_, told, facts, isProved, expected) => {
  expect(judgeSsh(told, facts, isProved)).toMatchObject(expected);
});
