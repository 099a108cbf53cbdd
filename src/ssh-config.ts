/**
 * Blocks for a person's ~/.ssh/config: the app as a whole, and its single machines through it (ssh_config(5), ProxyJump).
 * Pure. Every machine of an app has one identity, so one known_hosts line serves all of them.
 */
import { type Address, SSH_PORT } from "./addresses.ts";

export interface SshConfigInput {
  /** What people dial. */
  readonly target: Address;
  /** Who logs in; undefined where nobody could say. */
  readonly user: string | undefined;
  /** Where sshd listens in each machine. */
  readonly portInside: number;
  /** Fly names a machine `ID.vm.APP.internal`, a region `REGION.APP.internal`. */
  readonly isFly: boolean;
}

export function renderSshConfig({ target, user, portInside, isFly }: SshConfigInput): string {
  const alias = aliasOf(target.host);
  const who = user === undefined ? [] : [`  User ${user}`];
  // As known_hosts spells it, so that a machine that is reached by another name is held to the same key.
  const known = target.port === SSH_PORT ? target.host.toLowerCase() : `[${target.host.toLowerCase()}]:${target.port}`;
  const lines = [
    `# put the lines of: withssh --known-hosts ${renderTarget(target)}   into ~/.ssh/known_hosts`,
    `Host ${alias}`,
    `  HostName ${target.host}`,
    `  Port ${target.port}`,
    ...who,
    "",
    ...(isFly
      ? [`# one machine: ssh MACHINE.vm.${alias}, or any of a region: ssh REGION.${alias}`]
      : [`# one machine, by the name that the app's own network has for it: ssh MACHINE.${alias}`]),
    `Host *.${alias}`,
    ...(isFly ? ["  HostName %h.internal"] : []),
    `  Port ${portInside}`,
    ...who,
    `  ProxyJump ${alias}`,
    `  HostKeyAlias ${known}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** The name's first part: `shop` of shop.fly.dev; an address has no name. */
function aliasOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? "app" : (host.split(".")[0] ?? "app").toLowerCase();
}

function renderTarget({ host, port }: Address): string {
  const bare = host.includes(":") ? `[${host}]` : host;
  return port === SSH_PORT ? host : `${bare}:${port}`;
}
