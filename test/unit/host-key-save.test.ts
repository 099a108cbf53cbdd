/**
 * Saving at its limits: killed or powered off at every single call, raced at every single call, on file systems that
 * lack links or fsync. One promise for all of them: a key that anyone has seen stays, whole, under its name.
 */

import { expect, test } from "vitest";
import { fingerprintOf } from "../../src/fingerprint.ts";
import { HOST_KEY_TYPES } from "../../src/host-key-files.ts";
import { saveHostKey } from "../../src/host-key-save.ts";
import type { HostKeyStore } from "../../src/host-key-store.ts";
import { openHostKeyStore } from "../../src/host-key-store.ts";
import type { Identity } from "../../src/host-keys.ts";
import { makeSlowHostKey } from "../../src/host-keys.ts";
import { parsePrivateKey } from "../../src/private-key.ts";
import type { FakeHost } from "../support/fake-host.ts";
import { CrashError, createFakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";
import {
  createWorld,
  fileOf,
  good,
  keygen,
  PRIVATE,
  restoreIdentity,
  SSH,
  settingsFor,
  shown,
  VOLUME,
} from "../support/host-key-world.ts";

const NAME = /^\/volume\/\.ssh\/ssh_host_[a-z0-9]+_key$/;

const noLinks = (host: FakeHost) => host.failOn({ call: "link" }, "every", "EOPNOTSUPP");
const noFsync = (host: FakeHost) => host.failOn({ call: "sync" }, "every", "EINVAL");
const volumes: [string, (host: FakeHost) => void][] = [
  ["with hard links", () => {}],
  ["without hard links", noLinks],
  ["without fsync of directories", noFsync],
];

/** A whole first start, with the slow key. */
async function start(host: FakeHost): Promise<Record<string, string>> {
  const identity = await restoreIdentity(host);
  const fingerprints = shown(identity);
  for (const type of identity.missing) {
    const key = await makeSlowHostKey(host, settingsFor(host), type, identity);
    if (key !== undefined) fingerprints[type] = fingerprintOf(key.publicBlob);
  }
  return fingerprints;
}

/** Every whole key under a real name: what a rival on the same volume could have seen. */
function visible(host: FakeHost): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [path, text] of Object.entries(host.snapshot(SSH))) {
    if (!NAME.test(path)) continue;
    const verdict = parsePrivateKey(host.bytes(path) ?? new Uint8Array());
    if (verdict.verdict === "ok") keys[path] = fingerprintOf(verdict.publicBlob);
    else if (!text.startsWith("file")) keys[path] = text;
  }
  return keys;
}

async function killPoints(files: Record<string, Seed>, prepare: (host: FakeHost) => void): Promise<number> {
  const host = createWorld(files);
  prepare(host);
  await start(host);
  return host.mutations();
}

test.each(volumes)(
  "killed at any call, %s, the next start keeps what was visible and ends whole",
  async (_, prepare) => {
    const points = await killPoints({}, prepare);
    expect(points).toBeGreaterThan(20);
    for (let at = 1; at <= points; at += 1) {
      for (const when of ["before", "halfway", "after"] as const) {
        const host = createWorld();
        prepare(host);
        host.crashAt(at, when);
        await expect(start(host), `call ${at} ${when}`).rejects.toThrow(CrashError);
        const seen = visible(host);
        const next = host.restart();
        prepare(next);
        const identity = await start(next);
        const words = `killed ${when} call ${at}: ${JSON.stringify(host.calls.at(-1))}`;
        expect(Object.keys(identity), words).toEqual(["ed25519", "ecdsa", "rsa"]);
        expect(visible(next), words).toMatchObject(seen);
        expect(
          next.events.filter((event) => event.type !== "host keys"),
          words,
        ).toEqual([]);
        expect(shown(await restoreIdentity(next.restart())), words).toEqual(identity);
      }
    }
  },
);

test.each(volumes.slice(0, 2))(
  "power lost after any call, %s: what was served before is served again",
  async (_, prepare) => {
    const points = await killPoints({}, prepare);
    for (let at = 1; at <= points; at += 1) {
      // The first start is killed, the second one serves, then the power goes: worse than either alone.
      const host = createWorld();
      prepare(host);
      host.crashAt(at, "after");
      await expect(start(host)).rejects.toThrow(CrashError);
      const second = host.restart();
      prepare(second);
      const served = shown(await restoreIdentity(second));
      second.cutPower();
      const third = second.restart();
      prepare(third);
      const again = await start(third);
      expect(again, `killed after call ${at}, then power lost`).toMatchObject(served);
      for (const name of Object.keys(third.snapshot(PRIVATE))) expect(name).toMatch(/host-key-/);
    }
  },
);

