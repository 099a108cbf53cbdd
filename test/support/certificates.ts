/** Certificates of OpenSSH's own making, where its client looks for them: beside the key. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TestKey } from "./ssh.ts";

export const keygen = async (...args: readonly string[]) => await promisify(execFile)("ssh-keygen", args);

/** A certificate of `ca` for `key`, for an hour; gives the key. */
export async function sign(
  ca: TestKey,
  key: TestKey,
  principals: string,
  extra: readonly string[] = [],
): Promise<TestKey> {
  await keygen("-q", "-s", ca.path, "-I", "ina", "-n", principals, "-V", "-1m:+1h", ...extra, `${key.path}.pub`);
  return key;
}
