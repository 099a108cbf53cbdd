/** The example of a fleet: the commands on its page as they stand, and what its compose.yaml says in docker's words. */
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/places.ts";
import { run } from "../../scripts/ssh-client.ts";
import { bases, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, errorsOf } from "../support/inside.ts";
import { makeDir } from "../support/ssh.ts";
import type { Base } from "../support/test-images.ts";

interface Compose {
  readonly services: {
    readonly app: {
      readonly environment: Record<string, string>;
      readonly secrets: readonly string[];
      readonly volumes: readonly string[];
      readonly deploy: { readonly replicas: number };
    };
  };
  readonly secrets: Record<string, { readonly file: string }>;
}

const HOST = "myapp.example.com";

/** A copy of the example, and its page's blocks of shell in order. */
async function copyExample() {
  const dir = join(await makeDir(), "fleet");
  await cp(join(ROOT, "examples/fleet"), dir, { recursive: true });
  const page = await readFile(join(dir, "README.md"), "utf8");
  const blocks = Array.from(page.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) => block ?? "");
  const compose = Bun.YAML.parse(await readFile(join(dir, "compose.yaml"), "utf8")) as Compose;
  const shell = async (block = "") => {
    expect(await run("sh", ["-euc", `cd "$1"\n${block}`, "sh", dir])).toMatchObject({ code: 0, stderr: "" });
  };
  return { dir, blocks, compose, shell };
}

/** As compose starts them: a secret is a file under /run/secrets. */
async function startMachines(base: Base, dir: string, { services, secrets }: Compose): Promise<Container[]> {
  const { environment: env, volumes, deploy, ...app } = services.app;
  const mounts = app.secrets.map((name) => `${secrets[name]?.file}:/run/secrets/${name}:ro`);
  const binds = [...mounts, ...volumes].map((one) => join(dir, one));
  const one = () => startContainer({ base, cmd: APP, env, binds });
  return await Promise.all(Array.from({ length: deploy.replicas }, one));
}

/** Logs in as people do, trusting the authority of hosts alone. */
async function login(dir: string, { port }: Container): Promise<string> {
  const options = { UserKnownHostsFile: join(dir, "known_hosts"), GlobalKnownHostsFile: "none", HostKeyAlias: HOST };
  const words = Object.entries({ ...options, BatchMode: "yes", IdentityAgent: "none", IdentitiesOnly: "yes" });
  const args = words.flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const target = ["-F", "none", "-p", String(port), "-i", join(dir, "ina"), "root@127.0.0.1", "whoami"];
  const { code, stdout, stderr } = await run("ssh", [...args, "-o", "StrictHostKeyChecking=yes", ...target]);
  return code === 0 ? stdout.trim() : stderr.trim();
}

describe.each(bases)("on %s", (base) => {
  let example: Awaited<ReturnType<typeof copyExample>>;
  beforeAll(async () => {
    example = await copyExample();
  });

  test("its machines are one host, let in whom the authority signed, and keep out who is on the list", async () => {
    const { dir, blocks, compose, shell } = example;
    const [once, knownHosts, person, revoke, ...more] = blocks;
    expect(more).toEqual([]);
    for (const block of [once, knownHosts, person]) await shell(block);
    const machines = await startMachines(base, dir, compose);
    expect(machines).toHaveLength(2);
    const lines = await Promise.all(machines.map((one) => one.waitForReady()));
    expect(new Set(lines.map(({ known_hosts }) => known_hosts)).size).toBe(1);
    expect(lines[0]?.known_hosts.split(" ").slice(0, 2)).toEqual([`${HOST}`, "ssh-ed25519"]);
    expect(await Promise.all(machines.map((one) => login(dir, one)))).toEqual(["root", "root"]);

    await shell(revoke);
    await Promise.all(machines.map((one) => one.waitForLog("sshd config changed")));
    const refused = expect.stringContaining("Permission denied (publickey)");
    expect(await Promise.all(machines.map((one) => login(dir, one)))).toEqual([refused, refused]);
    for (const one of machines) expect(await errorsOf(one)).toEqual([]);
  });
});

test("its signer says how it is used, and leaves nothing where it ran", async () => {
  const { dir } = await copyExample();
  const signer = join(dir, "sign.sh");
  const { code, stdout, stderr } = await run(signer, ["user"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^sign\.sh user CA_KEY .*\nsign\.sh host CA_KEY /);
  expect((await run(signer, ["other", "a", "b", "c", "d", "e"])).stderr).toContain("neither user nor host");
});
