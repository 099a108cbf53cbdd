/**
 * What changes while we run: keys, host keys and config are read again when their files change, proved, and put in force.
 * Where SSH is down every change is a reason to try again. What cannot be read or proved leaves what is in force.
 */
import { recollectKeys, writeKeys } from "./authorized-key-stages.ts";
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import { isOsError, type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { certificateFileName, HOST_KEY_TYPES, type HostKey, keyFileName } from "./host-key-files.ts";
import { refreshHostKeys, toolsFor } from "./host-key-refresh.ts";
import { install } from "./host-key-stages.ts";
import { makeSlowHostKey } from "./host-keys.ts";
import { IMAGE_SSHD_CONFIG, NEXT_CONFIG_NAME } from "./paths.ts";
import type { Request } from "./request.ts";
import { isMountedFile, startWatcher, type WatchedPaths, type Watcher } from "./watcher.ts";
import { putInForce, writeSshdConfig } from "./write-sshd-config.ts";

export type Topic = "keys" | "host keys" | "config";

/** What a change acts on. */
export interface Live {
  readonly host: Host;
  readonly config: Config;
  readonly request: Request;
  /** Undefined while SSH is down. */
  readonly plan: () => Plan | undefined;
  /** Another start of SSH, from the first stage on. */
  readonly bringUp: () => Promise<void>;
  /** Why this plan's config is no good; empty when sshd would keep every promise under it. */
  readonly prove: (plan: Plan) => Promise<readonly Problem[]>;
  /** The plan that counts from now on; `reload`: sshd has to read its config again. */
  readonly adopt: (plan: Plan, options: { reload: boolean }) => void;
  /** Resolves once sshd listens: before that a SIGHUP would end it. */
  readonly ready: Promise<void>;
}

/** Watches until the result is closed. Changes are worked off one after the other. */
export function startLive(live: Live): Watcher {
  let work = Promise.resolve();
  const enqueue = (job: () => Promise<void>) => {
    work = work.then(job);
  };
  live.ready.then(() => enqueue(() => joinSlowHostKeys(live)));
  warnOfMountedFiles(live);
  return startWatcher(watchedPaths(live), (topics) => enqueue(() => applyChanges(live, topics)));
}

/** Puts what changed in force. Never throws: a change that cannot be had is told. */
export async function applyChanges(live: Live, topics: readonly Topic[]): Promise<void> {
  const { host } = live;
  try {
    if (live.plan() === undefined) return await live.bringUp();
    if (topics.includes("keys")) changeKeys(live);
    if (topics.includes("host keys")) await changeHostKeys(live);
    if (topics.includes("config")) await changeConfig(live);
  } catch (error) {
    if (!(error instanceof StageError) && !isOsError(error)) throw error;
    const problem = error instanceof StageError ? error.problem : { what: error.message };
    host.emit({ type: "change refused", problem });
  }
}

function changeKeys({ host, config, plan, adopt }: Live): void {
  const before = plan();
  if (before === undefined) return;
  const keys = recollectKeys(host, config, before.accounts, before.keys);
  writeKeys(host, before.state, keys);
  adopt({ ...before, keys }, { reload: false });
}

async function changeHostKeys(live: Live): Promise<void> {
  const { host } = live;
  const before = live.plan();
  if (before === undefined) return;
  const { hostKeySettings, identity } = before;
  const tools = toolsFor(host, hostKeySettings);
  const { keys, changed, problems } = await refreshHostKeys(tools, hostKeySettings.volume, identity.keys);
  for (const problem of problems) host.emit({ type: "warning", problem });
  if (!changed) return;
  const isAdopted = await changeConfig(live, { ...before, identity: { ...identity, keys } });
  if (!isAdopted) return;
  const hostKeys = keys.map(({ algorithm, fingerprint }) => ({ type: algorithm, fingerprint }));
  host.emit({ type: "host keys changed", hostKeys });
}

/** Makes what a first start did not wait for, and lets sshd take it up by one SIGHUP. */
async function joinSlowHostKeys(live: Live): Promise<void> {
  const plan = live.plan();
  if (plan === undefined) return;
  const joined: HostKey[] = [];
  for (const type of plan.identity.missing) {
    const key = await makeSlowHostKey(live.host, plan.hostKeySettings, type, plan.identity);
    if (key !== undefined) joined.push(key);
  }
  if (joined.length === 0) return;
  const keys = [...plan.identity.keys, ...joined];
  if (!(await changeConfig(live, { ...plan, identity: { ...plan.identity, keys, missing: [] } }))) return;
  for (const { algorithm, fingerprint } of joined) {
    live.host.emit({ type: "host key joined", hostKey: { type: algorithm, fingerprint } });
  }
}

/** Renders the config for `plan` anew, proves these very bytes, and lets sshd take them up. False: they were refused. */
async function changeConfig(live: Live, plan = live.plan()): Promise<boolean> {
  const { host, config, request } = live;
  const before = live.plan();
  if (plan === undefined || before === undefined) return false;
  const installed = install(host, plan.hostKeySettings, plan.identity.keys);
  const written = await writeSshdConfig(host, config, request, { ...plan, installed }, false, NEXT_CONFIG_NAME);
  const problems = await live.prove({ ...plan, written });
  for (const problem of problems) host.emit({ type: "change refused", problem });
  if (problems.length > 0) return false;
  live.adopt({ ...plan, written: putInForce(plan.state, written) }, { reload: true });
  if (plan === before) host.emit({ type: "config changed" });
  return true;
}

function watchedPaths({ config, plan }: Live): readonly WatchedPaths<Topic>[] {
  const identity = HOST_KEY_TYPES.flatMap((type) => [keyFileName(type), certificateFileName(type)]);
  const included = (plan()?.written.lines ?? []).map(({ file }) => file).filter((file) => file.startsWith("/etc/"));
  const operator = config.sshdConfig !== undefined && "file" in config.sshdConfig ? [config.sshdConfig.file] : [];
  const configs = new Set([IMAGE_SSHD_CONFIG, `${IMAGE_SSHD_CONFIG}.d`, ...included, ...operator]);
  return [
    { topic: "keys", paths: [config.authorizedKeysFile.path] },
    { topic: "host keys", paths: identity.map((name) => `${config.volume}/.ssh/${name}`) },
    { topic: "config", paths: [...configs] },
  ];
}

function warnOfMountedFiles({ host, config }: Live): void {
  const { path } = config.authorizedKeysFile;
  if (!isMountedFile(path)) return;
  const what = `${path} is mounted as a single file: another file put in its place is never seen here`;
  host.emit({ type: "warning", problem: { what, hint: "mount the directory that it lies in" } });
}
