/** SSL_CERT_FILE, as OpenSSL knows it: more TLS roots than the runtime's own, for URLs that are asked for keys. */
import type { Host } from "./host.ts";
import { envMap } from "./process-facts.ts";
import { readTextSource } from "./text-source.ts";

/** Their text (PEM); undefined where none is named, or it cannot be read, which is told. */
export function readUrlRoots(host: Host, environment: readonly string[]): string | undefined {
  const file = envMap(environment).get("SSL_CERT_FILE");
  if (file === undefined || !file.startsWith("/")) return undefined;
  const text = readTextSource(host, { file }, "SSL_CERT");
  if ("bytes" in text) return Buffer.from(text.bytes).toString("latin1");
  host.emit({ type: "warning", problem: { ...text.problem, what: "SSL_CERT_FILE cannot be read" } });
  return undefined;
}
