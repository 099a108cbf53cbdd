/**
 * WITHSSH_SSHD_CONFIG: the operator's own lines for sshd, in a file of their own. Must never undo a promise, not even
 * in a Match block.
 */
import type { Config, TextSource } from "./config.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { type ImageConfig, readImageConfig } from "./image-config.ts";
import { findBrokenPromises } from "./image-filter.ts";
import { OPERATOR_CONFIG_NAME } from "./paths.ts";
import { settings } from "./settings.ts";
import { replaceFile, type StateDirectory } from "./state-directory.ts";
import { readTextSource } from "./text-source.ts";

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

/** The text of the setting, or of the file that it names. */
function readOperatorLines(host: Host, source: TextSource): Uint8Array {
  const text = readTextSource(host, source, settings.sshdConfig.name);
  if ("problem" in text) throw new StageError("writeSshdConfig", text.problem);
  return text.bytes;
}
