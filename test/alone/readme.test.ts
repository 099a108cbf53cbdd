/** What the README shows, as it stands there: its first commands, its transcript, and images whose own entrypoint stays. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ensureDebianBase } from "../../scripts/base-images.ts";
import { choosePort } from "../../scripts/demo-login.ts";
import { readMarked } from "../../scripts/marked.ts";
import { run } from "../../scripts/ssh-client.ts";
import { makeHome, recordTranscript, shapeOf } from "../../scripts/transcript-record.ts";
import { buildImage, makeVolume, startContainer } from "../support/boot.ts";
import { docker } from "../support/container.ts";
import { errorsOf } from "../support/inside.ts";
import { codeOf, instructionsOf } from "../support/readme.ts";
import { makeDir, makeKey, ssh } from "../support/ssh.ts";
import { buildTestImage, removeImage, SHOWN_DOCKERFILES } from "../support/test-images.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

let shown = "";
beforeAll(async () => {
  const base = await ensureDebianBase();
  shown = await buildTestImage("debian", base, inject("runId"), "shown-debian", SHOWN_DOCKERFILES.debian);
});
afterAll(async () => await removeImage(shown));

test("the transcript has the shape of a start and a login of today", async () => {
  expect(shapeOf(readMarked(readme, "transcript"))).toBe(shapeOf(await recordTranscript(shown)));
});

test("the first commands work as they stand, one right after the other, and again on the same volume", async () => {
  const block = /```sh\n(docker build -t myapp [\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const [name, port] = [`withssh-readme-${process.pid}`, await choosePort()];
  const volume = await makeVolume();
  const script = block
    .replace("docker build -t myapp .\n", "")
    .replace("--volume identity:", `--volume ${volume}:`)
    .replaceAll("127.0.0.1:2222", `127.0.0.1:${port}`)
    .replace("ssh -p 2222 app@127.0.0.1", `ssh -p ${port} app@127.0.0.1 id -un`)
    .replace(" myapp\n", ` ${shown}\n`)
    .replaceAll(/\bmyapp\b/g, name);
  const env = await makeHome(await makeDir());
  const steps = (commands: string) => run("env", [...env, "bash", "--norc", "-euo", "pipefail", "-c", commands]);
  try {
    // On a first start rsa joins later, and sshd refuses connections for the milliseconds in which it reads its config anew.
    const first = script.replace('"ssh ready"', '"host key made and in use"');
    expect(first).not.toBe(script);
    expect(await steps(first)).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/\napp\n$/) });
    await docker("rm", "--force", name);
    const again = script.replace(/^docker exec .*\n/m, "");
    expect(again).not.toBe(script);
    expect(await steps(again)).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/\napp\n$/) });
  } finally {
    await run("docker", ["rm", "--force", name]);
  }
});

/** Files of an image, as `RUN` lines. */
const fileLine = (path: string, text: string) =>
  `RUN mkdir -p ${path.replace(/[^/]+$/, "")} && echo ${Buffer.from(text).toString("base64")} | base64 -d > ${path} && chmod 755 ${path}`;

/** As `rails new` writes it (bin/docker-entrypoint of Rails 8). */
const RAILS_ENTRYPOINT = `#!/bin/bash -e
if [ -z "\${LD_PRELOAD+x}" ]; then
    LD_PRELOAD=$(find /usr/lib -name libjemalloc.so.2 -print -quit)
    export LD_PRELOAD
fi
if [ "\${@: -2:1}" == "./bin/rails" ] && [ "\${@: -1:1}" == "server" ]; then
  ./bin/rails db:prepare
fi
exec "\${@}"
`;
const RAILS = [
  "USER root",
  "RUN userdel --remove app && groupadd --gid 1000 rails && useradd rails --uid 1000 --gid 1000 --create-home --shell /bin/bash",
  fileLine("/rails/bin/docker-entrypoint", RAILS_ENTRYPOINT),
  fileLine("/rails/bin/thrust", '#!/bin/sh\nexec "$@"\n'),
  fileLine("/rails/bin/rails", '#!/bin/sh\n[ "$1" = server ] && exec perl /app/hello.pl\necho "rails $1"\n'),
  "WORKDIR /rails",
  "USER 1000:1000",
];

/** As the official image has it (docker-library/node, docker-entrypoint.sh). */
const NODE_ENTRYPOINT = `#!/bin/sh
set -e
if [ "\${1#-}" != "\${1}" ] || [ -z "$(command -v "\${1}")" ] || { [ -f "\${1}" ] && ! [ -x "\${1}" ]; }; then
  set -- node "$@"
fi
exec "$@"
`;
const NODE = [
  "USER root",
  "RUN userdel --remove app && groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node",
  fileLine("/usr/local/bin/docker-entrypoint.sh", NODE_ENTRYPOINT),
  fileLine("/usr/local/bin/node", '#!/bin/sh\necho "node $*"\nexec perl "$@"\n'),
  "RUN mkdir -p /home/node/app && cp /app/hello.pl /home/node/app/server.js && chmod 644 /home/node/app/server.js",
];

/** A stand-in for the base, with what README's Dockerfile adds; sshd, sudo and withssh are in it already. */
async function buildOn(standIn: readonly string[], name: string): Promise<string> {
  const [from, ...lines] = instructionsOf(codeOf(readme, name));
  expect(from).toMatch(/^FROM /);
  const added = lines.filter((line) => !line.startsWith("RUN apt-get ") && !line.startsWith("COPY "));
  return await buildImage({ from: shown, lines: [...standIn, "USER root", ...added] });
}

test("rails: its own entrypoint prepares the database, the server is PID 1, and SSH runs beside it", async () => {
  const key = await makeKey();
  const image = await buildOn(RAILS, "rails");
  const container = await startContainer({ image, env: { AUTHORIZED_KEYS: key.publicLine, RAILS_ENV: "production" } });
  expect(await container.waitForReady()).toMatchObject({ mode: "sudo", users: ["rails"] });
  // SSH may be ready before its database is.
  await expect.poll(async () => (await container.logs()).stdout).toMatch(/^rails db:prepare\napp: pid 1, /);
  const session = await ssh(container, {
    key,
    user: "rails",
    command: "echo $RAILS_ENV; cd /rails && bin/rails console",
  });
  expect(session).toMatchObject({ code: 0, stdout: "production\nrails console\n" });
  expect(await errorsOf(container)).toEqual([]);
});

test("node: its own entrypoint decides what a command is, with CMD as with a word of docker run", async () => {
  const key = await makeKey();
  const image = await buildOn(NODE, "node");
  for (const cmd of [undefined, ["server.js"]]) {
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ image, env, ...(cmd === undefined ? {} : { cmd }) });
    expect(await container.waitForReady()).toMatchObject({ mode: "sudo", users: ["node"] });
    await expect.poll(async () => (await container.logs()).stdout).toMatch(/^node server\.js\napp: pid 1, /);
    expect(await ssh(container, { key, user: "node", command: "id -un" })).toMatchObject({ stdout: "node\n" });
    expect(await errorsOf(container)).toEqual([]);
  }
});
