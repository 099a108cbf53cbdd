/**
 * Where a link of the image ends, for the few root-owned paths where links are usual (a ConfigMap, a program). `Dir`
 * never follows one; nothing below a volume is ever asked about here.
 */
import type { Host } from "./host.ts";

const READLINK_PATHS = ["/usr/bin/readlink", "/bin/readlink"] as const;
const TIMEOUT_MS = 5000;

/** The path with every link resolved; the path itself where the image has no readlink(1) or it does not know. */
export async function resolveLink(host: Host, operation: string, path: string): Promise<string> {
  const program = READLINK_PATHS.find((candidate) => host.isExecutable(candidate));
  if (program === undefined) return path;
  const result = await host.run(operation, [program, "-f", path], { timeoutMs: TIMEOUT_MS });
  const target = Buffer.from(result.stdout).toString("latin1").replace(/\n$/, "");
  return result.code === 0 && target.startsWith("/") ? target : path;
}
