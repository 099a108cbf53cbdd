/**
 * Every example is run as it is written: read from its file, turned into what the engine is asked for, and used by the
 * real clients. Who copies one gets what is tried here.
 */
import { chmod, chown, mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ensureDebianBase } from "../../scripts/base-images.ts";
import { run, sshArguments } from "../../scripts/ssh-client.ts";
import { buildImage, type ContainerOptions, makeVolume, runToEnd, startContainer } from "../support/boot.ts";
import { type Container, docker } from "../support/container.ts";
import { errorsOf, ourLines, waitForProcesses } from "../support/inside.ts";
import { makeDir, makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { buildTestImage, removeImage, SHOWN_DOCKERFILES } from "../support/test-images.ts";

const readExample = (name: string) => readFile(new URL(`../../examples/${name}`, import.meta.url), "utf8");

interface Service {
  readonly build: { readonly dockerfile?: string; readonly dockerfile_inline?: string };
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

/** The one service of a compose file, with AUTHORIZED_KEYS given as the shell would. */
async function readCompose(name: string, key: TestKey) {
  const file = Bun.YAML.parse(await readExample(name)) as { services: Record<string, Service> };
  const [service] = Object.values(file.services);
  if (service === undefined) throw new Error(`${name} has no service`);
  const entries = Object.entries(service.environment).map(([variable, value]) => [
    variable,
    value.startsWith("${AUTHORIZED_KEYS:?") ? key.publicLine : value,
  ]);
  return { service, env: Object.fromEntries(entries) as Record<string, string> };
}

/** Named volumes of its own for those of the service. */
const makeVolumes = (service: Service) =>
  Promise.all(service.volumes.map(async (volume) => `${await makeVolume()}:${volume.split(":")[1]}`));

/** What a Dockerfile adds to a base with sshd and withssh in it, as the test image is one. */
const additionsOf = (dockerfile = "") =>
  dockerfile.split("\n").filter((line) => /^(RUN (?!apt-get)|ENTRYPOINT|CMD|ENV|WORKDIR|EXPOSE)/.test(line));

/** `--healthcheck`, once it is there. */
async function checkHealth(container: Container, argv: readonly string[] | undefined): Promise<void> {
  expect(argv).toEqual(["withssh", "--healthcheck"]);
  const { code, stderr } = await container.exec(argv ?? []);
  if (!stderr.includes("not available in this version yet")) expect({ code, stderr }).toMatchObject({ code: 0 });
}

let shown = "";
beforeAll(async () => {
  shown = await buildTestImage(
    "debian",
    await ensureDebianBase(),
    inject("runId"),
    "shown-debian",
    SHOWN_DOCKERFILES.debian,
  );
});
afterAll(async () => await removeImage(shown));

test("compose: the app's user logs in, and a new container on the same volume is the same host", async () => {
  const key = await makeKey();
  const { service, env } = await readCompose("compose/compose.yaml", key);
  expect(service.build).toEqual({ context: "../..", dockerfile: SHOWN_DOCKERFILES.debian });
  expect(service.ports).toContain("127.0.0.1:2222:2222");
  const binds = await makeVolumes(service);
  const start = () => startContainer({ image: shown, env, binds });
  const first = await start();
  const { known_hosts: knownHosts, known_hosts_exact: isExact } = await first.waitForLogins();
  expect(isExact).toBe(true);
  expect(await ssh(first, { key, knownHosts, user: "app", command: "id -un" })).toMatchObject({ stdout: "app\n" });
  await checkHealth(first, service.healthcheck?.test.slice(1));
  expect(await first.stop()).toBe(0);
  const second = await start();
  await second.waitForReady();
  expect(await ssh(second, { key, knownHosts, user: "app", command: "true" })).toMatchObject({ code: 0 });
  expect(await errorsOf(second)).toEqual([]);
});

interface Pod {
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly securityContext: {
      readonly readOnlyRootFilesystem: boolean;
      readonly allowPrivilegeEscalation: boolean;
      readonly capabilities: { readonly drop: string[] };
    };
    readonly volumeMounts: readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly readOnly?: boolean;
    }[];
    readonly readinessProbe: { readonly exec: { readonly command: readonly string[] } };
  }[];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly defaultMode: number } }[];
}

/** A secret as the kubelet mounts it: a dated directory, `..data` that points to it, and a link for each name. */
async function writeSecret(dir: string, group: number, mode: number, files: Readonly<Record<string, string>>) {
  const version = `..${crypto.randomUUID()}`;
  await mkdir(join(dir, version));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dir, version, name), text);
    await chmod(join(dir, version, name), mode);
    await chown(join(dir, version, name), 0, group);
    await symlink(`..data/${name}`, join(dir, name)).catch(() => undefined);
  }
  await chmod(join(dir, version), 0o755);
  await symlink(version, join(dir, "..data_tmp"));
  await rename(join(dir, "..data_tmp"), join(dir, "..data"));
}

