/**
 * The supervisor's start as a list of named stages, after those of wake.ts (docs/boot.md says why in this order). It
 * prepares everything and lets nothing listen: what comes out is a plan for sshd. A stage that cannot do its work throws `StageError`: SSH is down.
 */
import type { Account } from "./accounts.ts";
import type { AuthorizedKeys } from "./authorized-key-stages.ts";
import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import {
  install,
  restoreIdentity,
  restoreOrMakeIdentity,
  selectHostKeySettings,
  writePublicHalves,
} from "./host-key-stages.ts";
import type { HostKeySettings, Identity } from "./host-keys.ts";
import { prepareOwnAccount } from "./login-rootless.ts";
import { prepareAccounts } from "./login-users.ts";
import { findPrograms, type Programs } from "./programs.ts";
import type { Request } from "./request.ts";
import { createStages } from "./stage.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { Woken } from "./wake.ts";
import { type WrittenConfig, writeLoginPath, writeSshdConfig } from "./write-sshd-config.ts";

/** Everything that running sshd takes, prepared. */
export interface Plan {
  readonly programs: Programs;
  readonly state: StateDirectory;
  readonly identity: Identity;
  readonly hostKeySettings: HostKeySettings;
  readonly accounts: readonly Account[];
  readonly keys: AuthorizedKeys;
  readonly written: WrittenConfig;
}

/** What an sshd that waits is told between the stages. */
export interface Doorkeeper {
  /** It loads what it needs itself under this config, and lets nobody in yet. */
  load(written: WrittenConfig): void;
  /** All that logins go by is there: under this config it may let people in, where it needs no proof first. */
  admit(written: WrittenConfig): void | Promise<void>;
}

const NOBODY_WAITS: Doorkeeper = { load: () => {}, admit: () => {} };

/**
 * Runs the stages that follow `wake`, in order. Throws `StageError` from the one that failed. Where there is an identity
 * already, sshd begins before the keys of logins are there; one that is to be made waits for them.
 */
export async function boot(
  host: Host,
  config: Config,
  request: Request,
  { state, sshd }: Woken,
  door: Doorkeeper = NOBODY_WAITS,
): Promise<Plan> {
  const stage = createStages(host);
  // Where an identity is there sshd does not wait for this either.
  const keyStages = () => import("./authorized-key-stages.ts");
  const collect = () =>
    stage("collectAuthorizedKeys", async () => (await keyStages()).collectKeys(host, config, accounts, state));
  const programs = await stage("findPrograms", () => findPrograms(host, sshd));
  const accounts = await stage("prepareAccounts", () => prepareLogins(host, config, request));
  const hostKeySettings = selectHostKeySettings(config, request, programs, state);
  const restored = await stage("restoreHostKeys", () => restoreIdentity(host, hostKeySettings));
  const early = restored === undefined ? await collect() : undefined;
  const identity = restored ?? (await stage("makeHostKeys", () => restoreOrMakeIdentity(host, hostKeySettings)));
  const installed = await stage("installHostKeys", () => install(host, hostKeySettings, identity.keys));
  const parts = { programs, state, accounts, installed };
  const { load } = door;
  const written = await stage("writeSshdConfig", () => writeSshdConfig(host, config, request, parts, { load }));
  const keys = early ?? (await collect());
  await stage("writeAuthorizedKeys", async () => (await keyStages()).writeKeys(host, state, keys));
  await stage("writeLoginPath", () => writeLoginPath(host, written));
  await door.admit(written);
  await stage("savePublicHalves", () => writePublicHalves(host, hostKeySettings, identity.keys, installed));
  return { programs, state, identity, hostKeySettings, accounts, keys, written };
}

function prepareLogins(host: Host, config: Config, request: Request): readonly Account[] {
  return request.mode === "rootless" ? prepareOwnAccount(host, config) : prepareAccounts(host, config, request);
}
