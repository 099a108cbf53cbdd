/** Programs of test/fixtures as executables, compiled with the engine as we ship it: for what only such a process can show. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JIT_POLICY } from "../../scripts/build.ts";
import { unpackRuntime } from "../../scripts/foreign-runtime.ts";
import { ROOT } from "../../scripts/places.ts";
import { $ } from "../../scripts/shell.ts";
import { nativeTarget, TARGETS } from "../../scripts/targets.ts";
import type { bases } from "./boot.ts";

const LIBC = { debian: "glibc", musl: "musl" } as const;

/** An executable, and what removes it: of tests that run at the same time only they themselves know when they are done with it. */
export interface Fixture {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** `test/fixtures/NAME.ts` as an executable of this base's C library. */
export async function compileFixture(name: string, base: (typeof bases)[number]): Promise<Fixture> {
  const dir = await mkdtemp(join(tmpdir(), `withssh-${name}-`));
  const runtime = await unpackRuntime(TARGETS[nativeTarget(LIBC[base])].runtime, await mkdtemp(join(dir, base)));
  const args = ["--compile", "--bytecode", "--format=esm", JIT_POLICY, `--compile-executable-path=${runtime}`];
  await $({
    cwd: dir,
    preferLocal: ROOT,
  })`bun build ${args} --outfile ./${name}.exe ${ROOT}/test/fixtures/${name}.ts`;
  return { path: join(dir, `${name}.exe`), remove: async () => void (await $`rm -rf ${dir}`) };
}
