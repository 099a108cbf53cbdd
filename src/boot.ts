/**
 * The supervisor's start as a list of named stages (docs/boot.md says why in this order). It prepares everything and
 * starts nothing: what comes out is a plan for sshd. A stage that cannot do its work throws `StageError`: SSH is down.
 */
import { type Account, inspectAccount } from "./accounts.ts";
import {
  type CollectedKeys,
  collectAuthorizedKeys,
  removeOtherAuthorizedKeys,
  writeAuthorizedKeys,
} from "./authorized-keys.ts";
import { type Config, isOurSetting, type TextSource } from "./config.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import type { HostKey } from "./host-key-files.ts";
import { type InstalledHostKey, installHostKeys } from "./host-key-install.ts";
import { type HostKeySettings, type Identity, restoreHostKeys } from "./host-keys.ts";
import { type ImageConfig, readImageConfig } from "./image-config.ts";
import { filterImageConfig, findBrokenPromises } from "./image-filter.ts";
import { readKeySources } from "./key-sources.ts";
import { makeHome } from "./login-home.ts";
import { CONFIG_NAME, IMAGE_SSH_DIRECTORY, IMAGE_SSHD_CONFIG, OPERATOR_CONFIG_NAME } from "./paths.ts";
import { splitEnvEntry } from "./process-facts.ts";
import { findPrograms, makePrivsepDirectory, type Programs } from "./programs.ts";
import type { Request } from "./request.ts";
import { selectSessionEnv } from "./session-env.ts";
import { writeProfileDropIn } from "./session-path.ts";
import { repairShadow } from "./shadow-repair.ts";
import { renderSshdConfig } from "./sshd-config.ts";
import type { SshdPromises } from "./sshd-proof.ts";
import { openStateDirectory, replaceFile, type StateDirectory } from "./state-directory.ts";

/** Everything that running sshd takes, prepared. */
export interface Plan {
  readonly programs: Programs;
  readonly state: StateDirectory;
  readonly identity: Identity;
  readonly hostKeySettings: HostKeySettings;
  readonly accounts: readonly Account[];
  readonly keys: CollectedKeys;
  readonly written: WrittenConfig;
}

export interface WrittenConfig {
  readonly path: string;
  readonly origins: readonly (string | undefined)[];
  readonly promises: SshdPromises;
  /** The image's and the operator's lines, to blame. */
  readonly lines: ImageConfig["lines"];
  /** Match blocks can override what is global: then nothing listens before the proof. */
  readonly hasMatch: boolean;
}

/** Runs the stages in order. Throws `StageError` from the one that failed. */
export async function boot(host: Host, config: Config, request: Request): Promise<Plan> {
  const stage = createStages(host);
  const state = await stage("openStateDirectory", () => openStateDirectory(host));
  const programs = await stage("findPrograms", () => findPrograms(host, config.sshd));
  const accounts = await stage("prepareAccounts", () => prepareAccounts(host, config, request));
  const keys = await stage("collectAuthorizedKeys", () => collectKeys(host, config, accounts));
  const hostKeySettings: HostKeySettings = {
    volume: config.volume,
    adoptImageKeys: config.adoptImageKeys,
    imageDir: IMAGE_SSH_DIRECTORY,
    keygen: programs.keygen,
    privateDir: state.private,
    app: { uid: request.appUid, gids: [request.appGid] },
  };
  const identity = await stage("restoreHostKeys", async () =>
    orThrow(await restoreHostKeys(host, hostKeySettings), "restoreHostKeys"),
  );
  const installed = await stage("installHostKeys", () => install(host, hostKeySettings, identity.keys));
  await stage("writeAuthorizedKeys", () => writeKeys(host, state, keys));
  const written = await stage("writeSshdConfig", () =>
    writeSshdConfig(host, config, request, { programs, state, accounts, installed }, true),
  );
  return { programs, state, identity, hostKeySettings, accounts, keys, written };
}

type Stage = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

