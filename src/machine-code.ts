/**
 * Machine code of ours: for what no compiled function promises, as to use no stack, and for what would take many calls. Each
 * piece has a listing beside it. x86-64 alone. Knows nothing of SSH.
 */
import { CFunction, FFIType, type Pointer, toArrayBuffer } from "bun:ffi";
import { ARCHITECTURE } from "./architecture.ts";
import { c } from "./libc.ts";

const MPROTECT = 10;
const PAGE_BYTES = 4096;
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Takes the address of what the code works by; gives what the code leaves in rax. */
export type MachineFunction = (words: Pointer) => bigint | number;

/**
 * The code (in hexadecimal) as a function, in a page of its own, which nobody can write to; undefined on another processor, and
 * where no page may be executable.
 */
export function loadCode(code: string): MachineFunction | undefined {
  if (ARCHITECTURE !== "x64") return undefined;
  const at = Number(c.mmap(0, PAGE_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)) as Pointer;
  if (at < 0) return undefined;
  new Uint8Array(toArrayBuffer(at, 0, PAGE_BYTES)).set(Uint8Array.fromHex(code));
  if (c.syscall(MPROTECT, at, PAGE_BYTES, PROT_READ_EXEC, 0, 0) !== 0) return undefined;
  return CFunction({ ptr: at, args: ["ptr"], returns: FFIType.i64_fast }) as unknown as MachineFunction;
}
