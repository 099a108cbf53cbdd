/**
 * The stages of host keys: restore (or make) the identity, copy it to where sshd reads it. Without an identity
 * there is no SSH: sshd must never make up one of its own.
 */
import type { Config, TextSource } from "./config.ts";
import type { Host } from "./host.ts";
import type { HostKey } from "./host-key-files.ts";
import { restoreGivenHostKeys } from "./host-key-given.ts";
import { type InstalledHostKey, installHostKeys, installPublicHalves } from "./host-key-install.ts";
import {
  type HostKeySettings,
  type Identity,
  restoreHostKeys,
  restoreOrMakeHostKeys,
  savePublicHalves,
} from "./host-keys.ts";
import { IMAGE_SSH_DIRECTORY } from "./paths.ts";
import type { Programs } from "./programs.ts";
import type { Request } from "./request.ts";
import { settings as allSettings } from "./settings.ts";
import { orThrow } from "./stage.ts";
import type { StateDirectory } from "./state-directory.ts";
import { readTextSource } from "./text-source.ts";

const STAGE = "restoreHostKeys";

/** What the host keys of this start depend on, out of everything that is known by now. */
export function selectHostKeySettings(
  config: Config,
  request: Request,
  programs: Programs,
  state: StateDirectory,
): HostKeySettings {
  return {
    volume: config.volume,
    given: config.hostKeys,
    adoptImageKeys: config.adoptImageKeys,
    imageDir: IMAGE_SSH_DIRECTORY,
    // Without root nothing of /etc is written, not even where an image gave it to this user.
    installInImage: request.mode !== "rootless",
    keygen: programs.keygen,
    privateDir: state.private,
    app: { uid: request.appUid, gids: [request.appGid, ...request.appGroups] },
  };
}

/** The identity that is there already; undefined where it is to be made. Throws `StageError` where it cannot be used. */
export async function restoreIdentity(host: Host, settings: HostKeySettings): Promise<Identity | undefined> {
  if (settings.given !== undefined) return restoreGiven(host, settings, settings.given);
  const found = await restoreHostKeys(host, settings);
  return found && orThrow(found, STAGE);
}

/** The identity to serve, made where there is none. Throws `StageError` where there can be none. */
export async function restoreOrMakeIdentity(host: Host, settings: HostKeySettings): Promise<Identity> {
  if (settings.given !== undefined) return restoreGiven(host, settings, settings.given);
  return orThrow(await restoreOrMakeHostKeys(host, settings), STAGE);
}

async function restoreGiven(host: Host, settings: HostKeySettings, given: TextSource): Promise<Identity> {
  const { keygen, privateDir } = settings;
  const { name } = allSettings.hostKeys;
  const { bytes } = orThrow(readTextSource(host, given, name), STAGE) as { bytes: Uint8Array };
  return orThrow(await restoreGivenHostKeys({ host, keygen, privateDir }, name, bytes), STAGE);
}

/** Copies the host keys to where sshd reads them. Throws `StageError` where no place can be written. */
export function install(host: Host, settings: HostKeySettings, keys: readonly HostKey[]): readonly InstalledHostKey[] {
  const imageDir = settings.installInImage ? settings.imageDir : undefined;
  const places = { imageDir, privateDir: settings.privateDir };
  return orThrow(installHostKeys(host, places, keys), "installHostKeys");
}

/** Puts the public halves beside the private ones, where sshd reads them and on the volume, for people: nobody waits for it. */
export function writePublicHalves(
  host: Host,
  settings: HostKeySettings,
  keys: readonly HostKey[],
  installed: readonly InstalledHostKey[],
): void {
  installPublicHalves(host, installed, keys);
  if (settings.given === undefined) savePublicHalves(host, settings, { keys });
}
