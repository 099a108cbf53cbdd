/**
 * What changes while we run: keys, host keys and config are read again when their files change, proved, and put in force.
 * Where SSH is down every change is a reason to try again. What cannot be read or proved leaves what is in force.
 */

import { readUrls, recollectKeys, writeKeys } from "./authorized-key-stages.ts";
import type { Plan } from "./boot.ts";
import type { Config, TextSource } from "./config.ts";
import { isOsError, type Problem, StageError } from "./errors.ts";
import { describeHostKey } from "./fingerprint.ts";
import type { Host } from "./host.ts";
import { certificateFileName, HOST_KEY_TYPES, type HostKey, keyFileName } from "./host-key-files.ts";
import { installPublicHalves } from "./host-key-install.ts";
import { refreshHostKeys } from "./host-key-refresh.ts";
import { install, restoreOrMakeIdentity } from "./host-key-stages.ts";
import { makeSlowHostKey } from "./host-keys.ts";
import { writeUrlCopy } from "./key-url.ts";
import { startUrlRefresh } from "./key-url-refresh.ts";
import { openState } from "./open-state.ts";
import { IMAGE_SSHD_CONFIG, NEXT_CONFIG_NAME } from "./paths.ts";
import type { Request } from "./request.ts";
import { giveMemoryBackSoon } from "./thrift.ts";
import { readUrlRoots } from "./url-roots.ts";
import { hasChangedSince, isMountedFile, startWatcher, type WatchedPaths, type Watcher } from "./watcher.ts";
import { putInForce, writeLoginPath, writeSshdConfig } from "./write-sshd-config.ts";

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
  readonly adopt: (plan: Plan, options: { reload: boolean }) => Promise<void>;
  /** Resolves once sshd listens: before that a SIGHUP would end it. */
  readonly ready: Promise<void>;
  /** When the first stage began, in milliseconds since the epoch. */
  readonly beganMs: number;
}

/** Watches until the result is closed. Changes are worked off one after the other. */
export function startLive(live: Live): Watcher {
  let work: Promise<unknown> = Promise.resolve();
  const enqueue = (job: () => Promise<void>) => {
    work = work.then(() => tellRefusal(live, job)).then(giveMemoryBackSoon);
  };
  live.ready
    .then(() => tellRefusal(live, () => makeSlowHostKeys(live)))
    .then((made = []) => enqueue(() => joinHostKeys(live, made)));
  warnOfMountedFiles(live);
  followUrls(live, () => enqueue(() => applyChanges(live, ["keys"])));
  const watcher = startWatcher(watchedPaths(live), (topics) => enqueue(() => applyChanges(live, topics)));
  // What was changed after the stages had read it, and before anybody watched.
  if (haveKeysChanged(live)) enqueue(() => applyChanges(live, ["keys"]));
  return watcher;
}

function haveKeysChanged({ config, plan, beganMs }: Live): boolean {
  const { path } = config.authorizedKeysFile;
  const wasThere = plan()?.keys.keys.some(({ sources }) => sources.some((source) => source.startsWith(path))) === true;
  return hasChangedSince(path, beganMs, wasThere);
}

async function applyChanges(live: Live, topics: readonly Topic[]): Promise<void> {
  if (live.plan() === undefined) return await live.bringUp();
  if (topics.includes("keys")) await changeKeys(live);
  if (topics.includes("host keys")) await changeHostKeys(live);
  if (topics.includes("config")) await changeConfig(live);
}

/** Tells what could not be put in force; only a bug is thrown. */
async function tellRefusal<T>({ host }: Live, job: () => Promise<T>): Promise<T | undefined> {
  try {
    return await job();
  } catch (error) {
    if (!(error instanceof StageError) && !isOsError(error)) throw error;
    const problem = error instanceof StageError ? error.problem : { what: error.message };
    host.emit({ type: "change refused", problem });
    return undefined;
  }
}

async function changeKeys({ host, config, plan, adopt }: Live): Promise<void> {
  const before = plan();
  if (before === undefined) return;
  const keys = recollectKeys(host, config, before.accounts, before.state, before.keys);
  writeKeys(host, before.state, keys);
  await adopt({ ...before, keys }, { reload: false });
}

