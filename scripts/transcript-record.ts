/**
 * A start and a login as people see them, in two windows, recorded from the commands that stand in it. What differs from
 * machine to machine is put back to what the README calls it: image, name, port, home. A test records a new one and holds
 * the README's to its shape.
 */
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { choosePort } from "./demo-login.ts";
import { makeKeyPair, run } from "./ssh-client.ts";

const DEADLINE_MS = 20_000;

interface Names {
  readonly image: string;
  readonly container: string;
  readonly volume: string;
  readonly port: number;
}

const SHOWN: Names = { image: "myapp", container: "myapp", volume: "identity", port: 2222 };

const startCommand = ({ image, container, volume, port }: Names) =>
  [
    `docker run --rm --tty --name ${container} --publish 127.0.0.1:${port}:2222 --volume ${volume}:/volume \\`,
    `    --env AUTHORIZED_KEYS="$(cat ~/.ssh/id_ed25519.pub)" ${image}`,
  ].join("\n");

const clientCommands = ({ container, port }: Names) => [
  `docker exec ${container} withssh --known-hosts 127.0.0.1:${port} >> ~/.ssh/known_hosts`,
  `ssh -p ${port} app@127.0.0.1 'id -un; ps -o pid,args -p 1'`,
];

/** Boots `image`, one of Dockerfile.debian, logs in, stops it; gives both windows as Markdown. Leaves nothing behind. */
export async function recordTranscript(image: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "withssh-transcript-"));
  const container = `withssh-transcript-${process.pid}`;
  const real: Names = { image, container, volume: container, port: await choosePort() };
  const restore = (text: string) => text.replaceAll(`]:${real.port} `, `]:${SHOWN.port} `);
  try {
    const env = await makeHome(home);
    const window = openWindow(startCommand(real), env);
    await window.waitFor("host key made and in use");
    const client: string[] = [];
    for (const [at, command] of clientCommands(real).entries()) {
      const { code, stdout, stderr } = await run("env", [...env, "bash", "-c", command]);
      if (code !== 0) throw new Error(`${command} ended with ${code} — saw ${stderr.trim()}`);
      client.push(`$ ${clientCommands(SHOWN)[at]}\n${stdout}`);
    }
    await window.waitFor("disconnected");
    await run("docker", ["stop", container]);
    const said = (await window.ended()).map((line) => `${restore(line)}\n`).join("");
    return `\`\`\`console\n$ ${startCommand(SHOWN)}\n${said}\`\`\`\n\n\`\`\`console\n${restore(client.join(""))}\`\`\`\n`;
  } finally {
    await run("docker", ["rm", "--force", container]);
    await run("docker", ["volume", "rm", "--force", container]);
    await rm(home, { recursive: true, force: true });
  }
}

/** A home with a key (arguments for env(1)), and an ssh that takes it for the user's: ssh itself asks the user database, not $HOME. */
export async function makeHome(home: string): Promise<string[]> {
  const dir = join(home, ".ssh");
  const bin = join(home, "bin");
  await mkdir(dir, { mode: 0o700 });
  await mkdir(bin);
  await makeKeyPair(join(dir, "id_ed25519"), "ed25519");
  const options = `-F none -i ${dir}/id_ed25519 -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes`;
  const known = `-o UserKnownHostsFile=${dir}/known_hosts -o GlobalKnownHostsFile=none`;
  const path = process.env["PATH"] ?? "/usr/bin:/bin";
  await writeFile(join(bin, "ssh"), `#!/bin/sh\nPATH='${path}'\nexec ssh ${options} ${known} "$@"\n`);
  await chmod(join(bin, "ssh"), 0o755);
  return [`HOME=${home}`, `PATH=${bin}:${path}`];
}

/** Runs `command` and takes down its lines, without colours. */
function openWindow(command: string, env: readonly string[]) {
  const child = spawn("env", [...env, "bash", "-c", command], { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const reading = createInterface({ input: child.stdout });
  const wakers = new Set<() => void>();
  const over = new Promise<void>((resolve) => reading.once("close", resolve));
  let isOver = false;
  reading.on("line", (line) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour is one
    lines.push(line.replaceAll(/\u001b\[\d+m|\r/g, ""));
    for (const wake of wakers) wake();
  });
  void over.then(() => {
    isOver = true;
    for (const wake of wakers) wake();
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const waitFor = (wanted: string) =>
    new Promise<void>((resolve, reject) => {
      const settle = (why?: string) => {
        clearTimeout(deadline);
        wakers.delete(look);
        if (why === undefined) resolve();
        else reject(new Error(`no line "${wanted}" ${why} — saw:\n${[...lines, complaint].join("\n")}`));
      };
      const look = () => {
        if (lines.some((line) => line.includes(wanted))) settle();
        else if (isOver) settle("before its end");
      };
      const deadline = setTimeout(() => settle(`within ${DEADLINE_MS} ms`), DEADLINE_MS);
      wakers.add(look);
      look();
    });
  const ended = async () => {
    await over;
    return lines;
  };
  return { waitFor, ended };
}

/**
 * A transcript without what is new each time: times, keys, fingerprints, addresses, durations. The app's own line comes
 * first: it and our log are two processes' words, and nothing says whose are first.
 */
export function shapeOf(transcript: string): string {
  const shaped = transcript
    .replaceAll(/^\d\d:\d\d:\d\d /gm, "TIME ")
    .replaceAll(/SHA256:[A-Za-z0-9+/]{43}/g, "FINGERPRINT")
    .replaceAll(/AAAA[A-Za-z0-9+/]+=*/g, "KEY")
    .replaceAll(/address=\S+ port=\d+/g, "ADDRESS")
    .replaceAll(/duration_ms=\d+/g, "DURATION")
    .split("\n");
  const own = shaped.filter((line) => line.startsWith("app: "));
  return [...own, ...shaped.filter((line) => !own.includes(line))].join("\n");
}
