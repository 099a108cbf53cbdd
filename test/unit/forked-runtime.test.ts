/** The name that a forked supervisor goes by, written where the kernel reads command lines from. */
import { expect, test } from "vitest";
import { fitName } from "../../src/forked-runtime.ts";

const NAME = ["withssh", "--supervisor"];
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("is as an exec would have left it, where there is room", () => {
  for (const room of [21, 22, 4096]) expect(text(fitName(NAME, { room, more: 0 }))).toBe("withssh\0--supervisor\0");
});

test("is one word that goes on into what is behind, where an exec had less room", () => {
  for (const room of [1, 10, 20]) {
    const bytes = fitName(NAME, { room, more: 21 });
    expect(text(bytes)).toBe("withssh --supervisor\0");
    // By no NUL at the end of the room the kernel knows that it goes on.
    expect(bytes[room - 1]).not.toBe(0);
  }
});

test("is cut where there is no more room", () => {
  expect(text(fitName(NAME, { room: 10, more: 5 }))).toBe("withssh --");
});
