import { expect, test } from "vitest";
import { readPublicHostKeys } from "../../src/host-key-public.ts";
import { bootOn, createImage } from "../support/boot-world.ts";
import { storedKeys } from "../support/host-key-world.ts";

test("the public halves of the volume's identity are those that a start would serve, and nothing is written", async () => {
  const { plan } = await bootOn(createImage(storedKeys()));
  const host = createImage(storedKeys());
  const before = host.snapshot();
  const keys = await readPublicHostKeys(host, { volume: "/volume", hostKeys: undefined });
  expect(keys).toEqual(
    plan?.identity.keys.map(({ algorithm, publicBlob }) => ({
      keyType: algorithm,
      blob: Buffer.from(publicBlob).toString("base64"),
    })),
  );
  expect(keys.length).toBeGreaterThan(0);
  expect(host.snapshot()).toEqual(before);
});

test("an identity that is given as text wins over the volume", async () => {
  const [name, seed] = Object.entries(storedKeys()).find(([path]) => path.endsWith("ed25519_key")) ?? ["", ""];
  expect(name).not.toBe("");
  const text = Buffer.from((seed as { bytes: Uint8Array }).bytes).toString("latin1");
  const keys = await readPublicHostKeys(createImage(), { volume: "/volume", hostKeys: { text } });
  expect(keys.map(({ keyType }) => keyType)).toEqual(["ssh-ed25519"]);
});

test("where there is none there is none", async () => {
  expect(await readPublicHostKeys(createImage(), { volume: "/no/such", hostKeys: undefined })).toEqual([]);
  const given = { volume: "/volume", hostKeys: { file: "/no/such" } };
  expect(await readPublicHostKeys(createImage(), given)).toEqual([]);
});
