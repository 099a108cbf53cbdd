/**
 * The public halves of the identity that a start would serve, read without making, saving or repairing anything.
 */
import type { Config } from "./config.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import { HOST_KEY_TYPES, readHostKeyFile } from "./host-key-files.ts";
import { restoreGivenHostKeys } from "./host-key-given.ts";
import { settings } from "./settings.ts";
import { readTextSource } from "./text-source.ts";

/** Type and blob of each, in our order. Keys in PEM form, which only ssh-keygen could tell, are left out. */
export async function readPublicHostKeys(
  host: Host,
  config: Pick<Config, "hostKeys" | "volume">,
): Promise<readonly { readonly keyType: string; readonly blob: string }[]> {
  const keys =
    config.hostKeys === undefined ? await readStored(host, config.volume) : await readGiven(host, config.hostKeys);
  return keys.map(({ algorithm, publicBlob }) => ({
    keyType: algorithm,
    blob: Buffer.from(publicBlob).toString("base64"),
  }));
}

/** Nothing is written there: what would be kept there is not asked for without ssh-keygen. */
const toolsOf = (host: Host, privateDir: Dir) => ({ host, keygen: undefined, privateDir });

async function readStored(host: Host, volume: string) {
  try {
    const dir = host.openDir("look at host keys", `${volume}/.ssh`);
    try {
      const files = await Promise.all(
        HOST_KEY_TYPES.map((type) => readHostKeyFile(toolsOf(host, dir), dir, type, "restored")),
      );
      return files.flatMap((file) => (file.state === "good" ? [file.key] : []));
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  }
}

async function readGiven(host: Host, source: NonNullable<Config["hostKeys"]>) {
  const text = readTextSource(host, source, settings.hostKeys.name);
  if (!("bytes" in text)) return [];
  const root = host.openDir("look at host keys", "/");
  try {
    const identity = await restoreGivenHostKeys(toolsOf(host, root), settings.hostKeys.name, text.bytes);
    return "keys" in identity ? identity.keys : [];
  } finally {
    root.close();
  }
}
