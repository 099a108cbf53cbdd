/** A first start that is killed at any call which changes something: the next one serves, and what was seen stays. */
import { describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import { ourLines } from "../support/inside.ts";
import { keyFilesOf, killAtEach, listCalls, seenIdentity, startKillable } from "../support/kill-points.ts";
import { makeKey } from "../support/ssh.ts";

/** Fewer would mean that the tracer is blind: three keys alone take more. */
const LEAST_CALLS = 40;
const AT_ONCE = 3;
const DEADLINE_MS = 180_000;

describe.each(bases)("on %s", (base) => {
  test(
    "killed before or after any call that changes something, the next start serves, and no identity that was seen changes",
    async () => {
      const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
      const containers = await Promise.all(Array.from({ length: AT_ONCE }, () => startKillable(base, env)));
      const [container] = containers;
      if (container === undefined) throw new Error("no container");
      const calls = await listCalls(container);
      const counts = Object.entries(Object.groupBy(calls, (call) => call.split(" ")[0] ?? ""));
      const words = counts.map(([name, all]) => `${name} ${all?.length}`).join(", ");
      console.log(`${base}: ${calls.length} calls of a first start change something: ${words}`);
      expect(calls.length).toBeGreaterThanOrEqual(LEAST_CALLS);

      const left = calls.map((_, at) => at + 1);
      const shares = containers.map((one, at) =>
        killAtEach(
          one,
          left.filter((point) => point % AT_ONCE === at),
        ),
      );
      const points = (await Promise.all(shares)).flat();
      expect(points).toHaveLength(2 * calls.length);
      let seen = 0;
      for (const { name, killed, next } of points) {
        expect({ name, killed: killed.code, next: next.code }, next.said).toEqual({ name, killed: 0, next: 0 });
        const before = seenIdentity(killed);
        seen += before.length;
        expect({ name, identity: seenIdentity(next) }).toEqual({ name, identity: expect.arrayContaining(before) });
        expect({ name, files: next.files }).toEqual({ name, files: expect.objectContaining(keyFilesOf(killed)) });
        expect({ name, bad: ourLines(next.said).filter(({ level }) => level !== "info") }).toEqual({ name, bad: [] });
      }
      // Kills after something was to be seen, or the comparison says nothing.
      expect(seen).toBeGreaterThan(calls.length);
    },
    DEADLINE_MS,
  );
});
