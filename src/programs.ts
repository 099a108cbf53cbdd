/**
 * The image's OpenSSH: found, not assumed. What only running sshd would tell (its release, its privilege separation
 * directory) is read from its file instead, since a run costs as much as the rest of our start.
 */
import { byteString, bytesFrom } from "./byte-strings.ts";
import { parsePortableVersion, parseSshdVersion, type SshdVersion } from "./config-line.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { findBytes } from "./libc.ts";
import { installHint } from "./packages.ts";
import { KEYGEN_PATHS, PRIVSEP_DIRECTORIES, SFTP_SERVER_PATHS } from "./paths.ts";

export interface Programs {
  readonly sshd: string;
  readonly version: SshdVersion;
  readonly keygen: string | undefined;
  readonly sftpServer: string | undefined;
  /** Undefined: none of those that we know is named in the file. */
  readonly privsepDirectory: string | undefined;
}

const OPERATION = "look at sshd";
/** What an sshd of 9.8 (sshd-session) or 10.0 (sshd-auth) executes for each connection; older ones name neither. */
const HELPERS = ["sshd-session", "sshd-auth"];
const mayNeedHelpers = ({ major, minor }: SshdVersion) => major > 9 || (major === 9 && minor >= 8);
/** Older than anything that we know how to talk to: the safest words are used then. */
const OLDEST: SshdVersion = { major: 8, minor: 4 };

/** What belongs to this sshd. Throws `StageError` naming packages. */
export async function findPrograms(host: Host, sshd: string): Promise<Programs> {
  const file = host.readProgram(OPERATION, sshd);
  const version = await findVersion(host, sshd, file);
  if (file !== undefined && mayNeedHelpers(version)) assertHelpers(host, sshd, file);
  return {
    sshd,
    version,
    keygen: KEYGEN_PATHS.find((path) => host.isExecutable(path)),
    sftpServer: SFTP_SERVER_PATHS.find((path) => host.isExecutable(path)),
    privsepDirectory: file && PRIVSEP_DIRECTORIES.find((path) => findText(file, `\0${path}\0`) !== undefined),
  };
}

/**
 * Throws `StageError` where a program that this sshd executes is not there: a part of the package was copied, or sshd
 * alone was upgraded. `sshd -t` passes then, and each login fails. Paths are compiled in (pathnames.h).
 */
function assertHelpers(host: Host, sshd: string, file: Uint8Array): void {
  for (const name of HELPERS) {
    const end = findBytes(file, bytesFrom(`/${name}\0`), 0);
    if (end < 0) continue;
    const path = byteString(file.subarray(file.lastIndexOf(0, end) + 1, end + 1 + name.length));
    if (!path.startsWith("/") || host.isExecutable(path)) continue;
    throw new StageError("findPrograms", {
      what: `${sshd} needs ${path}, which cannot be run`,
      hint: installHint("sshd"),
    });
  }
}

/**
 * Where such bytes are in a program; undefined where none of them `isIt`. The texts of a program lie behind its code, which is
 * the larger part: so its second half first, then all.
 */
function findText(file: Uint8Array, text: string, isIt: (at: number) => boolean = () => true): number | undefined {
  const wanted = bytesFrom(text);
  for (const from of [file.length >> 1, 0]) {
    for (let at = findBytes(file, wanted, from); at >= 0; at = findBytes(file, wanted, at + 1)) {
      if (isIt(at)) return at;
    }
  }
  return undefined;
}

/** version.h's words, `OpenSSH_9.2p1`; the file also names others (compat.c), never with a `p` for portable. */
async function findVersion(host: Host, sshd: string, file: Uint8Array | undefined): Promise<SshdVersion> {
  const versionAt = (at: number) => file && parsePortableVersion(byteString(file.subarray(at, at + 24)));
  const at = file && findText(file, "OpenSSH_", (one) => versionAt(one) !== undefined);
  if (at !== undefined) return versionAt(at) ?? OLDEST;
  const { stdout, stderr } = await host.run("ask sshd for its version", [sshd, "-V"], { timeoutMs: 5000 });
  const text = byteString(stdout) + byteString(stderr);
  return parseSshdVersion(text) ?? OLDEST;
}

/** Makes the privilege separation directory where it is missing: as root sshd will not start without (sshd.c). */
export function makePrivsepDirectory(host: Host, path: string): void {
  const operation = "make the privilege separation directory";
  const slash = path.lastIndexOf("/");
  const parent = host.openDir(operation, path.slice(0, slash) || "/");
  try {
    parent.makeDir(operation, path.slice(slash + 1), 0o755);
  } finally {
    parent.close();
  }
}
