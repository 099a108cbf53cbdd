/** The same by the C library, as on arm64 and where no page of memory may be executable. */
import { expect, test, vi } from "vitest";

const quickly = vi.fn(() => undefined);
vi.mock("../../src/quick-spawn.ts", () => ({ spawnQuickly: quickly }));
await import("./processes.test.ts");

test("no other way was taken", () => {
  expect(quickly).toHaveBeenCalled();
});