function createStages(host: Host): Stage {
  return async (name, run) => {
    const began = performance.now();
    try {
      return await run();
    } finally {
      host.emit({ type: "stage", stage: name, ms: Math.round((performance.now() - began) * 100) / 100 });
    }
  };
}

function orThrow<T extends object>(value: T | { readonly problem: StageError["problem"] }, stage: string): T {
  if ("problem" in value && value.problem !== undefined) throw new StageError(stage, value.problem);
  return value as T;
}

/** The login users that can log in, repaired where that is ours to do. Throws when none is left. */
function prepareAccounts(host: Host, config: Config, request: Request): readonly Account[] {
  const names = config.users ?? [String(request.appUid)];
  const accounts: Account[] = [];
  let problem: StageError["problem"] | undefined;
  for (const name of names) {
    const verdict = inspectAccount(host, name);
    const problems = verdict.kind === "unknown" ? [verdict.problem] : verdict.account.problems;
    problem ??= problems[0];
    for (const one of problems) host.emit({ type: "account refused", user: name, problem: one });
    if (verdict.kind === "unknown" || problems.length > 0) continue;
    const { account } = verdict;
    for (const warning of account.warnings) host.emit({ type: "warning", problem: warning });
    try {
      if (account.repairs.includes("unlock")) repairShadow(host, account.name, request.appPid);
      if (account.repairs.includes("make home")) makeHome(host, account);
      accounts.push(account);
    } catch (error) {
      if (!(error instanceof StageError)) throw error;
      problem ??= error.problem;
      host.emit({ type: "account refused", user: name, problem: error.problem });
    }
  }
  if (accounts.length === 0 && problem !== undefined) throw new StageError("prepareAccounts", problem);
  return accounts;
}

/** All sources merged. Throws when there is no key: sshd would have nobody to let in. */
export function collectKeys(host: Host, config: Config, accounts: readonly Account[]): CollectedKeys {
  const sources = readKeySources(host, config, accounts);
  const keys = collectAuthorizedKeys(
    accounts.map((account) => account.name),
    sources,
  );
  for (const event of keys.events) host.emit(event);
  if (keys.problem !== undefined && !config.homeKeys) throw new StageError("collectAuthorizedKeys", keys.problem);
  return keys;
}

/** One file for each login user; files of users that are no longer named go. */
export function writeKeys(host: Host, state: StateDirectory, keys: CollectedKeys): void {
  for (const [user, text] of keys.files) writeAuthorizedKeys(host, state.keys.path, user, text);
  removeOtherAuthorizedKeys(host, state.keys.path, [...keys.files.keys()]);
}

/** Copies the host keys to where sshd reads them. */
export function install(host: Host, settings: HostKeySettings, keys: readonly HostKey[]): readonly InstalledHostKey[] {
  const places = { imageDir: settings.imageDir, privateDir: settings.privateDir };
  return orThrow(installHostKeys(host, places, keys), "installHostKeys");
}

interface ConfigParts {
  readonly programs: Programs;
  readonly state: StateDirectory;
  readonly accounts: readonly Account[];
  readonly installed: readonly InstalledHostKey[];
}

