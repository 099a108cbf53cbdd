/**
 * User certificates: the authorities that sign them (WITHSSH_TRUSTED_USER_CA) and the list of what was revoked on the
 * volume, each copied to where only we can write. A list that cannot be read takes SSH down: it must not be overlooked.
 */
import type { Config } from "./config.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { openOperatorDir } from "./operator-dir.ts";
import { settings } from "./settings.ts";
import { replaceFile, type StateDirectory } from "./state-directory.ts";
import { readTextSource } from "./text-source.ts";

/** Paths for sshd; undefined where there is nothing. */
export interface AuthorityFiles {
  readonly trustedUserCaFile: string | undefined;
  readonly revokedKeysFile: string | undefined;
}

/** Names in the private directory begin so; a content has a name of its own, so that what is in force stays. */
export const AUTHORITY_NAMES: readonly string[] = ["trusted_user_ca.", "revoked_keys."];
const [CA_NAME = "", REVOKED_NAME = ""] = AUTHORITY_NAMES;
const STAGE = "writeSshdConfig";
const WRITE = "write certificate authorities";
const READ = "read revoked keys";
/** PROTOCOL.krl: what a key revocation list begins with. */
const KRL_MAGIC = "SSHKRL\n\0";
const MAX_REVOKED_BYTES = 16 << 20;

/** Writes both; ssh-keygen checks a list. Throws `StageError` where an authority or the list is there and cannot be used. */
export async function writeAuthorities(
  host: Host,
  config: Config,
  state: StateDirectory,
  keygen: string | undefined,
): Promise<AuthorityFiles> {
  const authorities = await readAuthorities(host, config);
  const ca = authorities === undefined ? undefined : put(state, CA_NAME, renderLines(authorities));
  const revoked = readRevoked(host, config.volume);
  if (revoked === undefined) return { trustedUserCaFile: ca, revokedKeysFile: undefined };
  const isKrl = Buffer.from(revoked).toString("latin1", 0, KRL_MAGIC.length) === KRL_MAGIC;
  const source = `${config.volume}/.ssh/revoked_keys`;
  const bytes = isKrl ? revoked : renderLines(await readRevokedKeys(host, source, revoked));
  const path = put(state, REVOKED_NAME, bytes);
  if (isKrl) await assertKrl(host, source, path, keygen);
  return { trustedUserCaFile: ca, revokedKeysFile: path };
}

async function readRevokedKeys(host: Host, source: string, revoked: Uint8Array): Promise<string[]> {
  const { decodeKeyFile, hasTooManyLines, MOST_LINES } = await import("./key-text.ts");
  if (hasTooManyLines(decodeKeyFile(revoked))) throw notAList(source, `more than ${MOST_LINES} lines`);
  return readBareKeys(host, source, revoked);
}

async function readAuthorities(host: Host, config: Config): Promise<string[] | undefined> {
  if (config.trustedUserCa === undefined) return undefined;
  const { name } = settings.trustedUserCa;
  const text = readTextSource(host, config.trustedUserCa, name);
  if ("problem" in text) throw new StageError(STAGE, text.problem);
  const lines = await readBareKeys(host, name, text.bytes);
  if (lines.length > 0) return lines;
  throw new StageError(STAGE, { what: `${name} holds no usable key`, hint: "give it the authority's public key" });
}

/** Keys without options, as sshd wants them in both files: one line that it cannot read would void the whole file. */
async function readBareKeys(host: Host, source: string, bytes: Uint8Array): Promise<string[]> {
  // Most starts have neither file, and sshd waits for this stage.
  const { decodeKeyFile, MOST_TOLD, splitKeyText } = await import("./key-text.ts");
  const { parseKeyLine } = await import("./key-line.ts");
  const lines: string[] = [];
  let told = 0;
  for (const { line, number, doubt } of splitKeyText(decodeKeyFile(bytes))) {
    const key = parseKeyLine(line);
    const options = key.verdict === "key" && key.options !== "" ? "no options may stand before this key" : undefined;
    const reason = doubt ?? options ?? (key.verdict === "bad" ? `${key.reason} — hint: ${key.hint}` : undefined);
    if (reason !== undefined) {
      told += 1;
      if (told <= MOST_TOLD) host.emit({ type: "key line refused", source, line: number, reason });
    } else if (key.verdict === "key") lines.push(`${key.type} ${key.blob}`);
  }
  return lines;
}

const renderLines = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8");

function readRevoked(host: Host, volume: string): Uint8Array | undefined {
  const path = `${volume}/.ssh`;
  try {
    const dir = openOperatorDir(host, READ, path);
    try {
      return dir.read(READ, "revoked_keys", MAX_REVOKED_BYTES).bytes;
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error, "ENOENT", "ENOTDIR")) return undefined;
    if (!isOsError(error)) throw error;
    const hint = "a regular file of keys, or a KRL of ssh-keygen -k; nobody logs in while it cannot be read";
    throw new StageError(STAGE, { what: `${path}/revoked_keys cannot be read`, saw: error.code, hint });
  }
}

/** With a list that it cannot read sshd refuses every key, and says so to nobody. */
async function assertKrl(host: Host, source: string, path: string, keygen: string | undefined): Promise<void> {
  if (keygen === undefined) return;
  const { code } = await host.run(READ, [keygen, "-Q", "-f", path]);
  // Asked about no key it reads the list alone (ssh-keygen.c, do_check_krl).
  if (code === 0) return;
  throw notAList(source, "ssh-keygen -Q cannot read it");
}

function notAList(source: string, saw: string): StageError {
  const hint = "make it anew: ssh-keygen -k -f revoked_keys, or one public key a line";
  return new StageError(STAGE, { what: `${source} is no list of revoked keys`, saw, hint });
}

function put(state: StateDirectory, prefix: string, bytes: Uint8Array): string {
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 16);
  replaceFile(state.private, WRITE, `${prefix}${hash}`, bytes, 0o600);
  return `${state.private.path}/${prefix}${hash}`;
}
