/**
 * Nothing in the working directory or in the app's environment steers the supervisor or what it runs: each thing planted
 * here leaves a mark when it is used. The launcher's environment is the operator's: what it may steer is said.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP } from "../support/inside.ts";
import { bindPreload } from "../support/probe.ts";
import { makeDir, makeKey, ssh } from "../support/ssh.ts";

const mark = (name: string) =>
  `require("node:fs").appendFileSync("/tmp/marks", "${name}: " + process.argv.join(" ") + "\\n");\n`;
const HELPERS = ["sshd", "ssh-keygen", "setsid", "sh", "env", "passwd", "visudo", "sudo", "getent", "withssh"];

/** Everything that a runtime or a library is known to pick up from where it runs. */
const PLANTED: Readonly<Record<string, string>> = {
  "bunfig.toml": 'preload = ["./bunfig-preload.js"]\n[run]\nshell = "bun"\n',
  "bunfig-preload.js": mark("bunfig.toml"),
  ".bunfig.toml": 'preload = ["./bunfig-preload.js"]\n',
  ".env": "WITHSSH_PORT=70000\nPLANTED=by .env\nBUN_OPTIONS=--preload /planted/options.js\n",
  ".env.local": "WITHSSH_LOG_LEVEL=nonsense\n",
  ".env.production": "WITHSSH_LOG_LEVEL=nonsense\n",
  "tsconfig.json": '{ "compilerOptions": { "paths": { "pino": ["./pino.js"], "*": ["./pino.js"] } } }\n',
  "package.json": '{ "type": "commonjs", "imports": { "#x": "./pino.js" }, "bun": { "preload": "./pino.js" } }\n',
  "pino.js": mark("pino"),
  "node_modules/pino/index.js": mark("node_modules/pino"),
  "node_modules/pino/package.json": '{ "main": "index.js" }\n',
  "node_modules/chokidar/index.js": mark("node_modules/chokidar"),
  "libc.so.6": "no library\n",
  "options.js": mark("BUN_OPTIONS"),
  "node-options.cjs": mark("NODE_OPTIONS"),
  ...Object.fromEntries(
    HELPERS.map((name) => [`bin/${name}`, `#!/bin/sh\necho "PATH: ${name} $*" >> /tmp/marks\nexit 1\n`]),
  ),
};

const STEERING = {
  PATH: "/planted/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LD_PRELOAD: "/preload.so",
  BUN_OPTIONS: "--preload /planted/options.js",
  NODE_OPTIONS: "--require /planted/node-options.cjs",
  BUN_CONFIG_VERBOSE_FETCH: "1",
  NODE_PATH: "/planted/node_modules",
  NODE_ENV: "production",
  ZX_PREFIX: "echo ZX >> /tmp/marks;",
  ZX_SHELL: "/planted/bin/sh",
  CHOKIDAR_USEPOLLING: "1",
  CHOKIDAR_INTERVAL: "1",
  SHELL: "/planted/bin/sh",
  ENV: "/planted/bin/env",
  BASH_ENV: "/planted/bin/env",
};

