/**
 * Copies the host keys to where sshd reads them: a directory that only we can write, since volumes lie about owners and
 * modes. What was planted there under our names is replaced, never followed; keys of the image are left and not used.
 */
import type { Problem } from "./errors.ts";
import { isOsError } from "./errors.ts";
import type { Dir, Host } from "./host.ts";
import type { HostKey, HostKeyType } from "./host-key-files.ts";
import { certificateFileName, keyFileName, publicFileName } from "./host-key-files.ts";
import { removeQuietly } from "./host-key-make.ts";
import { putFile, removeIfThere } from "./state-directory.ts";

const INSTALL = "install host keys";
const PRIVATE_FILE = 0o600;
const PUBLIC_FILE = 0o644;
const OWN_DIRECTORY = 0o700;
const OWN_NAME = "host-keys";
const WRITABLE_BY_OTHERS = 0o022;
const OURS = /^\.?ssh_host_(?:ed25519|ecdsa|rsa)_key(?:\.pub|-cert\.pub)?(?:\.new)?$/;

/** Absolute paths for `HostKey` and `HostCertificate` lines, in the order of the keys. */
export interface InstalledHostKey {
  readonly type: HostKeyType;
  /** Where they lie. */
  readonly directory: string;
  readonly path: string;
  readonly certificatePath: string | undefined;
}

/**
 * Copies to `/etc/ssh` (`imageDir`) where that is ours alone to write, else to `host-keys` in the state directory; without the
 * public halves, which `installPublicHalves` puts there later. A problem: neither could be written.
 */
export function installHostKeys(
  host: Host,
  places: { readonly imageDir: string | undefined; readonly privateDir: Dir },
  keys: readonly HostKey[],
): readonly InstalledHostKey[] | { readonly problem: Problem } {
  const image = places.imageDir === undefined ? undefined : openImageDir(host, places.imageDir);
  if (image !== undefined) {
    try {
      return installInto(image, keys);
    } catch (error) {
      // Read-only, full, or a directory or bind mount under one of our names: the state directory will do.
      if (!isOsError(error)) throw error;
    } finally {
      image.close();
    }
  }
  let own: Dir | undefined;
  try {
    places.privateDir.makeDir(INSTALL, OWN_NAME, OWN_DIRECTORY);
    own = places.privateDir.openDir(INSTALL, OWN_NAME);
    for (const name of own.list(INSTALL)) if (OURS.test(name)) removeQuietly(own, INSTALL, name);
    return installInto(own, keys);
  } catch (error) {
    if (!isOsError(error)) throw error;
    const wanted = places.imageDir === undefined ? "the state directory" : `${places.imageDir} or the state directory`;
    const hint = `make ${wanted} writable, or mount a tmpfs on /run`;
    return { problem: { what: "the host keys cannot be copied to where sshd reads them", saw: error.message, hint } };
  } finally {
    own?.close();
  }
}

/** Undefined where others could write it, or it is not there: then it is no place for private keys. */
function openImageDir(host: Host, path: string): Dir | undefined {
  try {
    const dir = host.openDir(INSTALL, path);
    const facts = dir.facts(INSTALL);
    if (facts.uid === host.self.uid && (facts.mode & WRITABLE_BY_OTHERS) === 0) return dir;
    dir.close();
    return undefined;
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
}

function installInto(dir: Dir, keys: readonly HostKey[]): readonly InstalledHostKey[] {
  return keys.map((key) => {
    // A public half of another key beside a private one in PEM form makes sshd complain (sshd.c, main): none does not.
    removeIfThere(dir, INSTALL, publicFileName(key.type));
    putFile(dir, INSTALL, keyFileName(key.type), key.privateBytes, PRIVATE_FILE);
    const certificate = certificateFileName(key.type);
    if (key.certificate !== undefined) putFile(dir, INSTALL, certificate, key.certificate, PUBLIC_FILE);
    return {
      type: key.type,
      directory: dir.path,
      path: `${dir.path}/${keyFileName(key.type)}`,
      certificatePath: key.certificate === undefined ? undefined : `${dir.path}/${certificate}`,
    };
  });
}

/** Puts the public halves beside the installed private ones, for people and their tools: nobody waits for it, and sshd needs none. */
export function installPublicHalves(
  host: Host,
  installed: readonly InstalledHostKey[],
  keys: readonly Pick<HostKey, "type" | "publicLine">[],
): void {
  const path = installed[0]?.directory;
  if (path === undefined) return;
  try {
    const dir = host.openDir(INSTALL, path);
    try {
      for (const { type, publicLine } of keys) {
        putFile(dir, INSTALL, publicFileName(type), new TextEncoder().encode(`${publicLine}\n`), PUBLIC_FILE);
      }
    } finally {
      dir.close();
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
    host.emit({ type: "debug", text: `public halves of host keys are not in ${path}: ${error.message}` });
  }
}
