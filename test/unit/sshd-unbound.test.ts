import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import type { Problem } from "../../src/errors.ts";
import type { Unbound } from "../../src/sshd-log.ts";
import { UnboundAddresses } from "../../src/sshd-unbound.ts";

const { config } = parseConfig(new Map([["WITHSSH_LISTEN", "192.0.2.1,192.0.2.2,127.0.0.1"]]));
const unbound = (address: string): Unbound => ({
  type: "unbound",
  address,
  port: 2222,
  why: "Cannot assign requested address",
  text: "",
});

function watch() {
  const told: Problem[] = [];
  const now = { isListening: false };
  const sshd = () => ({ pid: 7, upMs: 1, restarts: 0, lastEnding: undefined, ...now });
  const addresses = new UnboundAddresses({ config, sshd, warn: (problem) => void told.push(problem) });
  return { addresses, now, whats: () => told.map(({ what }) => /[\d.]+\d/.exec(what)?.[0]) };
}

test("what sshd could not have is told once it listens elsewhere, whichever it says first", async () => {
  const { addresses, now, whats } = watch();
  await addresses.add(unbound("192.0.2.1"));
  expect(whats()).toEqual([]);
  now.isListening = true;
  await addresses.delete("127.0.0.1");
  expect(whats()).toEqual(["192.0.2.1"]);
  await addresses.add(unbound("192.0.2.2"));
  expect(whats()).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("it is told once, however often sshd reads its config again, and anew where it was there in between", async () => {
  const { addresses, now, whats } = watch();
  now.isListening = true;
  for (let reload = 0; reload < 3; reload += 1) {
    await addresses.add(unbound("192.0.2.1"));
    await addresses.delete("127.0.0.1");
  }
  expect(whats()).toEqual(["192.0.2.1"]);
  await addresses.delete("192.0.2.1");
  await addresses.add(unbound("192.0.2.1"));
  expect(whats()).toEqual(["192.0.2.1", "192.0.2.1"]);
});
