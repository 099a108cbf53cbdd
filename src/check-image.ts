/**
 * What an image lacks, or has too much of, that no start would tell: for `--check --build` in a `RUN` line. Only looks.
 */
import { type CheckLine, line } from "./check-lines.ts";
import { isOsError } from "./errors.ts";
import type { Host } from "./host.ts";
import { listIfThere } from "./if-there.ts";
import { IMAGE_SSH_DIRECTORY } from "./paths.ts";
import type { Programs } from "./programs.ts";

const OPERATION = "look at the image";
const HOST_KEY = /^ssh_host_.*_key$/;

/** Keys in a layer belong to everybody who can pull the image. */
export function findBakedKeys(host: Host): CheckLine[] {
  let names: string[];
  try {
    names = listIfThere(host, OPERATION, IMAGE_SSH_DIRECTORY, ["ENOENT", "ENOTDIR"]);
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = "whether host keys are baked in cannot be seen";
    const hint = "ask as root: put USER root before the RUN line";
    return [line("unknown", "image", { what, saw: `${IMAGE_SSH_DIRECTORY}: ${error.code}`, hint })];
  }
  names = names.filter((name) => HOST_KEY.test(name));
  if (names.length === 0) return [line("ok", "image", "no host keys are baked in")];
  const what = "host keys are baked into the image: everybody who can pull it has them, and they are not used";
  const hint = `in the RUN line that installs sshd: rm -f ${IMAGE_SSH_DIRECTORY}/ssh_host_*`;
  return [line("warn", "image", { what, saw: names.join(", "), hint })];
}

/** What belongs to sshd and is missed only when somebody needs it. */
export function describePrograms({ sshd, version, keygen, sftpServer }: Programs): CheckLine[] {
  const noKeygen = "no ssh-keygen: no host key can be made, and none in PEM form be read";
  return [
    line("ok", "sshd", `OpenSSH ${version.major}.${version.minor} at ${sshd}`),
    keygen === undefined
      ? line("warn", "sshd", { what: noKeygen, hint: "apt-get install openssh-client, apk add openssh-keygen" })
      : line("ok", "sshd", `ssh-keygen at ${keygen}`),
    line(sftpServer === undefined ? "note" : "ok", "sshd", `sftp by ${sftpServer ?? "sshd itself (internal-sftp)"}`),
  ];
}
