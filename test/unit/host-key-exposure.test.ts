/** Who could plant an identity, told by the first path that the app can write; nothing is told where it changes nothing. */
import { expect, test } from "vitest";
import type { Seed } from "../support/fake-tree.ts";
import { createWorld, fileOf, good, restoreIdentity, SSH, storedKeys, VOLUME } from "../support/host-key-world.ts";

const app = { uid: 1000, gids: [1000, 50] };
const exposed = async (files: Record<string, Seed>, account = app) => {
  const host = createWorld({ ...storedKeys(), ...files });
  const { appWritable } = await restoreIdentity(host, { app: account });
  expect(host.events.some((event) => "appWritable" in event && event.appWritable === appWritable)).toBe(
    appWritable !== undefined,
  );
  return appWritable;
};

test("root's own volume is exposed to nobody", async () => {
  expect(await exposed({})).toBeUndefined();
});

test.each<[string, Record<string, Seed>, string]>([
  ["owns .ssh", { [`${SSH}/`]: { uid: 1000 } }, SSH],
  ["may write .ssh through a group", { [`${SSH}/`]: { gid: 50, mode: 0o770 } }, SSH],
  ["may write a sticky .ssh and so add a type", { [`${SSH}/`]: { mode: 0o1777 } }, SSH],
  ["may write the volume", { [`${VOLUME}/`]: { mode: 0o777, mount: {} } }, VOLUME],
  ["owns a read-only volume's root", { [`${VOLUME}/`]: { uid: 1000, mode: 0o555, mount: {} } }, VOLUME],
])("an app that %s is told", async (_, files, path) => {
  const host = createWorld(files);
  const { appWritable } = await restoreIdentity(host, { app });
  expect(appWritable).toBe(path);
});

test("a key file that the app may write is told", async () => {
  expect(await exposed({ [fileOf("rsa")]: { bytes: good.rsa.bytes, mode: 0o666 } })).toBe(fileOf("rsa"));
});

test("a sticky volume guards a .ssh that belongs to root", async () => {
  const host = createWorld({ [`${VOLUME}/`]: { mode: 0o1777, mount: {} } });
  expect((await restoreIdentity(host, { app })).appWritable).toBeUndefined();
});

test("a parent of the volume that the app may write is told", async () => {
  const host = createWorld({ "/data/": { uid: 1000 }, "/data/volume/": { mount: {} } });
  expect((await restoreIdentity(host, { app, volume: "/data/volume" })).appWritable).toBe("/data");
});

test("a root app, and an app with our own uid, are not told: they have the same rights anyway", async () => {
  const open: Record<string, Seed> = { [`${VOLUME}/`]: { mode: 0o777, mount: {} } };
  expect((await restoreIdentity(createWorld(open), { app: { uid: 0, gids: [0] } })).appWritable).toBeUndefined();
  const mine = createWorld({ [`${VOLUME}/`]: { uid: 1000, mount: {} }, "/run/withssh/private/": { uid: 1000 } });
  const host = mine.restart({ self: { uid: 1000, gid: 1000 } });
  expect((await restoreIdentity(host, { app })).appWritable).toBeUndefined();
});
