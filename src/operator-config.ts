/**
 * WITHSSH_SSHD_CONFIG: the operator's own lines for sshd, in a file of their own. Must never undo a promise, not even
 * in a Match block.
 */
import type { Config, TextSource } from "./config.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { type ImageConfig, readImageConfig } from "./image-config.ts";
import { findBrokenPromises } from "./image-filter.ts";
import { OPERATOR_CONFIG_NAME } from "./paths.ts";
import { replaceFile, type StateDirectory } from "./state-directory.ts";

/** WITHSSH_SSHD_CONFIG as a file of its own: its Match blocks end with it (sshd_config(5), Include). */
export async function writeOperatorConfig(
  host: Host,
  config: Config,
  state: StateDirectory,
): Promise<{ path: string | undefined } & Pick<ImageConfig, "lines" | "hasMatch">> {
  if (config.sshdConfig === undefined) return { path: undefined, lines: [], hasMatch: false };
  const bytes = readOperatorLines(host, config.sshdConfig);
  const name = `${OPERATOR_CONFIG_NAME}.${new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 16)}`;
  const path = `${state.private.path}/${name}`;
  replaceFile(state.private, "write the operator's sshd config", name, bytes, 0o600);
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

/** Removes what earlier configs included. `path` is the one in force. */
export function removeOtherOperatorConfigs(state: StateDirectory, path: string | undefined): void {
  for (const name of state.private.list("list operator configs")) {
    const isOther = name.startsWith(`${OPERATOR_CONFIG_NAME}.`) && `${state.private.path}/${name}` !== path;
    if (isOther) state.private.remove("drop an operator config", name);
  }
}

const OPERATION = "read the operator's sshd config";
const MAX_TEXT_BYTES = 1 << 20;

/** The text of the setting, or of the file that it names. Links are followed in its directory, not in its name. */
function readOperatorLines(host: Host, source: TextSource): Uint8Array {
  if ("text" in source) return Buffer.from(`${source.text}\n`, "utf8");
  const slash = source.file.lastIndexOf("/");
  try {
    const dir = host.openDir(OPERATION, source.file.slice(0, slash) || "/");
    try {
      return dir.read(OPERATION, source.file.slice(slash + 1), MAX_TEXT_BYTES).bytes;
    } finally {
      dir.close();
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = "the file that WITHSSH_SSHD_CONFIG_FILE names cannot be read";
    throw new StageError(
      "writeSshdConfig",
      { what, saw: `${source.file}: ${error.code}`, hint: "name a regular file, at most 1 MiB, no link" },
      { cause: error },
    );
  }
}
