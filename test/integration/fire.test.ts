/** Under fire: many first starts at once on one volume, and ten thousand mutated key lines against ssh-keygen itself. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parseKeyLine } from "../../src/key-line.ts";
import { bases, makeVolume, startContainer } from "../support/boot.ts";
import { APP } from "../support/inside.ts";
import { mutateKeyLines } from "../support/key-mutations.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";
import { makeDir, makeKey } from "../support/ssh.ts";

const STARTS = 30;
const LINES = 10_000;
const SEED = 20_261_122;
const DEADLINE_MS = 150_000;

describe.each(bases)("on %s", (base) => {
  test(
    "thirty first starts at once on one empty volume end with one identity and leave nothing over",
    async () => {
      const volume = await makeVolume();
      const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
      const all = await Promise.all(
        Array.from({ length: STARTS }, async () => {
          const container = await startContainer({ base, cmd: APP, volume, env });
          return { container, ready: await container.waitForReady(DEADLINE_MS) };
        }),
      );
      const identities = new Set(
        all.flatMap(({ ready }) => ready.host_keys.map(({ type, fingerprint }) => `${type} ${fingerprint}`)),
      );
      const [first] = all;
      const joined = await Promise.all(
        all.map(async ({ container, ready }) => {
          if (ready.host_keys.some(({ type }) => type === "ssh-rsa")) return undefined;
          const line = await container.waitForLog("host key made and in use", DEADLINE_MS);
          return JSON.stringify(line["host_key"]);
        }),
      );
      for (const key of joined) if (key !== undefined) identities.add(Object.values(JSON.parse(key)).join(" "));
      expect([...identities].map((one) => one.split(" ")[0]).toSorted()).toEqual([
        "ecdsa-sha2-nistp256",
        "ssh-ed25519",
        "ssh-rsa",
      ]);
      const listed = await first?.container.exec(["ls", "-A", "/volume/.ssh"]);
      const names = ["ecdsa", "ed25519", "rsa"].map((type) => `ssh_host_${type}_key`);
      expect(listed?.stdout.trim().split("\n")).toEqual(names.flatMap((name) => [name, `${name}.pub`]));
    },
    2 * DEADLINE_MS,
  );
});

test("of ten thousand mutated lines each that counts is the key that ssh-keygen finds in it", async () => {
  const samples = Object.values(SAMPLE_KEYS).map(({ line }) => line);
  const keys = mutateKeyLines(samples, LINES, SEED).flatMap((line) => {
    const verdict = parseKeyLine(line);
    return verdict.verdict === "key" ? [verdict] : [];
  });
  // Enough of each verdict, or the comparison says nothing.
  expect(keys.length).toBeGreaterThan(LINES / 20);
  expect(keys.length).toBeLessThan(LINES - LINES / 20);
  const path = join(await makeDir(), "lines");
  await writeFile(path, keys.map(({ line }) => `${line}\n`).join(""));
  const { stdout } = await promisify(execFile)("ssh-keygen", ["-l", "-f", path], { maxBuffer: 64 << 20 });
  const found = stdout.split("\n").filter(Boolean);
  expect(found.map((line) => line.split(" ")[1])).toEqual(keys.map(({ fingerprint }) => fingerprint));
});
