/**
 * `--known-hosts` and `--ssh-config`: what people put into their own ~/.ssh, from the running supervisor or, where none
 * runs yet, from the host keys themselves. Public halves alone.
 */
import type { Address } from "./addresses.ts";
import { DIGITS, isMadeOf } from "./byte-strings.ts";
import { type Config, parseConfig } from "./config.ts";
import { writeAll } from "./descriptors.ts";
import { EXIT, SettingsError, StageError } from "./errors.ts";
import { readPublicHostKeys } from "./host-key-public.ts";
import { type PublicHostKey, renderKnownHostsLine } from "./known-hosts.ts";
import { createNativeHost } from "./native-host.ts";
import { Children } from "./processes.ts";
import { settings } from "./settings.ts";
import { renderSshConfig } from "./ssh-config.ts";
import { askStatus } from "./status-ask.ts";

type Environment = ReadonlyMap<string, string>;

const STDOUT = 1;

/** One line for each host key. Throws `SettingsError` where nobody said what clients dial, `StageError` where there is no key. */
export async function printKnownHosts(environment: Environment, targets: readonly Address[]): Promise<number> {
  const { config } = parseConfig(environment);
  const addresses = targets.length > 0 ? targets : config.publicAddress === undefined ? [] : [config.publicAddress];
  if (addresses.length === 0) {
    const hint = `name it: withssh --known-hosts HOST[:PORT], or set ${settings.publicAddress.name}`;
    throw new SettingsError([{ what: "nobody said what clients dial", hint }]);
  }
  const keys = await findHostKeys(environment, config);
  print(keys.map((key) => `${renderKnownHostsLine(addresses, key)}\n`).join(""));
  return EXIT.ok;
}

/** The blocks for the app and, through it, for single machines. */
export function printSshConfig(environment: Environment, target: Address): number {
  const { config } = parseConfig(environment);
  const answer = askStatus(environment);
  const user = "document" in answer ? answer.document.users[0] : config.users?.find((name) => !isMadeOf(name, DIGITS));
  print(renderSshConfig({ target, user, portInside: config.port, isFly: environment.has("FLY_APP_NAME") }));
  return EXIT.ok;
}

async function findHostKeys(environment: Environment, config: Config): Promise<readonly PublicHostKey[]> {
  const answer = askStatus(environment);
  if ("document" in answer && answer.document.host_keys.length > 0) {
    return answer.document.host_keys.map(({ type, public_key: blob }) => ({ keyType: type, blob }));
  }
  const host = createNativeHost(new Children(), () => {});
  const keys = await readPublicHostKeys(host, config);
  if (keys.length > 0) return keys;
  const what = "there is no host key to tell of";
  const hint =
    "a first start makes them; those on the volume root can read: docker exec --user root CONTAINER withssh --known-hosts";
  const saw = "problem" in answer ? answer.problem.what : "a supervisor whose ssh is not up";
  throw new StageError("findHostKeys", { what, saw, hint });
}

const print = (text: string): void => writeAll(STDOUT, Buffer.from(text, "utf8"), "print");
