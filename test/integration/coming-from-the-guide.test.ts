/**
 * Coming over from the hosting guide's entrypoint script (bench/guide.sh): one start its way, with the real sshd and a volume,
 * then one of ours on the same volume with the same variable. To clients nothing has changed: the same command, to the
 * letter, under strict checking.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ensureDebianBase } from "../../scripts/base-images.ts";
import { type Finished, run } from "../../scripts/ssh-client.ts";
import { bases, buildImage, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { errorsOf, ourLines } from "../support/inside.ts";
import { makeDir, makeKey, type TestKey } from "../support/ssh.ts";
import { waitForBanner } from "../support/tcp.ts";
import { buildTestImage, removeImage, SHOWN_DOCKERFILES } from "../support/test-images.ts";

const DEADLINE_MS = 20_000;
const GUIDE = "/guide.sh";
const readBench = (name: string) => readFileSync(new URL(`../../bench/${name}`, import.meta.url), "utf8");
const ALL_TYPES = ["ed25519", "ecdsa", "rsa"];

/** A file of an image, as a `RUN` line. */
const fileLine = (path: string, text: string) =>
  `RUN echo ${Buffer.from(text).toString("base64")} | base64 -d > ${path} && chmod 755 ${path}`;

/** The stand-in for Alpine has no bash: what the script wants of it, by its sh. */
const BASH = fileLine(
  "/tmp/bash",
  '#!/bin/sh\ncompgen() { set -- $2; [ -e "$1" ]; }\nscript=$1\nshift\n. "$script"\n',
).concat(" && if [ ! -e /bin/bash ]; then cp /tmp/bash /bin/bash; fi");

/** What the guide's Dockerfile has besides: places for the script, and sshd on the port that tests publish. */
const GUIDES_LINES = [
  BASH,
  "RUN mkdir -p /run/sshd /root/.ssh && chmod 700 /root/.ssh && echo 'Port 2222' >> /etc/ssh/sshd_config",
];

/**
 * A port that stays the same from one container to the next, so that clients' commands can: below those that the kernel
 * gives to outgoing connections (ip(7), ip_local_port_range), which could take it in between.
 */