test("kubernetes: under restricted pod security with secrets as the kubelet mounts them, and a swapped secret counts", async () => {
  const [ina, ben, hostKey] = await Promise.all([makeKey(), makeKey(), makeKey()]);
  const documents = Bun.YAML.parse(await readExample("kubernetes/withssh.yaml")) as [
    { spec: { template: { spec: Pod } } },
  ];
  const pod = documents[0].spec.template.spec;
  const [app] = pod.containers;
  if (app === undefined) throw new Error("no container");
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = app.securityContext;
  expect({ readOnlyRootFilesystem, allowPrivilegeEscalation }).toEqual({
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  });
  const secrets = new Map<string, string>();
  for (const { name, secret } of pod.volumes) {
    if (secret === undefined) continue;
    const dir = await makeDir();
    await chmod(dir, 0o755);
    secrets.set(name, dir);
    const people = { ina: `${ina.publicLine}\n` };
    const files = name === "people" ? people : { host_key: await readFile(hostKey.path, "utf8") };
    await writeSecret(dir, fsGroup, secret.defaultMode, files);
  }
  const mounts = app.volumeMounts;
  const container = await startContainer({
    image: shown,
    cmd: app.args,
    env: Object.fromEntries(app.env.map(({ name, value }) => [name, value])),
    user: `${runAsUser}:${runAsGroup}`,
    binds: mounts.flatMap(({ name, mountPath, readOnly }) =>
      secrets.has(name) ? [`${secrets.get(name)}:${mountPath}${readOnly ? ":ro" : ""}`] : [],
    ),
    host: {
      ReadonlyRootfs: readOnlyRootFilesystem,
      CapDrop: capabilities.drop,
      SecurityOpt: ["no-new-privileges"],
      GroupAdd: [String(fsGroup)],
      Tmpfs: Object.fromEntries(mounts.flatMap(({ name, mountPath }) => (secrets.has(name) ? [] : [[mountPath, ""]]))),
    },
  });
  const { host_keys: hostKeys, known_hosts: knownHosts, users } = await container.waitForReady();
  expect([hostKeys.length, users]).toEqual([1, ["app"]]);
  expect(knownHosts).toContain(hostKey.publicLine.split(" ")[1]);
  const login = async (key: TestKey) => (await ssh(container, { key, knownHosts, user: "app", command: "true" })).code;
  expect([await login(ina), await login(ben)]).toEqual([0, 255]);
  await writeSecret(secrets.get("people") ?? "", fsGroup, 0o440, { ina: `${ben.publicLine}\n` });
  await container.waitForLog("authorized keys changed");
  expect([await login(ina), await login(ben)]).toEqual([255, 0]);
  await checkHealth(container, app.readinessProbe.exec.command);
  expect(await errorsOf(container)).toEqual([]);
});

test("fly: several machines are one host, the release command runs without SSH, and a suspended machine goes on", async () => {
  const [key, hostKey] = await Promise.all([makeKey(), makeKey()]);
  const config = Bun.TOML.parse(await readExample("fly/fly.toml")) as {
    app: string;
    env: Record<string, string>;
    deploy: { release_command: string };
    services: [{ internal_port: number; auto_stop_machines: string }];
  };
  expect(config.services[0]).toMatchObject({ internal_port: 2222, auto_stop_machines: "suspend" });
  const env = {
    ...config.env,
    AUTHORIZED_KEYS: key.publicLine,
    WITHSSH_HOST_KEYS: await readFile(hostKey.path, "utf8"),
    FLY_APP_NAME: config.app,
  };
  // Fly's own init is PID 1.
  const machine: ContainerOptions = { image: shown, env, host: { Init: true } };
  const released = await runToEnd({
    ...machine,
    env: { ...env, RELEASE_COMMAND: "1" },
    cmd: ["sh", "-c", `exec ${config.deploy.release_command}`],
  });
  expect(released).toMatchObject({ code: 0, stdout: "migrated\n" });
  expect(ourLines(released.stderr).map(({ msg }) => msg)).not.toContain("ssh ready");
  const machines = await Promise.all([startContainer(machine), startContainer(machine)]);
  const [one, two] = await Promise.all(machines.map((it) => it.waitForReady()));
  expect(one?.known_hosts).toBe(two?.known_hosts);
  expect(one?.known_hosts).toMatch(new RegExp(`^${config.app}\\.fly\\.dev ssh-ed25519 `));
  const [first] = machines;
  const login = { key, user: "app", knownHosts: one?.known_hosts ?? "" };
  for (const it of machines) expect(await ssh(it, { ...login, command: "id -un" })).toMatchObject({ stdout: "app\n" });
  const session = ssh(first, { ...login, command: "sleep 1001; echo end" });
  const isSleep = ({ command }: { command: string }) => command === "sleep 1001";
  const sleeping = (await waitForProcesses(first, (all) => all.some(isSleep))).find(isSleep);
  await docker("pause", first.id);
  await docker("unpause", first.id);
  await first.exec(["kill", String(sleeping?.pid)]);
  expect(await session).toMatchObject({ stdout: "end\n" });
  expect(await errorsOf(first)).toEqual([]);
});

