/**
 * The sshd_config that sshd runs under: our must-haves, the operator's file, what counts of the image's config, defaults
 * where all are silent, then the image's Match blocks. sshd takes the first value of a keyword, so the order is the
 * promise. The text is a byte string and may hold secrets (SetEnv): it is for a 0600 file, never for a log.
 */
import type { ConfigLine, MatchScope, SshdVersion } from "./config-line.ts";
import { isAtLeast, quoteArgument } from "./config-line.ts";
import { StageError } from "./errors.ts";

export interface SshdConfigInput {
  readonly version: SshdVersion;
  /** Where sshd says that it is about to accept. */
  readonly pidFile: string;
  readonly port: number;
  /** Addresses; empty is all, IPv4 and IPv6. */
  readonly listen: readonly string[];
  readonly hostKeys: readonly string[];
  readonly hostCertificates: readonly string[];
  /** Holds one file a login user. */
  readonly keysDirectory: string;
  readonly homeKeys: boolean;
  readonly trustedUserCaFile?: string | undefined;
  readonly revokedKeysFile?: string | undefined;
  /** sshd as an unprivileged user: no PAM. */
  readonly rootless: boolean;
  /**
   * False only where the caller itself has checked each parent of `keysDirectory`, and homes do not count: sshd refuses a
   * sticky 1777 /run or /tmp, which is safe, and then nobody can log in.
   */
  readonly strictModes: boolean;
  readonly forwarding?: "yes" | "local" | "no" | undefined;
  /** What each login user's sessions get. */
  readonly sessions: readonly { readonly user: string; readonly variables: readonly SessionVariable[] }[];
  /** WITHSSH_SSHD_CONFIG, and the lines that are in it. */
  readonly operatorFile?: string | undefined;
  readonly operatorLines?: readonly ConfigLine[];
  readonly image: {
    readonly global: readonly ConfigLine[];
    readonly blocks: readonly { readonly scope: MatchScope; readonly lines: readonly ConfigLine[] }[];
  };
  /** Found path; undefined is sshd's own. */
  readonly sftpServer?: string | undefined;
}

interface SessionVariable {
  readonly name: string;
  readonly value: string;
}

export interface SshdConfig {
  readonly text: string;
  /** For each line of the text (the first at 0) the "file:line" that it came from, to blame in messages. */
  readonly origins: readonly (string | undefined)[];
  /** Names of variables that this sshd's SetEnv cannot express. */
  readonly leftOutEnv: readonly string[];
}

/** Renders the whole config. Throws `StageError` for a path that no sshd_config can name (a newline in it). */
export function renderSshdConfig(input: SshdConfigInput): SshdConfig {
  const lines: { text: string; origin?: string }[] = [];
  const leftOutEnv = new Set<string>();
  const operatorEnv = firstSetEnv(input.operatorLines ?? []);
  const imageEnv = firstSetEnv(input.image.global);
  // Only the first SetEnv line counts, so ours carries theirs: what the operator says of sessions alone goes first.
  const setEnv = (variables: readonly SessionVariable[], added: readonly SessionVariable[]) =>
    renderSetEnv([...operatorEnv, ...variables, ...added], input.version, leftOutEnv);

  const isSame = input.sessions.every((session) => sameVariables(session.variables, input.sessions[0]?.variables));
  // Before 8.7 sshd forgot a SetEnv of a Match block: users who differ then get only what all of them may have.
  const canDiffer = isAtLeast(input.version, 8, 7);
  const everyone = isSame || !canDiffer ? sharedVariables(input.sessions) : [];
  if (!canDiffer) {
    for (const { name } of input.sessions.flatMap((session) => session.variables)) {
      if (!everyone.some((shared) => shared.name === name)) leftOutEnv.add(name);
    }
  }

  for (const text of mustHaves(input)) lines.push({ text });
  for (const text of setEnv(everyone, imageEnv)) lines.push({ text });
  if (input.operatorFile !== undefined) lines.push({ text: `Include ${quotePath(input.operatorFile, input.version)}` });
  const saysMaxStartups = (input.operatorLines ?? []).some((line) => line.keyword === "maxstartups");
  for (const line of input.image.global) {
    // PAM's modules want root. Left out and not denied: an sshd built without PAM warns at every mention of it.
    if (line.keyword === "setenv" || (input.rootless && line.keyword === "usepam")) continue;
    if (line.keyword === "maxstartups" && saysMaxStartups) continue;
    lines.push({ text: line.text, origin: originOf(line) });
  }
  for (const text of defaults(input)) lines.push({ text });

  if (!isSame && canDiffer) {
    for (const { user, variables } of input.sessions) {
      const own = setEnv(variables, imageEnv);
      if (own.length > 0 && isNoPattern(user)) {
        lines.push({ text: `Match User ${user}` }, ...own.map((text) => ({ text })));
      }
    }
  }
  for (const text of strangers(input)) lines.push({ text });
  for (const block of input.image.blocks) {
    const criteria = block.scope.criteria === "" ? "all" : block.scope.criteria;
    lines.push({ text: `Match ${criteria}`, origin: originOf(block.scope) });
    for (const line of block.lines) {
      const texts = line.keyword === "setenv" ? setEnv(everyone, assignmentsOf(line)) : [line.text];
      for (const text of texts) lines.push({ text, origin: originOf(line) });
    }
  }
  if (lines.some((line) => line.text.startsWith("Match "))) lines.push({ text: "Match all" });

  return {
    text: lines.map((line) => `${line.text}\n`).join(""),
    origins: lines.map((line) => line.origin),
    leftOutEnv: [...leftOutEnv],
  };
}