function fixPort(): ContainerOptions {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      return { host: { PortBindings: { "2222/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] } } };
    } catch {}
  }
  throw new Error("no free port below 32000");
}

/** A person's client: learns the host's key the first time, and then runs the same words for ever. */
async function makeClient(key: TestKey, user: string) {
  const knownHosts = join(await makeDir(), "known_hosts");
  const command = (port: number) =>
    `ssh -F none -i ${key.path} -o BatchMode=yes -o IdentityAgent=none -o UserKnownHostsFile=${knownHosts} -p ${port} ${user}@127.0.0.1 id -un`;
  const logIn = async (
    { port }: Container,
    trust: string[] = ["-o", "StrictHostKeyChecking=yes"],
  ): Promise<Finished> => {
    const [program = "", ...args] = command(port).split(" ");
    return await run(program, [...trust, ...args]);
  };
  return {
    /** As the guide's page has people do it, but for remembering what they saw. */
    first: (container: Container) => logIn(container, ["-o", "StrictHostKeyChecking=accept-new"]),
    again: (container: Container) => logIn(container),
  };
}

/** What identity is on the volume, by its bytes. */
const hostKeysOf = async (container: Container, volume: string) =>
  (await container.exec(["sh", "-c", `cd ${volume}/.ssh && sha256sum ssh_host_*_key`])).stdout;

async function startGuide(options: ContainerOptions): Promise<Container> {
  const container = await startContainer({ ...options, entrypoint: [GUIDE], cmd: ["sleep", "2147483647"] });
  await waitForBanner(container, DEADLINE_MS);
  return container;
}

/** What our start said of host keys. */
const hostKeysLine = async (container: Container) =>
  ourLines((await container.logs()).stderr).find(({ msg }) => msg === "host keys");

describe.each(bases)("on %s", (base) => {
  test("the same volume and the same variable: the same host, the same people, the same command", async () => {
    const [ina, ben] = await Promise.all([makeKey(), makeKey("ecdsa")]);
    const image = await buildImage({ base, lines: [...GUIDES_LINES, fileLine(GUIDE, readBench("guide.sh"))] });
    const env = { AUTHORIZED_KEYS: `${ina.publicLine}\n${ben.publicLine}` };
    const common = { image, env, volume: await makeVolume(), ...fixPort() };
    const clients = await Promise.all([ina, ben].map((key) => makeClient(key, "root")));

    const before = await startGuide(common);
    for (const client of clients) expect(await client.first(before)).toMatchObject({ code: 0, stdout: "root\n" });
    const identity = await hostKeysOf(before, "/volume");
    await before.remove();

    const after = await startContainer(common);
    const { host_keys: hostKeys } = await after.waitForReady();
    for (const client of clients) {
      expect(await client.again(after)).toMatchObject({ code: 0, stdout: "root\n", stderr: "" });
    }
    expect(hostKeys).toHaveLength(ALL_TYPES.length);
    expect(await hostKeysLine(after)).toMatchObject({ restored: ALL_TYPES, made: [], adopted: [] });
    expect(await hostKeysOf(after, "/volume")).toBe(identity);
    expect(await errorsOf(after)).toEqual([]);
  });

  test("without a volume till now: the image's keys are adopted in one start, and stay", async () => {
    const key = await makeKey();
    const lines = [...GUIDES_LINES, "RUN ssh-keygen -A", fileLine(GUIDE, readBench("guide.sh"))];
    const image = await buildImage({ base, lines });
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const port = fixPort();
    const client = await makeClient(key, "root");

    const before = await startGuide({ image, env, ...port });
    expect(await client.first(before)).toMatchObject({ code: 0 });
    await before.remove();

    const ours = { image, volume: await makeVolume(), ...port };
    const adopting = await startContainer({ ...ours, env: { ...env, WITHSSH_ADOPT_IMAGE_KEYS: "true" } });
    await adopting.waitForReady();
    expect(await client.again(adopting)).toMatchObject({ code: 0, stderr: "" });
    expect(await hostKeysLine(adopting)).toMatchObject({ adopted: ALL_TYPES, made: [], restored: [] });
    await adopting.remove();

    const after = await startContainer({ ...ours, env });
    await after.waitForReady();
    expect(await client.again(after)).toMatchObject({ code: 0, stderr: "" });
    expect(await hostKeysLine(after)).toMatchObject({ restored: ALL_TYPES, made: [], adopted: [] });
    expect(await errorsOf(after)).toEqual([]);
  });

  test("keys that an unquoted echo glued on the volume: its line is told, and everybody gets in by the variable", async () => {
    const [ina, ben] = await Promise.all([makeKey(), makeKey()]);
    const script = readBench("guide.sh")
      .replace('"$AUTHORIZED_KEYS"', "$AUTHORIZED_KEYS")
      .replaceAll("/volume", "/root");
    const image = await buildImage({ base, lines: [...GUIDES_LINES, fileLine(GUIDE, script)] });
    const env = { AUTHORIZED_KEYS: `${ina.publicLine}\n${ben.publicLine}` };
    const common = { image, binds: [`${await makeVolume()}:/root`], ...fixPort() };
    const [first, second] = [await makeClient(ina, "root"), await makeClient(ben, "root")];

    const before = await startGuide({ ...common, env });
    expect(await first.first(before)).toMatchObject({ code: 0 });
    expect(await second.first(before)).toMatchObject({
      code: 255,
      stderr: expect.stringContaining("Permission denied"),
    });
    await before.remove();

    const after = await startContainer({ ...common, env: { ...env, WITHSSH_VOLUME: "/root" } });
    await after.waitForReady();
    for (const client of [first, second]) expect(await client.again(after)).toMatchObject({ code: 0, stderr: "" });
    const told = ourLines((await after.logs()).stderr).filter(({ msg }) => msg.startsWith("key line refused"));
    expect(told).toMatchObject([
      { source: "/root/.ssh/authorized_keys", line: 1, msg: expect.stringContaining("two keys are glued together") },
    ]);
  });
});

describe("an app that is not root", () => {
  let shown = "";
  beforeAll(async () => {
    const base = await ensureDebianBase();
    shown = await buildTestImage("debian", base, inject("runId"), "shown-debian", SHOWN_DOCKERFILES.debian);
  });
  afterAll(async () => await removeImage(shown));

  test("the guide's broad sudo line gives way to the one rule: the same host and command, also after a restart", async () => {
    const key = await makeKey();
    const lines = [
      "USER root",
      ...GUIDES_LINES,
      "RUN echo '%app ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers && install -d -o app -g app -m 700 /home/app/.ssh",
      fileLine(GUIDE, readBench("guide-sudo.sh")),
      "USER app",
    ];
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const common = { env, volume: await makeVolume(), ...fixPort() };
    const client = await makeClient(key, "app");

    const before = await startGuide({ ...common, image: await buildImage({ from: shown, lines }) });
    expect(await client.first(before)).toMatchObject({ code: 0, stdout: "app\n" });
    await before.remove();

    const after = await startContainer({ ...common, image: shown });
    expect(await after.waitForReady()).toMatchObject({ mode: "sudo" });
    expect(await client.again(after)).toMatchObject({ code: 0, stdout: "app\n", stderr: "" });
    await after.restart();
    expect(await after.waitForReady()).toMatchObject({ mode: "sudo" });
    expect(await client.again(after)).toMatchObject({ code: 0, stdout: "app\n", stderr: "" });
    expect(await errorsOf(after)).toEqual([]);
  });
});
