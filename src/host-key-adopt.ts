/**
 * WITHSSH_ADOPT_IMAGE_KEYS: on a first start the keys baked into the image become the identity. Only where the volume
 * holds nothing else; never without that setting, since keys in an image belong to everyone who can pull it.
 */
import { isOsError } from "./errors.ts";
import type { HostKey, HostKeyFile, HostKeyTools } from "./host-key-files.ts";
import { HOST_KEY_TYPES, readHostKeyFile } from "./host-key-files.ts";
import type { Kept } from "./host-key-keep.ts";
import { keepHostKey } from "./host-key-keep.ts";
import type { HostKeyStore, NoStore } from "./host-key-store.ts";
import { isSame } from "./ssh-wire.ts";

/**
 * Keeps the image's keys of every type that `present` lacks. `present` may hold the very keys of the image (an adoption
 * that was killed halfway, or a later start); any other key there means that nothing is adopted, with a warning.
 */
export async function adoptImageKeys(
  tools: HostKeyTools,
  store: HostKeyStore | NoStore,
  imageDir: string,
  present: readonly HostKey[],
): Promise<Kept[]> {
  const what = "WITHSSH_ADOPT_IMAGE_KEYS has no effect";
  const warn = (saw: string, hint: string) => tools.host.emit({ type: "warning", problem: { what, saw, hint } });
  const image = await readImageKeys(tools, imageDir);
  if (present.some((key) => !image.some((own) => isSame(own.publicBlob, key.publicBlob)))) {
    warn("other host keys on the volume", "remove the setting: the volume's keys are the identity");
    return [];
  }
  if (image.length === 0) warn(`no usable host key in ${imageDir}`, "remove the setting, or put the keys there");
  const adopted: Kept[] = [];
  for (const key of image) {
    if (!present.some((there) => there.type === key.type)) adopted.push(await keepHostKey(tools, store, key));
  }
  return adopted;
}

async function readImageKeys(tools: HostKeyTools, path: string): Promise<HostKey[]> {
  try {
    const dir = tools.host.openDir("adopt host keys", path);
    const files: HostKeyFile[] = [];
    for (const type of HOST_KEY_TYPES) files.push(await readHostKeyFile(tools, dir, type, "adopted"));
    dir.close();
    return files.flatMap((file) => (file.state === "good" ? [file.key] : []));
  } catch (error) {
    if (isOsError(error)) return [];
    throw error;
  }
}
