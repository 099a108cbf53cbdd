/**
 * The supervisor's start as a list of named stages, after those of wake.ts (docs/boot.md says why in this order). It
 * prepares everything and lets nothing listen: what comes out is a plan for sshd. A stage that cannot do its work throws `StageError`: SSH is down.
 */
import type { Account } from "./accounts.ts";
import { type AuthorizedKeys, collectKeys, writeKeys } from "./authorized-key-stages.ts";
import type { Config } from "./config.ts";
import type { Host } from "./host.ts";
import { install, restoreIdentity, selectHostKeySettings } from "./host-key-stages.ts";
import type { HostKeySettings, Identity } from "./host-keys.ts";
import { prepareOwnAccount } from "./login-rootless.ts";
import { prepareAccounts } from "./login-users.ts";
import { findPrograms, type Programs } from "./programs.ts";
import type { Request } from "./request.ts";
import { createStages } from "./stage.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { Woken } from "./wake.ts";
import { type WrittenConfig, writeSshdConfig } from "./write-sshd-config.ts";

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

/** Runs the stages that follow `wake`, in order. Throws `StageError` from the one that failed. */
export async function boot(host: Host, config: Config, request: Request, { state, sshd }: Woken): Promise<Plan> {
  const stage = createStages(host);
  const programs = await stage("findPrograms", () => findPrograms(host, sshd));
  const accounts = await stage("prepareAccounts", () => prepareLogins(host, config, request));
  const keys = await stage("collectAuthorizedKeys", () => collectKeys(host, config, accounts, state));
  const hostKeySettings = selectHostKeySettings(config, request, programs, state);
  const identity = await stage("restoreHostKeys", () => restoreIdentity(host, hostKeySettings));
  const installed = await stage("installHostKeys", () => install(host, hostKeySettings, identity.keys));
  await stage("writeAuthorizedKeys", () => writeKeys(host, state, keys));
  const parts = { programs, state, accounts, installed };
  const written = await stage("writeSshdConfig", () => writeSshdConfig(host, config, request, parts, true));
  return { programs, state, identity, hostKeySettings, accounts, keys, written };
}

function prepareLogins(host: Host, config: Config, request: Request): readonly Account[] {
  return request.mode === "rootless" ? prepareOwnAccount(host, config) : prepareAccounts(host, config, request);
}
