/**
 * Internet addresses and `host[:port]` as people write them. Pure, without node:net, because it runs before the app.
 * What passes here is safe in sshd_config, known_hosts and ssh_config: no blanks, line breaks, wildcards or options.
 */

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The port that ssh dials when none is named (ssh(1), -p). */
export const SSH_PORT = 22;

/** A TCP port in plain decimal digits, 1 to 65535; undefined for anything else. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

/** Four decimal bytes without leading zeros (inet_pton(3)). */
function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** RFC 4291 section 2.2, all three text forms; no zone and no brackets. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [nth, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [at, part] of parts.entries()) {
      const last = nth === halves.length - 1 && at === parts.length - 1;
      if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1;
      else if (last && isIpv4(part)) groups += 2;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

/** An IPv4 or IPv6 literal, the latter also in brackets; returned without them. Undefined for anything else. */
export function parseIp(text: string): string | undefined {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIpv6(bare)) return bare;
  return bare === text && isIpv4(text) ? text : undefined;
}

/** A host name: labels of RFC 1123 section 2.1, and underscores, which compose services have; at most 253 characters. */
function isHostName(text: string): boolean {
  const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
  return text.length <= 253 && text.split(".").every((part) => label.test(part));
}

/** `name`, `name:2022`, `192.0.2.1`, `[2001:db8::1]:2022` or a bare IPv6 address; port 22 when left out. */
export function parseAddress(text: string): Address | undefined {
  const bareIp = parseIp(text);
  if (bareIp !== undefined) return { host: bareIp, port: SSH_PORT };
  const colon = text.lastIndexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? SSH_PORT : parsePort(text.slice(colon + 1));
  if (port === undefined) return undefined;
  if (name.startsWith("[")) {
    const host = parseIp(name);
    return host === undefined ? undefined : { host, port };
  }
  // An all-digit last label would be a broken IPv4 address (RFC 3696 section 2), not a name.
  const isName = isHostName(name) && !/(?:^|\.)[0-9]+$/.test(name);
  return isName || isIpv4(name) ? { host: name, port } : undefined;
}
