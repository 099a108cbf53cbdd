/** Who is named gets in, nobody else does; a bad line costs nobody else the door; accounts are made fit for it. */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { bases, buildImage, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import { type Container, DEADLINE_MS, docker } from "../support/container.ts";
import {
  APP,
  errorsOf,
  findProcess,
  isSupervisor,
  ourLines,
  readInside,
  WITH_HOST_KEYS,
  writeFiles,
} from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import type { Base } from "../support/test-images.ts";

const makeKeys = async (): Promise<[TestKey, TestKey, TestKey]> =>
  await Promise.all([makeKey(), makeKey("ecdsa"), makeKey("rsa", ["-b", "2048"])]);
const lines = (keys: readonly TestKey[]) => keys.map(({ publicLine }) => publicLine);

const start = async (options: ContainerOptions) =>
  await startContainer({ entrypoint: WITH_HOST_KEYS, cmd: APP, ...options });

/** Exit code of a login that only does `whoami`, and what it says. */
const whoami = async (container: Container, key: TestKey, user = "root") =>
  await ssh(container, { key, user, command: "whoami" });

const isIn = (user = "root") => ({ code: 0, stdout: `${user}\n` });
const isOut = { code: 255, stdout: "", stderr: expect.stringContaining("Permission denied (publickey)") };

const FORMS: readonly (readonly [string, (lines: readonly string[]) => string])[] = [
  ["multi-line", (all) => all.join("\n")],
  ["CRLF", (all) => `${all.join("\r\n")}\r\n`],
  ["quoted", (all) => `"${all.join("\n")}"`],
  ["comma-separated", (all) => all.join(",")],
  ["glued-in-one-line", (all) => all.join(" ")],
];

/** What a supervisor with ten thousand keys may hold of its own. */
const MOST_KIB = 24 * 1024;

const BAD = "ssh-ed25519 AAAAnot-a-key-SECRETLOOKING nobody@nowhere";

const addUser: Record<Base, (name: string, shell?: string) => string> = {
  debian: (name, shell = "/bin/sh") => `useradd --create-home --shell ${shell} ${name}`,
  musl: (name, shell = "/bin/sh") => `adduser -D -s ${shell} ${name}`,
};

describe.concurrent.each(bases)("on %s", (base) => {
  test.each(FORMS)(
    "every key of a %s variable logs in, and a bad line beside it is told and not echoed",
    async (_, join) => {
      const keys = await makeKeys();
      const [first = "", ...rest] = lines(keys);
      const container = await start({ base, env: { AUTHORIZED_KEYS: join([first, BAD, ...rest]) } });
      await container.waitForReady();
      for (const login of await Promise.all(keys.map((key) => whoami(container, key))))
        expect(login).toMatchObject(isIn());
      const { stderr } = await container.logs();
      const told = ourLines(stderr).filter(({ msg }) => msg.startsWith("key line refused"));
      expect(told).toMatchObject([{ level: "warn", source: "AUTHORIZED_KEYS", line: 2 }]);
      expect(stderr).not.toMatch(/SECRETLOOKING|nobody@nowhere/);
      expect(ourLines(stderr)).toContainEqual(expect.objectContaining({ msg: "authorized keys", count: 3 }));
    },
  );

  test("nothing but what is a key logs in: a stranger's key does not, and only publickey is offered", async () => {
    const [key, stranger] = await makeKeys();
    const container = await start({ base, env: { AUTHORIZED_KEYS: key.publicLine } });
    expect(await whoami(container, stranger)).toMatchObject(isOut);
    const asked = await ssh(container, { key, command: "true", args: ["-o", "PreferredAuthentications=none"] });
    expect(asked).toMatchObject(isOut);
  });

  test("a key that is no longer named is gone after a restart; one on the volume counts beside the variable", async () => {
    const volume = await makeVolume();
    const [named, gone, onVolume] = await makeKeys();
    const first = await start({ base, volume, env: { AUTHORIZED_KEYS: lines([named, gone]).join("\n") } });
    expect(await whoami(first, gone)).toMatchObject(isIn());
    expect(await whoami(first, onVolume)).toMatchObject(isOut);
    await writeFiles(first, { "/volume/.ssh/authorized_keys": `# people\n${onVolume.publicLine}\nnull\n` });
    await first.restart();
    expect(await whoami(first, onVolume)).toMatchObject(isIn());
    await first.remove();
    const second = await start({ base, volume, env: { AUTHORIZED_KEYS: named.publicLine } });
    expect(await whoami(second, gone)).toMatchObject(isOut);
    expect(await whoami(second, named)).toMatchObject(isIn());
    expect(await whoami(second, onVolume)).toMatchObject(isIn());
    expect(ourLines((await second.logs()).stderr)).toContainEqual(
      expect.objectContaining({ level: "warn", source: "/volume/.ssh/authorized_keys", line: 3 }),
    );
  });

  test("a file of keys that others could have written is refused with its path; the variable's keys count", async () => {
    const volume = await makeVolume();
    const [named, planted] = await makeKeys();
    const container = await start({ base, volume, env: { AUTHORIZED_KEYS: named.publicLine } });
    await container.waitForReady();
    const file = "/volume/.ssh/authorized_keys";
    await writeFiles(container, { [file]: `${planted.publicLine}\n` });
    await container.exec(["chmod", "0666", file]);
    // Told while it ran, and again at the restart.
    const refusal = { source: file, msg: expect.stringMatching(/written by others.*:ro/) };
    expect(await container.waitForLog(({ level }) => level === "error")).toMatchObject(refusal);
    await container.restart();
    expect(await whoami(container, named)).toMatchObject(isIn());
    expect(await whoami(container, planted)).toMatchObject(isOut);
    expect(await errorsOf(container)).toMatchObject([refusal, refusal]);
  });

  test("more variables that hold keys count when they are named", async () => {
    const [first, second, stranger] = await makeKeys();
    const env = {
      WITHSSH_KEY_VARIABLES: "PUBLIC_KEY,SSH_KEY",
      PUBLIC_KEY: first.publicLine,
      SSH_KEY: second.publicLine,
      OTHER_KEY: stranger.publicLine,
    };
    const container = await start({ base, env });
    expect(await whoami(container, first)).toMatchObject(isIn());
    expect(await whoami(container, second)).toMatchObject(isIn());
    expect(await whoami(container, stranger)).toMatchObject(isOut);
    expect(ourLines((await container.logs()).stderr)).toContainEqual(
      expect.objectContaining({ msg: "accepted", source: "PUBLIC_KEY" }),
    );
  });

  test("keys in the login user's home count only where that is wanted", async () => {
    const [named, atHome] = await makeKeys();
    const image = await buildImage({
      base,
      lines: [`RUN mkdir -m 0700 -p /root/.ssh && echo '${atHome.publicLine}' > /root/.ssh/authorized_keys`],
    });
    const env = { AUTHORIZED_KEYS: named.publicLine };
    const without = await start({ image, env });
    expect(await whoami(without, atHome)).toMatchObject(isOut);
    expect(await whoami(without, named)).toMatchObject(isIn());
    const withHome = await start({ image, env: { ...env, WITHSSH_HOME_KEYS: "true" } });
    expect(await whoami(withHome, atHome)).toMatchObject(isIn());
    expect(await whoami(withHome, named)).toMatchObject(isIn());
    expect(await readInside(without, "/root/.ssh/authorized_keys")).toBe(`${atHome.publicLine}\n`);
  });

  test("login users that are named get the keys, unlocked and with a home; nobody else does", async () => {
    const image = await buildImage({
      base,
      lines: [
        `RUN ${addUser[base]("locked")} && ${addUser[base]("homeless")} && ${addUser[base]("other")} && ${addUser[base]("shut", "/sbin/nologin")}`,
        "RUN rm -rf /home/homeless && sed -i 's/^locked:[^:]*:/locked:!:/' /etc/shadow",
      ],
    });
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_USERS: "locked,homeless,shut,nosuch" };
    const container = await start({ image, env });
    expect(await container.waitForReady()).toMatchObject({ users: ["locked", "homeless"] });
    expect(await whoami(container, key, "locked")).toMatchObject(isIn("locked"));
    const home = await ssh(container, { key, user: "homeless", command: 'pwd; stat -c "%U %a" "$HOME"' });
    expect(home).toMatchObject({ code: 0, stdout: "/home/homeless\nhomeless 700\n", stderr: "" });
    for (const user of ["root", "other", "shut", "nosuch"]) {
      expect(await whoami(container, key, user)).toMatchObject(isOut);
    }
    expect(await readInside(container, "/etc/shadow")).toMatch(/^locked:\*:/m);
    const told = await errorsOf(container);
    expect(told.map(({ user, msg }) => [user, msg])).toEqual([
      ["shut", expect.stringMatching(/no login shell.*nologin.*hint: /)],
      ["nosuch", expect.stringMatching(/no user nosuch.*hint: /)],
    ]);
  });

  test("key options count: a forced command is run instead of the client's", async () => {
    const key = await makeKey();
    const line = `command="echo forced, \\"quoted\\"",no-pty ${key.publicLine}`;
    const container = await start({ base, env: { AUTHORIZED_KEYS: line } });
    expect(await whoami(container, key)).toMatchObject({ code: 0, stdout: "forced, quoted\n" });
  });
});

