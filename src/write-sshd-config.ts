/**
 * The stage that brings users, keys, host keys, sessions, the operator's and the image's lines together in the one file
 * that sshd runs under. The file may hold the app's secrets (SetEnv): root-only, and never in a message.
 */
import type { Account } from "./accounts.ts";
import { bytesFrom } from "./byte-strings.ts";
import { type Config, isOurSetting } from "./config.ts";
import type { Host } from "./host.ts";
import type { InstalledHostKey } from "./host-key-install.ts";
import { type ImageConfig, readImageConfig } from "./image-config.ts";
import { filterImageConfig } from "./image-filter.ts";
import { AUTHORITY_NAMES, writeAuthorities } from "./key-authority.ts";
import { writeOperatorConfig } from "./operator-config.ts";
import { CONFIG_NAME, IMAGE_SSHD_CONFIG, NEXT_CONFIG_NAME, OPERATOR_CONFIG_NAME, PID_NAME } from "./paths.ts";
import { splitEnvironment } from "./process-facts.ts";
import { makePrivsepDirectory, type Programs } from "./programs.ts";
import type { Request } from "./request.ts";
import { selectSessionEnv, type Variable } from "./session-env.ts";
import { writeProfileDropIn } from "./session-path.ts";
import { renderSshdConfig } from "./sshd-config.ts";
import type { SshdPromises } from "./sshd-proof.ts";
import { replaceFile, type StateDirectory } from "./state-directory.ts";

export interface WrittenConfig {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly origins: readonly (string | undefined)[];
  /** What login shells get, and whose; undefined without root. */
  readonly logins:
    | { readonly variables: readonly Variable[]; readonly users: readonly string[] | undefined }
    | undefined;
  /** Where the operator's own lines are; undefined where there are none. */
  readonly operatorPath: string | undefined;
  readonly promises: SshdPromises;
  /** The image's and the operator's lines, to blame. */
  readonly lines: ImageConfig["lines"];
  /** Match blocks can override what is global: then nothing listens before the proof. */
  readonly hasMatch: boolean;
  /** Files of ours that it names, each named by its content. */
  readonly belongings: readonly string[];
}

interface ConfigParts {
  readonly programs: Programs;
  readonly state: StateDirectory;
  readonly accounts: readonly Account[];
  readonly installed: readonly InstalledHostKey[];
}

interface WriteOptions {
  /** Whether what is left out is told. */
  readonly tell?: boolean;
  /** With another name than that of the config in force it waits beside that one, to be proved and put in force. */
  readonly name?: string;
  /** Gets it before it is written: sshd waits for the bytes, nobody for the file. */
  readonly load?: (written: WrittenConfig) => void;
}

