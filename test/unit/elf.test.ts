/** An executable under the wrong name is not released: its own header tells what it is for. */
import { expect, test } from "vitest";
import { assertElf, loaderOf } from "../../scripts/elf.ts";
import { ALL_TARGETS, TARGETS } from "../../scripts/targets.ts";

/** A header as linkers write it, for a processor and a loader. */
function makeHead(machine: number, loader: string): Buffer {
  const head = Buffer.alloc(4096);
  head.write("\x7fELF", "latin1");
  head.writeUInt16LE(machine, 18);
  head.write(`${loader}\0`, 64, "latin1");
  return head;
}

const heads = ALL_TARGETS.map((target) => makeHead(TARGETS[target].machine, loaderOf(TARGETS[target])));

test("each target takes its own file and refuses the three others", () => {
  const taken = ALL_TARGETS.map((target) =>
    heads.map((head) => {
      try {
        assertElf(head, TARGETS[target]);
        return 1;
      } catch {
        return 0;
      }
    }),
  );
  expect(taken).toEqual([
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ]);
});

test("a file that is no ELF file is refused by name", () => {
  expect(() => assertElf(Buffer.from("#!/bin/sh\n"), TARGETS.x64)).toThrow("withssh-linux-x64 is no ELF file");
});

test("the right loader's name in a file for another processor is refused", () => {
  const head = makeHead(TARGETS.arm64.machine, loaderOf(TARGETS.x64));
  expect(() => assertElf(head, TARGETS.x64)).toThrow("withssh-linux-x64 is for e_machine 183, not 62");
});