describe.each(bases)("on %s", (base) => {
  test("with ten thousand keys a login is through within three seconds of the start, a change within two, in little memory", async () => {
    const volume = await makeVolume();
    const key = await makeKey();
    const container = await start({ base, volume, env: { AUTHORIZED_KEYS: key.publicLine } });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    const head = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
    const others = Array.from({ length: 10_000 }, (_, at) => {
      return `ssh-ed25519 ${Buffer.concat([head, randomBytes(32)]).toString("base64")} person${at}@example\n`;
    });
    const [last, next] = await Promise.all([makeKey(), makeKey()]);
    const path = "/volume/.ssh/authorized_keys";
    await writeFiles(container, { [path]: `${others.join("")}${last.publicLine}\n` });
    await container.restart();
    await container.waitForReady();
    expect(await ssh(container, { key: last, knownHosts, command: "whoami" })).toMatchObject(isIn());
    const startedAt = await docker("inspect", "--format", "{{.State.StartedAt}}", container.id);
    expect(Date.now() - Date.parse(startedAt)).toBeLessThan(3000);
    expect(await container.waitForLog("authorized keys")).toMatchObject({ count: 10_002 });
    await waitForMemory(container);

    await writeFiles(container, { [path]: `${others.join("")}${next.publicLine}\n` });
    const changedAt = Date.now();
    const changed = await container.waitForLog("authorized keys changed");
    expect(changed).toMatchObject({ count: 10_002, added: [expect.any(String)], removed: [expect.any(String)] });
    expect(Date.parse(String(changed["time"])) - changedAt).toBeLessThan(2000);
    expect(await ssh(container, { key: next, knownHosts, command: "whoami" })).toMatchObject(isIn());
    expect(await ssh(container, { key: last, knownHosts, command: "whoami" })).toMatchObject(isOut);
    await waitForMemory(container);
  });
});

/** Until what the supervisor has of its own is within its bar: it gives back what work took once that is done. */
async function waitForMemory(container: Container): Promise<void> {
  const { pid } = await findProcess(container, isSupervisor);
  const began = performance.now();
  for (;;) {
    const rollup = await readInside(container, `/proc/${pid}/smaps_rollup`);
    const kib = Number(/^Anonymous: +(\d+)/m.exec(rollup)?.[1]);
    if (kib <= MOST_KIB) return;
    if (performance.now() - began > DEADLINE_MS) throw new Error(`the supervisor holds ${kib} KiB`);
  }
}