/** Renders and writes the config, 0600 in the private directory: it may hold the app's secrets (SetEnv). */
export async function writeSshdConfig(
  host: Host,
  config: Config,
  request: Request,
  parts: ConfigParts,
  { tell = true, name = CONFIG_NAME, load = () => {} }: WriteOptions = {},
): Promise<WrittenConfig> {
  const { programs, state, accounts, installed } = parts;
  const isRootless = request.mode === "rootless";
  if (programs.privsepDirectory !== undefined && host.self.uid === 0) {
    makePrivsepDirectory(host, programs.privsepDirectory);
  }
  const operator = await writeOperatorConfig(host, config, state);
  const image = await readImageConfig(host, IMAGE_SSHD_CONFIG);
  const subsystems = operator.lines.filter((line) => line.keyword === "subsystem").map((line) => line.args[0] ?? "");
  const filtered = filterImageConfig(image.lines, { forwarding: config.forwarding, subsystems });
  const environment = splitEnvironment(request.environment);
  // An unprivileged caller's PATH or LD_PRELOAD in the session of another user would make him that user.
  const forOthers = request.mode === "sudo" ? [] : environment;
  const sessions = accounts.map(({ name, uid }) => {
    const isApp = uid === request.appUid;
    const selected = selectSessionEnv(isApp ? environment : forOthers, config.sessionEnv, isApp, isOurSetting);
    return { user: name, isApp, selected };
  });
  const authorities = await writeAuthorities(host, config, state, programs.keygen);
  const promises: SshdPromises = {
    port: config.port,
    listen: config.listen,
    hostKeys: installed.map((key) => key.path),
    keysDirectory: state.keys.path,
    homeKeys: config.homeKeys,
    forwarding: config.forwarding,
    trustedUserCaFile: authorities.trustedUserCaFile,
  };
  const rendered = renderSshdConfig({
    ...promises,
    revokedKeysFile: authorities.revokedKeysFile,
    version: programs.version,
    pidFile: `${state.private.path}/${PID_NAME}`,
    hostCertificates: installed.map((key) => key.certificatePath).filter((path) => path !== undefined),
    rootless: isRootless,
    // state-directory.ts has checked every parent of the keys; homes count only where their keys do.
    strictModes: config.homeKeys,
    sessions: sessions.map(({ user, selected }) => ({ user, variables: selected.variables })),
    operatorFile: operator.path,
    operatorLines: operator.lines,
    image: filtered,
    sftpServer: programs.sftpServer,
  });
  const bytes = bytesFrom(rendered.text);
  const kept = request.mode === "sudo" ? sessions.filter(({ isApp }) => isApp) : sessions;
  const users = request.mode === "sudo" ? kept.map(({ user }) => user) : undefined;
  const written: WrittenConfig = {
    path: `${state.private.path}/${name}`,
    bytes,
    logins: isRootless ? undefined : { variables: kept[0]?.selected.variables ?? [], users },
    operatorPath: operator.path,
    belongings: [operator.path, ...Object.values(authorities)].filter((path) => path !== undefined),
    origins: rendered.origins,
    promises,
    lines: [...image.lines, ...operator.lines],
    hasMatch: filtered.hasMatch || operator.hasMatch,
  };
  load(written);
  replaceFile(state.private, "write sshd config", name, bytes, 0o600);
  if (tell) {
    for (const problem of image.problems) host.emit({ type: "warning", problem });
    if (filtered.leftOut.length > 0) host.emit({ type: "config line left out", lines: filtered.leftOut });
    const newlines = sessions.flatMap(({ selected }) => selected.leftOut.filter(({ why }) => why === "newline"));
    const names = [...new Set([...newlines.map(({ name }) => name), ...rendered.leftOutEnv])];
    if (names.length > 0) host.emit({ type: "warning", problem: inexpressible(names) });
  }
  return written;
}

/** Keeps the PATH of the sessions in login shells. */
export function writeLoginPath(host: Host, { logins }: WrittenConfig): void {
  if (logins !== undefined) writeProfileDropIn(host, logins.variables, logins.users);
}

const BELONGINGS: readonly string[] = [`${OPERATOR_CONFIG_NAME}.`, ...AUTHORITY_NAMES];

/** Puts the proved config `sshd_config.next` in force for the next start or SIGHUP of sshd: the very bytes, by a rename. */
export function putInForce(state: StateDirectory, written: WrittenConfig): WrittenConfig {
  state.private.rename("put the sshd config in force", NEXT_CONFIG_NAME, CONFIG_NAME);
  for (const name of state.private.list("list what configs named")) {
    const isOther = BELONGINGS.some((prefix) => name.startsWith(prefix));
    const isInForce = written.belongings.includes(`${state.private.path}/${name}`);
    if (isOther && !isInForce) state.private.remove("drop what an earlier config named", name);
  }
  return { ...written, path: `${state.private.path}/${CONFIG_NAME}` };
}

const inexpressible = (names: readonly string[]) => ({
  what: `variables that SSH sessions do not get: ${names.join(", ")}`,
  saw: "a line end, which sshd's SetEnv cannot express",
  hint: "the app has them; name the others with WITHSSH_SESSION_ENV to silence this",
});
