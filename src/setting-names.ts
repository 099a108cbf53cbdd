/**
 * Judges the names in the environment: a mistyped name of ours is an error with the nearest real one, so that no
 * setting is lost in silence. Kubernetes' service links look like ours and are only warned about. Never reads secrets.
 */
import type { Problem } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";
import type { Setting } from "./settings.ts";
import { allSettings, fileForm, PREFIX, settings } from "./settings.ts";

/** Every name that means something, file forms included. */
function realNames(): string[] {
  return allSettings.flatMap((row) => (row.fileForm ? [row.name, fileForm(row)] : [row.name]));
}

/** True for the name of a setting or of its file form. */
export function isRealName(name: string): boolean {
  return allSettings.some((row) => row.name === name || (row.fileForm && fileForm(row) === name));
}

/**
 * True for what the kubelet injects for a Service called `withssh` or `withssh-something`
 * (kubernetes.io/docs/concepts/services-networking/service, "Environment variables").
 */
export function isServiceLink(name: string, value: string): boolean {
  if (name === settings.port.name) return value.includes("://") && /^(?:tcp|udp|sctp):\/\//.test(value);
  const rest = name.startsWith(PREFIX) ? `_${name.slice(PREFIX.length)}` : "";
  return (
    /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(rest) ||
    /_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(rest) ||
    (rest.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}

const LINK_HINT = "set enableServiceLinks: false in the pod, or rename the Service";

const KEYS_PREFIX = `${settings.authorizedKeys.name}_`;

function unknownName(name: string): Problem {
  const base = allSettings.find((row: Setting) => fileForm(row) === name);
  if (base !== undefined) return { what: `${base.name} has no file form ${name}`, hint: `set ${base.name} itself` };
  const near = nearestName(name, realNames(), PREFIX);
  const hint = near === undefined ? "remove it; withssh --help lists the settings" : `did you mean ${near}?`;
  return { what: `${name} is not a setting`, hint };
}

/** What is wrong with names, and what is only odd. `keyVariables` are names that the operator said hold keys. */
export function judgeNames(
  env: ReadonlyMap<string, string>,
  keyVariables: readonly string[],
): { problems: Problem[]; warnings: Problem[] } {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const links: string[] = [];
  for (const [name, value] of env) {
    const isOurs = name.startsWith(PREFIX);
    if (!isOurs && !name.startsWith(KEYS_PREFIX)) continue;
    if (isRealName(name)) {
      if (name !== settings.port.name || !isServiceLink(name, value)) continue;
      const what = `${name} is a Kubernetes service link and is ignored: port ${settings.port.fallback} is used`;
      warnings.push({ what, hint: LINK_HINT });
    } else if (!isOurs) {
      // Not our prefix, so it may be somebody else's: only what is nearly ours is worth a line.
      const near = keyVariables.includes(name) ? undefined : nearestName(name, realNames(), KEYS_PREFIX);
      if (near !== undefined) warnings.push({ what: `${name} is not a setting`, hint: `did you mean ${near}?` });
    } else if (isServiceLink(name, value)) links.push(name);
    else problems.push(unknownName(name));
  }
  if (links.length > 0) {
    const what = `variables that look like Kubernetes service links are ignored: ${links.slice(0, 3).join(", ")}`;
    warnings.push({ what: links.length > 3 ? `${what} and ${links.length - 3} more` : what, hint: LINK_HINT });
  }
  return { problems, warnings };
}
