/** The limits that the root side of a call by sudo goes on under: those of its caller, put right. */
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { afterEach, expect, test, vi } from "vitest";
import { putRight } from "../../src/first-acts.ts";
import { c } from "../../src/libc.ts";

const UNLIMITED = 2n ** 64n - 1n;
const [STACK, CORE, NOFILE] = [3, 4, 7];

afterEach(() => vi.restoreAllMocks());

/** What is set, by number, where the limits are these: soft and hard, else unlimited. */
function limitsSet(limits: Readonly<Record<number, readonly [bigint, bigint]>>): Record<number, readonly bigint[]> {
  for (const name of ["chdir", "umask", "setpriority", "sigprocmask", "sigaction", "geteuid"] as const) {
    vi.spyOn(c, name).mockReturnValue(0);
  }
  for (const name of ["getresuid", "getresgid"] as const) vi.spyOn(c, name).mockReturnValue(0);
  vi.spyOn(c, "getgroups").mockReturnValue(1);
  const set: Record<number, readonly bigint[]> = {};
  const words = (at: unknown) => new BigUint64Array(toArrayBuffer(at as Pointer, 0, 16));
  vi.spyOn(c, "prlimit").mockImplementation((_pid, resource, wanted, now) => {
    if (wanted !== null) set[resource] = [...words(wanted)];
    if (now !== null) words(now).set(limits[resource] ?? [UNLIMITED, UNLIMITED]);
    return 0;
  });
  putRight();
  return set;
}

test("a soft limit rises to its hard one, the stack's goes to 8 MiB, and nothing of root's memory gets into a file", () => {
  const set = limitsSet({ [STACK]: [4096n, UNLIMITED], [NOFILE]: [9n, 4096n] });
  expect(set).toEqual({ [STACK]: [8n << 20n, UNLIMITED], [NOFILE]: [4096n, 4096n], [CORE]: [0n, 0n] });
});

test("a hard limit under which no promise can be kept is raised, where we may", () => {
  expect(limitsSet({ [STACK]: [8n << 20n, UNLIMITED], [NOFILE]: [9n, 12n] })).toEqual({
    [NOFILE]: [256n, 256n],
    [CORE]: [0n, 0n],
  });
});