async function plant(): Promise<string> {
  const dir = await makeDir();
  await chmod(dir, 0o755);
  for (const [name, text] of Object.entries(PLANTED)) {
    const path = `${dir}/${name}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o755 });
  }
  return dir;
}

describe.each(bases)("on %s, with all planted that could steer", (base) => {
  let container: Container;
  const key = makeKey();
  beforeAll(async () => {
    const binds = [`${await plant()}:/planted:ro`, await bindPreload("/preload.so")];
    const env = { AUTHORIZED_KEYS: (await key).publicLine, WITHSSH_SESSION_ENV: "-", ...STEERING };
    const entrypoint = ["/usr/local/bin/withssh"];
    const cmd = ["/bin/sh", ...APP.slice(1)];
    container = await startContainer({ base, binds, env, entrypoint, cmd, create: { WorkingDir: "/planted" } });
    await container.waitForReady();
    expect(await ssh(container, { key: await key, command: "true" })).toMatchObject({ code: 0 });
    // The slow host key is made after the ready line: a helper more that could be steered.
    await container.waitForLog(({ msg }) => msg === "host key made and in use");
  });

  const read = async (path: string) => (await container.exec(["/bin/cat", path])).stdout;

  test("no file of the working directory and no name on PATH is used by us", async () => {
    const marks = (await read("/tmp/marks"))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("BUN_OPTIONS: "));
    expect(marks).toEqual([]);
  });

  test("BUN_OPTIONS, which is the operator's, reaches the launcher alone", async () => {
    const marks = (await read("/tmp/marks")).split("\n").filter(Boolean);
    expect(marks).toEqual([expect.stringContaining("/bin/sh")]);
  });

  test("LD_PRELOAD is loaded by the launcher and the app, and by nothing that we start", async () => {
    const lines = (await read("/tmp/preloaded")).split("\n").filter(Boolean);
    expect(lines[0]).toMatch(/^\/usr\/local\/bin\/withssh \/bin\/sh -c /);
    expect(lines.filter((line) => /--supervisor|sshd|ssh-keygen|setsid/.test(line))).toEqual([]);
  });

  test("the supervisor's environment is empty, and sshd has nothing of the app's", async () => {
    // The container's PATH leads to what was planted: programs are named by path here.
    const list =
      "for d in /proc/[0-9]*; do echo $(/usr/bin/basename $d) $(/usr/bin/tr '\\0' ' ' < $d/cmdline); done 2>/dev/null";
    const processes = (await container.exec(["/bin/sh", "-c", list])).stdout;
    const supervisor = /^(\d+) withssh --supervisor$/m.exec(processes)?.[1];
    const listener = /^(\d+) (sshd: .*\[listener\]|\/usr\/sbin\/sshd -D)/m.exec(processes)?.[1];
    expect(await read(`/proc/${supervisor}/environ`)).toBe("");
    // sshd writes its title over its own environment; what it has loaded, and what is left of that, it cannot hide.
    for (const file of ["environ", "maps"]) {
      const text = await read(`/proc/${listener}/${file}`);
      expect(text).toMatch(file === "maps" ? /sshd/ : /./);
      expect(text).not.toMatch(/preload|\/planted/);
    }
  });

  test("the app gets all of it as it came: its environment is not ours to clean", async () => {
    const entries = (await read("/proc/1/environ")).split("\0");
    expect(entries).toEqual(
      expect.arrayContaining(Object.entries(STEERING).map(([name, value]) => `${name}=${value}`)),
    );
    expect(entries.join("\n")).not.toContain("PLANTED");
  });
});

describe.each(bases)("on %s, where PID 1 is somebody else", (base) => {
  test("the way to a session of its own takes no program from PATH and no library either", async () => {
    const binds = [`${await plant()}:/planted:ro`, await bindPreload("/preload.so")];
    const entrypoint = ["/usr/local/bin/withssh"];
    const cmd = ["/bin/sh", ...APP.slice(1)];
    const host = { Init: true };
    const env = { ...STEERING, BUN_OPTIONS: "" };
    const container = await startContainer({
      base,
      binds,
      env,
      entrypoint,
      cmd,
      host,
      create: { WorkingDir: "/planted" },
    });
    await container.waitForLog(({ msg }) => msg.startsWith("ssh is down"));
    const { stdout } = await container.exec(["/bin/sh", "-c", "cat /tmp/preloaded; cat /tmp/marks"]);
    const lines = stdout.split("\n").filter(Boolean);
    expect(lines[0]).toMatch(/^\/usr\/local\/bin\/withssh \/bin\/sh -c /);
    expect(lines.filter((line) => /^setsid|withssh --supervisor|PATH: |bunfig|pino/.test(line))).toEqual([]);
  });
});
