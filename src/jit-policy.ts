/**
 * How eager the runtime is to compile. The executable starts reluctant (scripts/build.ts): a launcher ends before
 * compiled code pays. Who has long work to do asks for the normal policy first.
 */

/** Back to the runtime's normal policy, for good; a runtime that cannot is left as it is. */
export function compileNormally(): void {
  Bun.unsafe.setJITPolicy?.(1);
}
