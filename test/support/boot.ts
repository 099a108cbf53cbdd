/**
 * Boots real containers for integration tests. Waiting is always for an event, with a deadline; nothing sleeps.
 * Whatever a test file starts here is gone when the file has ended, also when its tests failed.
 */
import { GenericContainer } from "testcontainers";
import { afterAll, inject } from "vitest";
import { type Finished, run } from "../../scripts/ssh-client.ts";
import { type Container, DEADLINE_MS, docker, openHandle } from "./container.ts";
import type { Base } from "./test-images.ts";

type CreateOptions = GenericContainer["createOpts"];
type HostConfig = GenericContainer["hostConfig"];

const LABEL = "withssh.test";
/** Of this test file: the engine's old builder takes layers of another file's images for its own, and that file removes them. */
const BUILDER = crypto.randomUUID();

/** The bases that can be tried on this machine: `describe.each(bases)("on %s", (base) => ...)`. */
export const bases = Object.keys(inject("images")) as Base[];

export interface ContainerOptions {
  /** Debian unless said. */
  readonly base?: Base;
  /** An image of the test's own (see `buildImage`), in place of `base`. */
  readonly image?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the image's CMD. */
  readonly cmd?: readonly string[];
  /** In place of the image's ENTRYPOINT, which is `withssh` alone. */
  readonly entrypoint?: readonly string[];
  /** A volume (see `makeVolume`) for /volume. */
  readonly volume?: string;
  /** As docker's `-v`: `host path or volume:path[:ro]`. */
  readonly binds?: readonly string[];
  readonly user?: string;
  /** A network of the test's own (see `makeNetwork`), and what this container is called there. */
  readonly network?: { readonly id: string; readonly names: readonly string[] };
  /** Anything else of the engine's API: `{ ReadonlyRootfs: true, Init: true, CapDrop: ["ALL"], SecurityOpt: [...] }`. */
  readonly host?: HostConfig;
  /** As above, for the container itself: `{ Tty: true, OpenStdin: true, StopSignal: "SIGINT" }`. */
  readonly create?: Partial<CreateOptions>;
}

/** testcontainers leaves out some of the engine's options; a test may need any. */
class Boot extends GenericContainer {
  constructor(image: string, host: HostConfig, create: Partial<CreateOptions>) {
    super(image);
    this.hostConfig = { ...this.hostConfig, ...host };
    this.createOpts = { ...this.createOpts, ...create };
  }
}

/** Tests wait for log lines themselves: a container may be meant to end at once, or never to listen. */
const noWait = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => noWait,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => DEADLINE_MS,
};

const removals: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const remove of removals.splice(0).reverse()) await remove();
});

/** Starts a container, port 2222 published unless it is on a network of the test's. For one that ends at once use `runToEnd`. */
export async function startContainer(options: ContainerOptions = {}): Promise<Container> {
  return await boot(options, options.network === undefined ? ["2222"] : []);
}

/** Starts a container that is meant to end by itself, and waits for that. No port is published. */
export async function runToEnd(options: ContainerOptions = {}, deadlineMs = DEADLINE_MS): Promise<Finished> {
  const container = await boot(options, []);
  const code = await container.waitForExit(deadlineMs);
  return { code, ...(await container.logs()) };
}

/** A named volume, empty. */
export async function makeVolume(): Promise<string> {
  const name = await docker("volume", "create", "--label", `${LABEL}=${inject("runId")}`);
  removals.push(() => run("docker", ["volume", "rm", "--force", name]));
  return name;
}

/** A network of its own, whose containers find each other by name. */
export async function makeNetwork(): Promise<string> {
  const id = await docker(
    "network",
    "create",
    "--label",
    `${LABEL}=${inject("runId")}`,
    `withssh-${crypto.randomUUID()}`,
  );
  removals.push(() => run("docker", ["network", "rm", id]));
  return id;
}

/** Builds an image on the test image of `base` (or on nothing but `from`): `lines` are a Dockerfile's, after FROM. */
export async function buildImage(options: { base?: Base; from?: string; lines: readonly string[] }): Promise<string> {
  const from = options.from ?? testImage(options.base);
  const tag = `withssh-test-own:${crypto.randomUUID()}`;
  const args = ["build", "--quiet", "--network=host", "--label", `${LABEL}=${inject("runId")}`, "--tag", tag, "-"];
  const stdin = [`FROM ${from}`, `LABEL withssh.builder=${BUILDER}`, ...options.lines].join("\n");
  const built = await run("docker", args, { stdin, timeoutMs: 110_000 });
  if (built.code !== 0) throw new Error(`docker build ended with ${built.code} — saw ${built.stdout}${built.stderr}`);
  removals.push(() => run("docker", ["rmi", "--force", tag]));
  return tag;
}

function testImage(base: Base = "debian"): string {
  const image = inject("images")[base];
  if (image === undefined) throw new Error(`there is no ${base} image on this machine — hint: use \`bases\``);
  return image;
}

async function boot(options: ContainerOptions, ports: readonly string[]): Promise<Container> {
  if (!inject("hasRyuk")) process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  const port = { HostIp: "127.0.0.1", HostPort: "" };
  const binds = [...(options.volume === undefined ? [] : [`${options.volume}:/volume`]), ...(options.binds ?? [])];
  const { network } = options;
  const wanted = new Boot(
    options.image ?? testImage(options.base),
    {
      Binds: binds,
      PortBindings: Object.fromEntries(ports.map((inside) => [`${inside}/tcp`, [port]])),
      ...(network === undefined ? {} : { NetworkMode: network.id }),
      ...options.host,
    },
    {
      Labels: { [LABEL]: inject("runId") },
      ...(options.user === undefined ? {} : { User: options.user }),
      ...(network === undefined
        ? {}
        : { NetworkingConfig: { EndpointsConfig: { [network.id]: { Aliases: [...network.names] } } } }),
      ...options.create,
    },
  )
    .withEnvironment({ ...options.env })
    .withAutoRemove(false)
    .withWaitStrategy(noWait);
  if (options.cmd !== undefined) wanted.withCommand([...options.cmd]);
  if (options.entrypoint !== undefined) wanted.withEntrypoint([...options.entrypoint]);
  const started = await wanted.start();
  removals.push(() => run("docker", ["rm", "--force", "--volumes", started.getId()]));
  return await openHandle(started.getId());
}
