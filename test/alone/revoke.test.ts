/** WITHSSH_REVOKE_SESSIONS: a key that is gone takes its own sessions along, after five seconds, and nobody else's. */
import { describe, expect, test } from "vitest";
import { bases, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, listProcesses, waitForProcesses, writeFiles } from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";

const KEYS = "/volume/.ssh/authorized_keys";
const GRACE_MS = { least: 4900, most: 7000 };

/** A container with these keys on its volume, settled. */
async function start(keys: readonly TestKey[], options: ContainerOptions): Promise<Container> {
  const container = await startContainer({ cmd: APP, volume: await makeVolume(), ...options });
  await container.waitForLog(({ event }) => event === "ssh down");
  await writeFiles(container, { [KEYS]: text(keys) });
  await container.waitForLog("host key made and in use");
  return container;
}

const text = (keys: readonly TestKey[]) => keys.map(({ publicLine }) => `${publicLine}\n`).join("");
const isSleep = (seconds: number) => (one: { command: string }) => one.command === `sleep ${seconds}`;

/** Opens a session that sleeps so long, and waits until it does. */
async function open(container: Container, key: TestKey, seconds: number, args: readonly string[] = []) {
  const began = Promise.withResolvers<number>();
  const session = ssh(container, { key, command: `exec sleep ${seconds}`, args, timeoutMs: 60_000 });
  void session.then(() => began.resolve(Date.now()));
  await waitForProcesses(container, (all) => all.some(isSleep(seconds)));
  return { ended: began.promise, session };
}

describe.each(bases)("on %s", (base) => {
  test("the sessions of a key that is gone end after five seconds, pty and all; another key's live on", async () => {
    const [kept, gone] = await Promise.all([makeKey(), makeKey()]);
    const container = await start([kept, gone], { base, env: { WITHSSH_REVOKE_SESSIONS: "true" } });
    await open(container, kept, 1001);
    const plain = await open(container, gone, 1002);
    const pty = await open(container, gone, 1003, ["-tt"]);
    const began = Date.now();
    await writeFiles(container, { [KEYS]: text([kept]) });
    for (const at of await Promise.all([plain.ended, pty.ended])) {
      expect(at - began).toBeGreaterThan(GRACE_MS.least);
      expect(at - began).toBeLessThan(GRACE_MS.most);
    }
    await waitForProcesses(container, (all) => !all.some(isSleep(1002)) && !all.some(isSleep(1003)));
    expect((await listProcesses(container)).filter(isSleep(1001))).toHaveLength(1);
    expect(await container.waitForLog(({ msg }) => msg.startsWith("session ended"))).toMatchObject({ user: "root" });
    expect((await ssh(container, { key: kept, command: "true" })).code).toBe(0);
  });

  test("a key that comes back in time ends nobody", async () => {
    const [key, other, marker] = await Promise.all([makeKey(), makeKey(), makeKey()]);
    const container = await start([key, other], { base, env: { WITHSSH_REVOKE_SESSIONS: "true" } });
    await open(container, key, 1001);
    const later = await open(container, other, 1002);
    await writeFiles(container, { [KEYS]: text([other]) });
    await container.waitForLog("authorized keys changed");
    // What ends the other session comes after what would have ended this one.
    await writeFiles(container, { [KEYS]: text([key, marker]) });
    await later.ended;
    expect((await listProcesses(container)).filter(isSleep(1001))).toHaveLength(1);
  });
});