/** Renders and writes the config, 0600 in the private directory: it may hold the app's secrets (SetEnv). */
export async function writeSshdConfig(
  host: Host,
  config: Config,
  request: Request,
  parts: ConfigParts,
  tell: boolean,
): Promise<WrittenConfig> {
  const { programs, state, accounts, installed } = parts;
  if (programs.privsepDirectory !== undefined) makePrivsepDirectory(host, programs.privsepDirectory);
  const operator = await writeOperatorConfig(host, config, state);
  const image = await readImageConfig(host, IMAGE_SSHD_CONFIG);
  const subsystems = operator.lines.filter((line) => line.keyword === "subsystem").map((line) => line.args[0] ?? "");
  const filtered = filterImageConfig(image.lines, { forwarding: config.forwarding, subsystems });
  const environment = request.environment.flatMap((entry) => splitEnvEntry(entry) ?? []);
  const sessions = accounts.map(({ name, uid }) => ({
    user: name,
    selected: selectSessionEnv(environment, config.sessionEnv, uid === request.appUid, isOurSetting),
  }));
  const promises: SshdPromises = {
    port: config.port,
    listen: config.listen,
    hostKeys: installed.map((key) => key.path),
    keysDirectory: state.keys.path,
    homeKeys: config.homeKeys,
    forwarding: config.forwarding,
  };
  const rendered = renderSshdConfig({
    ...promises,
    version: programs.version,
    hostCertificates: installed.flatMap((key) => key.certificatePath ?? []),
    rootless: false,
    // state-directory.ts has checked every parent of the keys; homes count only where their keys do.
    strictModes: config.homeKeys,
    sessions: sessions.map(({ user, selected }) => ({ user, variables: selected.variables })),
    operatorFile: operator.path,
    operatorLines: operator.lines,
    image: filtered,
    sftpServer: programs.sftpServer,
  });
  replaceFile(state.private, "write sshd config", CONFIG_NAME, Buffer.from(rendered.text, "latin1"), 0o600);
  writeProfileDropIn(host, sessions[0]?.selected.variables ?? []);
  if (tell) {
    for (const problem of image.problems) host.emit({ type: "warning", problem });
    if (filtered.leftOut.length > 0) host.emit({ type: "config line left out", lines: filtered.leftOut });
    const newlines = sessions.flatMap(({ selected }) => selected.leftOut.filter(({ why }) => why === "newline"));
    const names = [...new Set([...newlines.map(({ name }) => name), ...rendered.leftOutEnv])];
    if (names.length > 0) host.emit({ type: "warning", problem: inexpressible(names) });
  }
  return {
    path: `${state.private.path}/${CONFIG_NAME}`,
    origins: rendered.origins,
    promises,
    lines: [...image.lines, ...operator.lines],
    hasMatch: filtered.hasMatch || operator.hasMatch,
  };
}

const inexpressible = (names: readonly string[]) => ({
  what: `variables that SSH sessions do not get: ${names.join(", ")}`,
  saw: "a line end, which sshd's SetEnv cannot express",
  hint: "the app has them; name the others with WITHSSH_SESSION_ENV to silence this",
});

/** WITHSSH_SSHD_CONFIG as a file of its own: its Match blocks end with it (sshd_config(5), Include). */
async function writeOperatorConfig(
  host: Host,
  config: Config,
  state: StateDirectory,
): Promise<{ path: string | undefined } & Pick<ImageConfig, "lines" | "hasMatch">> {
  if (config.sshdConfig === undefined) return { path: undefined, lines: [], hasMatch: false };
  const path = `${state.private.path}/${OPERATOR_CONFIG_NAME}`;
  const bytes = readTextSource(host, config.sshdConfig);
  replaceFile(state.private, "write the operator's sshd config", OPERATOR_CONFIG_NAME, bytes, 0o600);
  const operator = await readImageConfig(host, path);
  const [broken] = findBrokenPromises(operator.lines, config.forwarding);
  if (broken !== undefined) {
    throw new StageError("writeSshdConfig", {
      what: `WITHSSH_SSHD_CONFIG, line ${broken.line}: ${broken.word} in a Match block would undo a promise`,
      hint: "remove it",
    });
  }
  return { path, lines: operator.lines, hasMatch: operator.hasMatch };
}

const MAX_TEXT_BYTES = 1 << 20;

/** The text of a setting, or of the file that it names. Links are followed in its directory, not in its name. */
function readTextSource(host: Host, source: TextSource): Uint8Array {
  if ("text" in source) return Buffer.from(`${source.text}\n`, "utf8");
  const slash = source.file.lastIndexOf("/");
  const dir = host.openDir("read a setting's file", source.file.slice(0, slash) || "/");
  try {
    return dir.read("read a setting's file", source.file.slice(slash + 1), MAX_TEXT_BYTES).bytes;
  } finally {
    dir.close();
  }
}
