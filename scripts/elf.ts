/** What an ELF file says it is for (elf(5)): the processor, and the loader that its C library brings. Pure. */
import type { TargetFacts } from "./targets.ts";

const LOADERS = {
  amd64: { glibc: "/lib64/ld-linux-x86-64.so.2", musl: "/lib/ld-musl-x86_64.so.1" },
  arm64: { glibc: "/lib/ld-linux-aarch64.so.1", musl: "/lib/ld-musl-aarch64.so.1" },
} as const;

const MACHINE_AT = 18;

/** Path of the program interpreter that an executable for `target` must name. */
export function loaderOf({ dockerArch, libc }: Pick<TargetFacts, "dockerArch" | "libc">): string {
  return LOADERS[dockerArch][libc];
}

/**
 * @param head the first 4 KiB of the file: linkers put the interpreter's path right behind the headers
 * @throws Error naming what the file is not
 */
export function assertElf(head: Buffer, target: TargetFacts): void {
  if (head.toString("latin1", 0, 4) !== "\x7fELF") throw new Error(`${target.file} is no ELF file`);
  const machine = head.readUInt16LE(MACHINE_AT);
  if (machine !== target.machine) throw new Error(`${target.file} is for e_machine ${machine}, not ${target.machine}`);
  const loader = loaderOf(target);
  if (!head.includes(`${loader}\0`)) throw new Error(`${target.file} does not name ${loader}`);
}
