/** An https server of the test, under an authority of its own, as containers reach it by a name. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import { makeDir } from "./ssh.ts";

export const TLS_HOST = "keys.test";

export interface TlsServer {
  readonly port: number;
  /** The authority's certificate. */
  readonly roots: string;
  /** For `host` of a container that is to reach it. */
  readonly extraHosts: readonly string[];
}

const openssl = async (args: readonly string[]) => await promisify(execFile)("openssl", args);
const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts one that containers reach by the bridge they are on; it ends with the test file. */
export async function startTlsServer(answer: (path: string) => Response | Promise<Response>): Promise<TlsServer> {
  const dir = await makeDir();
  const at = (name: string) => join(dir, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const ca = ["-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", at("ca.key"), "-out", at("ca.pem")];
  await openssl(["req", ...key, ...ca]);
  await openssl(["req", ...key, "-subj", `/CN=${TLS_HOST}`, "-keyout", at("key.pem"), "-out", at("csr.pem")]);
  await writeFile(at("names"), `subjectAltName=DNS:${TLS_HOST},IP:127.0.0.1\n`);
  const sign = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-extfile", at("names"), "-days", "2"];
  await openssl(["x509", "-req", "-in", at("csr.pem"), ...sign, "-out", at("cert.pem")]);
  const [cert, privateKey] = await Promise.all([readFile(at("cert.pem"), "utf8"), readFile(at("key.pem"), "utf8")]);
  const server = Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    tls: { cert, key: privateKey },
    fetch: (request) => answer(new URL(request.url).pathname),
  });
  stops.push(() => server.stop(true));
  const extraHosts = [`${TLS_HOST}:host-gateway`];
  return { port: Number(server.port), roots: await readFile(at("ca.pem"), "utf8"), extraHosts };
}