test.each(volumes)("a rival that starts at any call of ours, %s: both end with one identity", async (_, prepare) => {
  const dry = createWorld();
  prepare(dry);
  await start(dry);
  for (let at = 1; at <= dry.calls.length; at += 1) {
    const ours = createWorld();
    prepare(ours);
    const rival = rivalOf(ours);
    prepare(rival);
    let theirs: Promise<Identity> | undefined;
    ours.onCall = () => {
      if (ours.calls.length === at) theirs = restoreIdentity(rival);
    };
    const result = await start(ours);
    expect(theirs, `rival at call ${at}`).toBeDefined();
    const identity = (await theirs) as Identity;
    expect(result, `rival at call ${at}`).toMatchObject(shown(identity));
    expect(await start(rival.restart()), `rival at call ${at}`).toEqual(result);
  }
});

test.each(volumes)(
  "a rival that saves all its keys before any call of ours, %s: its keys stay, and are ours",
  async (_, prepare) => {
    const dry = createWorld();
    prepare(dry);
    await start(dry);
    for (let at = 1; at <= dry.calls.length; at += 1) {
      const ours = createWorld({ [`${SSH}/`]: { mode: 0o700 } });
      prepare(ours);
      const rival = rivalOf(ours);
      prepare(rival);
      let theirs: Record<string, string> = {};
      ours.onCall = () => {
        if (ours.calls.length !== at) return;
        const store = openHostKeyStore(rival, VOLUME) as HostKeyStore;
        for (const type of HOST_KEY_TYPES) saveHostKey(rival, store, type, good[type].bytes);
        theirs = visible(rival);
      };
      const result = await start(ours);
      expect(visible(ours), `rival at call ${at}`).toMatchObject(theirs);
      expect(Object.values(visible(ours)).sort(), `rival at call ${at}`).toEqual(Object.values(result).sort());
    }
  },
);

/** Another machine with its own state and the same volume. */
function rivalOf(host: FakeHost): FakeHost {
  const rival = createFakeHost({
    seed: 77,
    helpers: { "ssh-keygen": keygen() },
    files: { [`${PRIVATE}/`]: { mode: 0o700 }, "/etc/ssh/": {} },
  });
  rival.share(VOLUME, host);
  return rival;
}

test("when a rival links its key just before ours, theirs is used and nothing of ours is left", async () => {
  const host = createWorld();
  let isDone = false;
  host.onCall = (call) => {
    if (call.call !== "link" || isDone) return;
    isDone = true;
    host.put(fileOf("ed25519"), { bytes: good.ed25519.bytes, mode: 0o600 });
  };
  const identity = await restoreIdentity(host);
  expect(identity.keys[0]).toMatchObject({ type: "ed25519", origin: "restored", publicLine: good.ed25519.publicLine });
  expect(identity.keys[1]).toMatchObject({ type: "ecdsa", origin: "made" });
  expect(Object.keys(host.snapshot(SSH)).filter((path) => path.includes("/.ssh_host"))).toEqual([]);
});

test("a rival that clears our temporary file away costs another try, not the key", async () => {
  const host = createWorld();
  let isDone = false;
  host.onCall = (call) => {
    if (call.call !== "link" || isDone) return;
    isDone = true;
    host.delete(call.path);
  };
  expect((await restoreIdentity(host)).keys.map((key) => key.saved)).toEqual([true, true]);
});

test("the rsa key that another machine saved meanwhile is used, and none is made", async () => {
  const host = createWorld();
  const identity = await restoreIdentity(host);
  host.put(fileOf("rsa"), good.rsa.text);
  const runs = host.calls.filter((call) => call.call === "run").length;
  const rsa = await makeSlowHostKey(host, settingsFor(host), "rsa", identity);
  expect(rsa).toMatchObject({ origin: "restored", publicLine: good.rsa.publicLine });
  expect(host.calls.filter((call) => call.call === "run")).toHaveLength(runs);
});

test("a file system that refuses fsync of files still saves", async () => {
  const host = createWorld();
  host.failOn({ operation: "save host key", call: "create" }, 1, "EINVAL");
  expect((await restoreIdentity(host)).keys.map((key) => key.saved)).toEqual([true, true]);
});

test("a directory that cannot be synced for a real reason is told, and the keys serve", async () => {
  const host = createWorld();
  host.failOn({ call: "sync", path: SSH }, 1, "EIO");
  expect((await restoreIdentity(host)).inMemory).toBe(false);
  expect(JSON.stringify(host.events)).toContain("could not be synced");
});

test("without links a disk that fills halfway leaves nothing under the name", async () => {
  const host = createWorld({ [`${SSH}/`]: {} });
  noLinks(host);
  host.onCall = (call) => {
    if (call.call === "create" && NAME.test(call.path)) host.mount(SSH).full = true;
  };
  expect((await restoreIdentity(host)).inMemory).toBe(true);
  expect(host.snapshot(SSH)).toEqual({});
});

test("a short file that no unfinished save explains is never replaced", async () => {
  const stray = { [`${SSH}/.ssh_host_rsa_key.0123456789abcdef`]: good.rsa.text };
  const host = createWorld({ ...stray, [fileOf("rsa")]: "not its beginning", [fileOf("ed25519")]: good.ed25519.text });
  expect(shown(await restoreIdentity(host))).not.toHaveProperty("rsa");
  expect(host.text(fileOf("rsa"))).toBe("not its beginning");
});
