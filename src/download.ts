/**
 * One https request of the runtime's own fetch, with a deadline and a bound on what is read. Follows no redirect and
 * judges nothing; never shows what came back.
 */
import { OsError } from "./errors.ts";
import type { Download, DownloadOptions } from "./host.ts";

/** Throws `OsError`: ETIMEDOUT, EFBIG, or what the runtime calls the failure of name, connection or certificate. */
export async function download(operation: string, url: string, options: DownloadOptions): Promise<Download> {
  const place = url.split(/[?#]/, 1)[0] ?? "";
  const fail = (code: string) => new OsError(code, "fetch", operation, place);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeoutMs);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: abort.signal,
      headers: { accept: "text/plain, */*;q=0.1", "accept-encoding": "identity", "user-agent": "withssh" },
      ...(options.roots === undefined ? {} : { tls: { ca: await withOwnRoots(options.roots) } }),
    });
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > options.maxBytes) throw fail("EFBIG");
      chunks.push(chunk);
    }
    return {
      status: response.status,
      type: response.headers.get("content-type") ?? "",
      location: response.headers.get("location") ?? undefined,
      bytes: new Uint8Array(Buffer.concat(chunks)),
    };
  } catch (error) {
    if (error instanceof OsError) throw error;
    if (abort.signal.aborted) throw fail("ETIMEDOUT");
    const { code, name } = error as { code?: unknown; name?: unknown };
    throw fail(String(code ?? name ?? "failed"));
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** `ca` replaces the runtime's roots: they are said too. */
async function withOwnRoots(roots: string): Promise<string[]> {
  const { rootCertificates } = await import("node:tls");
  return [...rootCertificates, roots];
}
