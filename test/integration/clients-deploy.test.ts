/** What a pipeline and a person set up once and then rely on: a pinned host key, and the printed ~/.ssh/config. */
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { bases, makeNetwork, makeVolume, startContainer } from "../support/boot.ts";
import { buildClientImages, type ClientImages, IMAGES_MS } from "../support/client-images.ts";
import { docker } from "../support/container.ts";
import { startWorkstation, type Workstation } from "../support/workstation.ts";

let images: ClientImages;
let workstation: Workstation;
beforeAll(async () => {
  images = await buildClientImages();
  workstation = await startWorkstation(images.workstation);
}, IMAGES_MS);

/** The script that docs/clients.md shows, for a machine of this name. */
async function readDeploy(name: string): Promise<string> {
  const page = await readFile(new URL("../../docs/clients.md", import.meta.url), "utf8");
  const [, script = ""] = /^```sh\n([\s\S]*?)^```$/m.exec(page) ?? [];
  return script.replaceAll("myapp.example", name);
}

/** Says in the log what it serves, again at each HUP. */
const SERVE = `
say() { echo '{"msg":"serving '"$(cat /home/app/site/release)"'"}' >&2; }
trap say HUP; trap 'exit 0' TERM
while :; do sleep 1000 & wait $!; done`;

describe.concurrent.each(bases)("on %s", (base) => {
  test("a CI deploy holds the host to the pinned key: the same after a redeploy, and another host gets nothing", async () => {
    const name = `deploy-${base}.example`;
    const image = images.machines[base] as string;
    const cmd = ["sh", "-c", SERVE];
    const volume = await makeVolume();
    const first = await workstation.start(name, { image, cmd, volume });
    const KNOWN_HOSTS = (await first.exec(["withssh", "--known-hosts", `${name}:2222`])).stdout.trim();
    const DEPLOY_KEY = (await workstation.run("cat ~/.ssh/id_ed25519")).stdout.trim();
    const script = await readDeploy(name);
    const deploy = async (release: string) =>
      await workstation.run(`mkdir site; echo ${release} > site/release\n${script}`, { KNOWN_HOSTS, DEPLOY_KEY });

    expect(await deploy("r1")).toEqual({ code: 0, stdout: "", stderr: "" });
    await first.waitForLog("serving r1");
    await first.remove();
    const second = await workstation.start(name, { image, cmd, volume });
    expect(await deploy("r2")).toEqual({ code: 0, stdout: "", stderr: "" });
    await second.waitForLog("serving r2");
    await second.remove();
    const stranger = await workstation.start(name, { image, cmd });
    const refused = await deploy("r3");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/REMOTE HOST IDENTIFICATION HAS CHANGED!.*Host key verification failed\./s);
    expect((await stranger.exec(["ls", "/home/app/site"])).code).not.toBe(0);
  });

  test("the printed ~/.ssh/config reaches the app, and by ProxyJump a machine that nobody else reaches", async () => {
    const name = `jump-${base}.example`;
    const image = images.machines[base] as string;
    const volume = await makeVolume();
    const [inner, jump] = await Promise.all([makeNetwork(), workstation.start(name, { image, volume })]);
    await docker("network", "connect", inner, jump.id);
    const names = [`one.jump-${base}`, `ab12.vm.jump-${base}.internal`];
    const network = { id: inner, names };
    const env = { AUTHORIZED_KEYS: workstation.publicLines };
    // One identity for all machines of an app: the same volume, as on one host, or the same secret.
    const machine = await startContainer({ image, volume, env, network, create: { Hostname: "inner" } });
    await machine.waitForLogins();
    await workstation.learn(name, jump);
    const asFly = ["env", `FLY_APP_NAME=jump-${base}`, "withssh", "--ssh-config", `${name}:2222`];
    const { stdout: FLY } = await jump.exec(asFly);
    const { stdout: CONFIG } = await jump.exec(["withssh", "--ssh-config", `${name}:2222`]);
    const { code, stdout, stderr } = await workstation.run(
      `
      printf %s "$CONFIG" > config; printf %s "$FLY" > fly
      ssh -F config jump-${base} 'id -un'
      ! getent hosts ${names.join(" ")}
      ssh -F config one.jump-${base} hostname
      ssh -F fly ab12.vm.jump-${base} hostname
      echo by scp > file; scp -q -F config file one.jump-${base}:; mkdir dir; cp file dir/by-rsync
      rsync --archive --rsh 'ssh -F config' dir one.jump-${base}:
      ssh -F config one.jump-${base} 'cat file dir/by-rsync'
      `,
      { CONFIG, FLY },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("app\ninner\ninner\nby scp\nby scp\n");
  });
});