test("gpu cloud: who rents the machine logs in by PUBLIC_KEY, and a volume that all may write keeps the identity", async () => {
  const key = await makeKey();
  const dockerfile = (await readExample("gpu-cloud/Dockerfile")).replaceAll(/\\\n\s*/g, "");
  const image = await buildImage({ base: "debian", lines: additionsOf(dockerfile) });
  const workspace = await makeDir();
  await chmod(workspace, 0o777);
  const start = () =>
    startContainer({
      image,
      env: { PUBLIC_KEY: key.publicLine, CUDA_VISIBLE_DEVICES: "0" },
      binds: [`${workspace}:/workspace`],
    });
  const first = await start();
  const { known_hosts: knownHosts } = await first.waitForLogins();
  const session = await ssh(first, { key, knownHosts, command: "echo $CUDA_VISIBLE_DEVICES; pwd" });
  expect(session).toMatchObject({ code: 0, stdout: "0\n/root\n" });
  expect(await first.waitForLog("accepted")).toMatchObject({ source: "PUBLIC_KEY" });
  await first.remove();
  const second = await start();
  await second.waitForReady();
  expect(await ssh(second, { key, knownHosts, command: "true" })).toMatchObject({ code: 0 });
  const owner = await second.exec(["stat", "-c", "%a %u", "/workspace/.ssh", "/workspace/.ssh/ssh_host_ed25519_key"]);
  expect(owner.stdout).toBe("700 0\n600 0\n");
  expect(await errorsOf(second)).toEqual([]);
});

describe("with no app", () => {
  /** Boots the one service of an example on its own Dockerfile's additions. */
  async function startExample(name: string, key: TestKey) {
    const { service, env } = await readCompose(name, key);
    const image = await buildImage({ base: "debian", lines: additionsOf(service.build.dockerfile_inline) });
    const container = await startContainer({ image, env, binds: await makeVolumes(service) });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    return { container, knownHosts };
  }

  test("bastion: people jump through it to the ports that it opens, and can do nothing on it", async () => {
    const key = await makeKey();
    const { container, knownHosts } = await startExample("bastion/compose.yaml", key);
    const login = (options: Partial<Parameters<typeof ssh>[1]>) =>
      ssh(container, { key, knownHosts, user: "jump", ...options });
    expect((await login({ args: ["-W", "127.0.0.1:2222"] })).stdout).toMatch(/^SSH-2\.0-OpenSSH/);
    expect(await login({ args: ["-W", "127.0.0.1:8080"] })).toMatchObject({ code: 255, stdout: "" });
    const shell = await login({ command: "id; cat /etc/passwd" });
    expect(shell.stdout).toBe("this is a bastion: jump through it with ssh -J\n");
    const remote = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"];
    expect((await login({ args: remote, command: "true" })).code).toBe(255);
    expect((await ssh(container, { key, knownHosts, command: "true" })).code).toBe(255);
    const warnings = ourLines((await container.logs()).stderr).filter(({ level }) => level === "warn");
    expect(warnings.filter(({ msg }) => msg.includes("no command"))).toEqual([]);
  });

  test("sftp: files go in and out below the chroot, and there is neither a shell nor forwarding", async () => {
    const key = await makeKey();
    const { container, knownHosts } = await startExample("sftp/compose.yaml", key);
    const path = join(await makeDir(), "known_hosts");
    await writeFile(path, knownHosts.replace(/^\S+/gm, "*"));
    const target = { host: "127.0.0.1", port: container.port, user: "partner", key: key.path, knownHosts: path };
    const args = sshArguments(target).map((argument) => (argument === "-p" ? "-P" : argument));
    const back = `${path}.back`;
    const stdin = `put ${path} in\nget in ${back}\ncd /\nls -1\n`;
    const copied = await run("sftp", ["-q", "-b", "-", ...args, "partner@127.0.0.1"], { stdin });
    expect(copied).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(back, "utf8")).toBe(await readFile(path, "utf8"));
    expect(copied.stdout.split("\n").filter((line) => !line.startsWith("sftp>") && line !== "")).toEqual(["files"]);
    const login = (options: Partial<Parameters<typeof ssh>[1]>) =>
      ssh(container, { key, knownHosts, user: "partner", ...options });
    expect((await login({ command: "id", stdin: "", timeoutMs: 5000 })).stdout).not.toContain("uid=");
    expect(await login({ args: ["-W", "127.0.0.1:2222"] })).toMatchObject({ code: 255, stdout: "" });
  });
});
