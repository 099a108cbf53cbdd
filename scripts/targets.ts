/**
 * What we ship: one executable for each processor and C library, and the npm package of the runtime inside. The one
 * place where these names stand; Dockerfiles and the release follow it.
 */
import { join } from "node:path";
import { DIST_DIR } from "./places.ts";

export interface TargetFacts {
  /** Name in dist/. */
  readonly file: string;
  /** npm package whose `bin/bun` becomes the executable's runtime. */
  readonly runtime: string;
  /** As docker names processors in a platform. */
  readonly dockerArch: "amd64" | "arm64";
  readonly libc: "glibc" | "musl";
  /** e_machine of its ELF header (elf(5)). */
  readonly machine: number;
}

const x64 = { dockerArch: "amd64", machine: 62 } as const;
const arm64 = { dockerArch: "arm64", machine: 183 } as const;

export const TARGETS = {
  x64: { file: "withssh-linux-x64", runtime: "@oven/bun-linux-x64", libc: "glibc", ...x64 },
  "x64-musl": { file: "withssh-linux-x64-musl", runtime: "@oven/bun-linux-x64-musl", libc: "musl", ...x64 },
  arm64: { file: "withssh-linux-arm64", runtime: "@oven/bun-linux-aarch64", libc: "glibc", ...arm64 },
  "arm64-musl": { file: "withssh-linux-arm64-musl", runtime: "@oven/bun-linux-aarch64-musl", libc: "musl", ...arm64 },
} as const satisfies Record<string, TargetFacts>;

export type Target = keyof typeof TARGETS;
export const ALL_TARGETS = Object.keys(TARGETS) as Target[];

/** The two whose executables this machine's processor runs. */
export const NATIVE_TARGETS = ALL_TARGETS.filter((target) => target.split("-")[0] === process.arch);

/** Path of the executable for `target`, built or not. */
export function executablePath(target: Target, dir: string = DIST_DIR): string {
  return join(dir, TARGETS[target].file);
}

/** The target for this machine's processor and a C library. Throws on a processor that we build nothing for. */
export function nativeTarget(libc: TargetFacts["libc"]): Target {
  const found = NATIVE_TARGETS.find((target) => TARGETS[target].libc === libc);
  if (found === undefined) throw new Error(`nothing is built for ${process.arch} — hint: use x64 or arm64`);
  return found;
}
