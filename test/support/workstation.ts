/**
 * A workstation as people have one, and machines to reach from it, on a network with names. It is set up by nothing but
 * what withssh prints: known_hosts has the lines of `--known-hosts`, ~/.ssh/config the blocks of `--ssh-config`.
 */
import type { Finished } from "../../scripts/ssh-client.ts";
import { type ContainerOptions, makeNetwork, startContainer } from "./boot.ts";
import type { ClientImages } from "./client-images.ts";
import type { Container } from "./container.ts";
import type { Base } from "./test-images.ts";

export interface Workstation {
  /** Its user's public keys, ed25519 and rsa, a line each. */
  readonly publicLines: string;
  /** Runs a bash script in a new, empty directory; its first failing command ends it. `env` is the script's alone. */
  run(script: string, env?: Readonly<Record<string, string>>): Promise<Finished>;
  /** Starts a machine that is called `name` on the network, and lets this user in. */
  start(name: string, options: ContainerOptions): Promise<Container>;
  /** As people do it by hand: what withssh prints for this name goes into ~/.ssh. From then on `ssh ALIAS` works. */
  learn(name: string, machine: Container): Promise<void>;
}

/** Host keys are held to known_hosts and nobody is asked anything, whatever the client program thinks of that. */
const SYSTEM_CONFIG = "Host *\n  BatchMode yes\n  StrictHostKeyChecking yes\n";

/** What ends the scripts: a client program that waits for an answer would wait for ever. */
const DEADLINE_S = 50;

/** @param image one of `buildClientImages`; `options` for its container, which is on a network of its own */
export async function startWorkstation(image: string, options: ContainerOptions = {}): Promise<Workstation> {
  const network = await makeNetwork();
  const container = await startContainer({
    ...options,
    image,
    entrypoint: ["sleep"],
    cmd: ["infinity"],
    network: { id: network, names: ["workstation"] },
    host: { Init: true, ...options.host },
  });
  const run: Workstation["run"] = async (script, env = {}) => {
    const variables = Object.entries({ LC_ALL: "C.UTF-8", ...env }).map(([name, value]) => `${name}=${value}`);
    const bash = ["bash", "-euo", "pipefail", "-c", `cd "$(mktemp -d)"\n${script}`];
    return await container.exec(["env", ...variables, "timeout", String(DEADLINE_S), ...bash]);
  };
  const made = await run(
    'mkdir -p -m 700 ~/.ssh; for type in ed25519 rsa; do ssh-keygen -q -t $type -N "" -f ~/.ssh/id_$type; done; printf %s "$CONFIG" > /etc/ssh/ssh_config; cat ~/.ssh/*.pub',
    { CONFIG: SYSTEM_CONFIG },
  );
  const publicLines = made.stdout;
  return {
    publicLines,
    run,
    async start(name, options) {
      const env = { AUTHORIZED_KEYS: publicLines, ...options.env };
      const machine = await startContainer({ ...options, env, network: { id: network, names: [name] } });
      await machine.waitForLogins();
      return machine;
    },
    async learn(name, machine) {
      const [lines, blocks] = await Promise.all([
        machine.exec(["withssh", "--known-hosts", `${name}:2222`]),
        machine.exec(["withssh", "--ssh-config", `${name}:2222`]),
      ]);
      const script = 'printf %s "$KNOWN" >> ~/.ssh/known_hosts; printf %s "$BLOCKS" >> ~/.ssh/config';
      await run(script, { KNOWN: lines.stdout, BLOCKS: blocks.stdout });
    },
  };
}

/** A workstation, and on each base a machine `BASE.example`, which is `BASE` in ~/.ssh/config. */
export async function startWithMachines(
  images: ClientImages,
  options: { readonly workstation?: ContainerOptions } = {},
): Promise<{ workstation: Workstation; machines: Record<Base, Container> }> {
  const workstation = await startWorkstation(images.workstation, options.workstation);
  const bases = Object.entries(images.machines) as [Base, string][];
  const started = bases.map(async ([base, image]) => {
    const machine = await workstation.start(`${base}.example`, { image });
    await workstation.learn(`${base}.example`, machine);
    return [base, machine] as const;
  });
  return { workstation, machines: Object.fromEntries(await Promise.all(started)) as Record<Base, Container> };
}