async function changeHostKeys(live: Live): Promise<void> {
  const { host } = live;
  const before = live.plan();
  if (before === undefined) return;
  const { hostKeySettings, identity } = before;
  const { keygen, privateDir } = hostKeySettings;
  const { keys, changed, problems } =
    hostKeySettings.given === undefined
      ? await refreshHostKeys({ host, keygen, privateDir }, hostKeySettings.volume, identity)
      : { ...(await restoreOrMakeIdentity(host, hostKeySettings)), changed: true, problems: [] };
  for (const problem of problems) host.emit({ type: "warning", problem });
  if (!changed) return;
  const isAdopted = await changeConfig(live, { ...before, identity: { ...identity, keys } });
  if (!isAdopted) return;
  host.emit({ type: "host keys changed", hostKeys: keys.map(describeHostKey) });
}

/** Makes what a first start did not wait for. No other change waits for it: rsa takes seconds where the machine is busy. */
async function makeSlowHostKeys({ host, plan }: Live): Promise<readonly HostKey[]> {
  const { identity, hostKeySettings } = plan() ?? {};
  if (identity === undefined || hostKeySettings === undefined) return [];
  const made: HostKey[] = [];
  for (const type of identity.missing) {
    const key = await makeSlowHostKey(host, hostKeySettings, type, identity);
    if (key !== undefined) made.push(key);
  }
  return made;
}

/** Lets sshd take up what was made, by one SIGHUP. */
async function joinHostKeys(live: Live, made: readonly HostKey[]): Promise<void> {
  const plan = live.plan();
  if (plan === undefined) return;
  const { identity } = plan;
  const joined = { ...plan, identity: { ...identity, keys: [...identity.keys, ...made], missing: [] } };
  if (made.length === 0) return live.adopt(joined, { reload: false });
  if (!(await changeConfig(live, joined))) return;
  for (const key of made) live.host.emit({ type: "host key joined", hostKey: describeHostKey(key) });
}

/** Renders the config for `plan` anew, proves these very bytes, and lets sshd take them up. False: they were refused. */
async function changeConfig(live: Live, plan = live.plan()): Promise<boolean> {
  const { host, config, request } = live;
  const before = live.plan();
  if (plan === undefined || before === undefined) return false;
  const installed = install(host, plan.hostKeySettings, plan.identity.keys);
  const written = await writeSshdConfig(
    host,
    config,
    request,
    { ...plan, installed },
    { tell: false, name: NEXT_CONFIG_NAME },
  );
  installPublicHalves(host, installed, plan.identity.keys);
  const problems = await live.prove({ ...plan, written });
  for (const problem of problems) host.emit({ type: "change refused", problem });
  if (problems.length > 0) return false;
  writeLoginPath(host, written);
  await live.adopt({ ...plan, written: putInForce(plan.state, written) }, { reload: true });
  if (plan === before) host.emit({ type: "config changed" });
  return true;
}

/** Asks the URLs from now on; an answer that is another one than the last calls `onChange`. */
function followUrls({ host, config, request }: Live, onChange: () => void): void {
  const urls = readUrls(host, config);
  if (urls.length === 0) return;
  const keep = (url: string, text: string) => {
    const state = openState(host, config, request);
    try {
      if (writeUrlCopy(state.private, url, text)) onChange();
    } finally {
      state.keys.close();
      state.private.close();
    }
  };
  startUrlRefresh({ host, urls, refreshMs: config.urlRefreshMs, roots: readUrlRoots(host, request.environment), keep });
}

function watchedPaths({ config, plan }: Live): readonly WatchedPaths<Topic>[] {
  const identity = HOST_KEY_TYPES.flatMap((type) => [keyFileName(type), certificateFileName(type)]).map(
    (name) => `${config.volume}/.ssh/${name}`,
  );
  const included = (plan()?.written.lines ?? []).map(({ file }) => file).filter((file) => file.startsWith("/etc/"));
  const files = [config.sshdConfig, config.trustedUserCa].flatMap((source) => pathOf(source));
  const configs = new Set([
    IMAGE_SSHD_CONFIG,
    `${IMAGE_SSHD_CONFIG}.d`,
    ...included,
    ...files,
    `${config.volume}/.ssh/revoked_keys`,
  ]);
  return [
    { topic: "keys", paths: [config.authorizedKeysFile.path] },
    { topic: "host keys", paths: config.hostKeys === undefined ? identity : pathOf(config.hostKeys) },
    { topic: "config", paths: [...configs] },
  ];
}

const pathOf = (source: TextSource | undefined): string[] =>
  source !== undefined && "file" in source ? [source.file] : [];

function warnOfMountedFiles({ host, config }: Live): void {
  const { path } = config.authorizedKeysFile;
  if (!isMountedFile(path)) return;
  const what = `${path} is mounted as a single file: another file put in its place is never seen here`;
  host.emit({ type: "warning", problem: { what, hint: "mount the directory that it lies in" } });
}