/**
 * What is global counts for every account that sshd can find: homes and authorities let login users in, and nobody else. A first
 * value stands among Match blocks too, so these come before the image's. Each names what is not there, as `none` clears
 * nothing in a Match block (servconf.c, copy_set_server_options).
 */
function strangers(input: SshdConfigInput): string[] {
  if (!input.homeKeys && input.trustedUserCaFile === undefined) return [];
  const { keysFile, trustedUserCaFile } = strangersPaths(input);
  const users = input.sessions.flatMap(({ user }) => (isNoPattern(user) ? [`!${user}`] : []));
  return [
    `Match User ${["*", ...users].join(",")}`,
    `AuthorizedKeysFile ${quotePath(keysFile, input.version)}`,
    ...(trustedUserCaFile === undefined ? [] : [`TrustedUserCAKeys ${quotePath(trustedUserCaFile, input.version)}`]),
  ];
}

/** What accounts that are no login users go by. */
export function strangersPaths({
  keysDirectory,
  trustedUserCaFile,
}: Pick<SshdConfigInput, "keysDirectory" | "trustedUserCaFile">): {
  readonly keysFile: string;
  readonly trustedUserCaFile: string | undefined;
} {
  return {
    // AuthorizedKeysFile expands %-tokens (sshd_config(5) TOKENS): ours is the one %u.
    keysFile: `${keysDirectory.replaceAll("%", "%%")}/%u`,
    trustedUserCaFile: trustedUserCaFile === undefined ? undefined : `${trustedUserCaFile}.none`,
  };
}

/** A name that Match would read as a pattern could hand one user's secrets, or rights, to another. */
const isNoPattern = (user: string): boolean => /^[A-Za-z0-9_.][A-Za-z0-9_.@$-]*$/.test(user);

function mustHaves(input: SshdConfigInput): string[] {
  const { version } = input;
  const path = (value: string) => quotePath(value, version);
  const keysFile = path(strangersPaths(input).keysFile);
  return [
    `Port ${input.port}`,
    "AddressFamily any",
    ...input.listen.map((address) => `ListenAddress ${address}`),
    ...input.hostKeys.map((file) => `HostKey ${path(file)}`),
    ...input.hostCertificates.map((file) => `HostCertificate ${path(file)}`),
    `PidFile ${path(input.pidFile)}`,
    "LogLevel VERBOSE",
    "AuthenticationMethods publickey",
    "PubkeyAuthentication yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    // A second switch for the same until 8.7 made it an alias.
    ...(isAtLeast(version, 8, 7) ? [] : ["ChallengeResponseAuthentication no"]),
    "HostbasedAuthentication no",
    "PermitEmptyPasswords no",
    "PermitRootLogin prohibit-password",
    `AuthorizedKeysFile ${keysFile}${input.homeKeys ? " %h/.ssh/authorized_keys" : ""}`,
    `TrustedUserCAKeys ${input.trustedUserCaFile === undefined ? "none" : path(input.trustedUserCaFile)}`,
    ...(input.revokedKeysFile === undefined ? [] : [`RevokedKeys ${path(input.revokedKeysFile)}`]),
    // Not said: AuthorizedKeysCommand none. sshd (8.4 to 10) then complains about its missing user at each refused key.
    "AuthorizedPrincipalsFile none",
    `StrictModes ${input.strictModes ? "yes" : "no"}`,
    ...forwardingLines(input.forwarding),
  ];
}

