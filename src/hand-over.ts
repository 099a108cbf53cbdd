/**
 * The process becomes a program at once, and a child of it goes on in its memory: nothing is torn down by the exec, and nothing
 * is loaded anew. For a process which has nothing else to do than to execute. Knows nothing of SSH.
 */
import { cBytes, cBytesOf } from "./byte-strings.ts";
import { cTable, ptr } from "./libc.ts";
import { goOnApart } from "./shared-memory.ts";

/** hand-over.s, as as(1) makes it. */
export const MACHINE_CODE = [
  "4989f9498b3931f631d24d8b51084531c0b8380000000f054885c00f8e9800000041b8400000004c",
  "89c731f6498d513841ba08000000b80d0000000f0585c07517498379380176104c89c7498d711831",
  "d2b80d0000000f0541ffc875cabf02000000498d711031d241ba08000000b80e0000000f054d8b41",
  "58498b384885ff7418498b7160498b5168b83b0000000f054983c00883f8fe74e0498b7970498b71",
  "78498b5168b83b0000000f05bf7e000000b8e70000000f05f4c3",
].join("");

/** What is executed, in byte strings. */
export interface Program {
  /** Tried one after the other while there is no such file. */
  readonly paths: readonly string[];
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** argv of our own executable, which is executed where none of them can be: to tell why. */
  readonly otherwise: readonly string[];
}

const SELF = "/proc/self/exe";

/**
 * Executes the program; `siblings`: what goes on is a child of our parent's (CLONE_PARENT, which PID 1 cannot give), not of
 * the program's. True in what goes on, with every signal blocked; false, and nothing has changed, where it cannot be.
 */
export function handOver(program: Program, siblings: boolean): boolean {
  const paths = cTable(cBytesOf(program.paths));
  const argv = cTable(cBytesOf(program.argv));
  const environment = cTable(cBytesOf(program.environment));
  const self = cBytes(SELF);
  const otherwise = cTable(cBytesOf(program.otherwise));
  const words = [ptr(paths.table), ptr(argv.table), ptr(environment.table), ptr(self), ptr(otherwise.table)];
  return goOnApart(MACHINE_CODE, words, [paths, argv, environment, self, otherwise], siblings);
}