/** DisableForwarding alone left X11 and agent forwarding on before 10.0 (CVE-2025-32728), so each is said. */
function forwardingLines(forwarding: SshdConfigInput["forwarding"]): string[] {
  if (forwarding === undefined) return [];
  const both = [`AllowTcpForwarding ${forwarding}`, `AllowStreamLocalForwarding ${forwarding}`];
  if (forwarding !== "no") return [...both, "DisableForwarding no"];
  return [...both, "AllowAgentForwarding no", "X11Forwarding no", "PermitTunnel no", "DisableForwarding yes"];
}

/** Said after everyone: a first value stands, so these count only where all are silent. */
function defaults(input: SshdConfigInput): string[] {
  const { version } = input;
  const globals = [...input.image.global, ...(input.operatorLines ?? []).filter((line) => line.match === undefined)];
  const said = new Set(globals.map((line) => line.keyword));
  const pubkeys = isAtLeast(version, 8, 5) ? "PubkeyAcceptedAlgorithms" : "PubkeyAcceptedKeyTypes";
  const sftp = input.sftpServer === undefined ? "internal-sftp" : quotePath(input.sftpServer, version);
  return [
    "ClientAliveInterval 30",
    "ClientAliveCountMax 3",
    "LoginGraceTime 30",
    "MaxAuthTries 6",
    // The one keyword of these whose last value counts (servconf.c, sMaxStartups): said again it would undo theirs.
    ...(said.has("maxstartups") ? [] : ["MaxStartups 50:30:200"]),
    "X11Forwarding no",
    "UseDNS no",
    // Removals from each release's own list, so that no name has to be known everywhere: SHA-1, CBC and short tags.
    "KexAlgorithms -*-sha1",
    "Ciphers -*-cbc",
    "MACs -hmac-sha1*,umac-64*",
    "HostKeyAlgorithms -ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*",
    `${pubkeys} -ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*`,
    // Behind a proxy all clients share one address, so a penalty for one locks everybody out.
    ...(isAtLeast(version, 9, 8) && !said.has("persourcepenalties") ? ["PerSourcePenalties no"] : []),
    ...(said.has("subsystem") ? [] : [`Subsystem sftp ${sftp}`]),
  ];
}

function firstSetEnv(lines: readonly ConfigLine[]): SessionVariable[] {
  const line = lines.find(({ keyword, match }) => keyword === "setenv" && match === undefined);
  return line === undefined ? [] : assignmentsOf(line);
}

function assignmentsOf(line: ConfigLine): SessionVariable[] {
  return line.args.map((arg) => {
    const [name = ""] = arg.split("=", 1);
    return { name, value: arg.slice(name.length + 1) };
  });
}

/** One line or none; of a name that is there twice the first counts. */
function renderSetEnv(variables: readonly SessionVariable[], version: SshdVersion, leftOut: Set<string>): string[] {
  const args = new Map<string, string>();
  for (const { name, value } of variables) {
    if (args.has(name)) continue;
    const quoted = quoteArgument(`${name}=${value}`, version);
    if (quoted === undefined) leftOut.add(name);
    else args.set(name, quoted);
  }
  return args.size === 0 ? [] : [`SetEnv ${[...args.values()].join(" ")}`];
}

function sharedVariables(sessions: SshdConfigInput["sessions"]): readonly SessionVariable[] {
  const [first, ...others] = sessions.map((session) => session.variables);
  return (first ?? []).filter(({ name, value }) =>
    others.every((variables) => variables.some((other) => other.name === name && other.value === value)),
  );
}

function sameVariables(a: readonly SessionVariable[], b: readonly SessionVariable[] = []): boolean {
  return a.length === b.length && a.every(({ name, value }, at) => b[at]?.name === name && b[at]?.value === value);
}

function quotePath(path: string, version: SshdVersion): string {
  if (/^[A-Za-z0-9_./%@+:-]+$/.test(path)) return path;
  const quoted = quoteArgument(path, version);
  if (quoted !== undefined) return quoted;
  throw new StageError("writeSshdConfig", {
    what: "a path cannot be written into sshd_config",
    saw: JSON.stringify(path),
    hint: "rename it: no quote, backslash or line end",
  });
}

const originOf = (at: { file: string; line: number }): string => `${at.file}:${at.line}`;
