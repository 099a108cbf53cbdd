/**
 * Keys behind https URLs: what a server's answer is worth, and the last good answer on disk, root-only and bound to its
 * URL. An error page is never a list of keys, and nothing leads off https or to another host.
 */
import type { KeySource } from "./authorized-keys.ts";
import { isOsError, type Problem } from "./errors.ts";
import type { Dir, Download, Host } from "./host.ts";
import { parseKeyLine } from "./key-line.ts";
import { decodeKeyFile, hasTooManyLines, lazyKeyFile, MOST_LINES } from "./key-text.ts";
import { replaceFile } from "./state-directory.ts";

export type UrlAnswer = { readonly text: string } | { readonly problem: Problem };

const OPERATION = "read keys from a URL";
const MAX_URL_BYTES = 1 << 20;
const TIMEOUT_MS = 10_000;
const MOST_REDIRECTS = 5;
const COPY = /^url-keys\.[0-9a-f]{64}$/;

/** The URLs of the setting's text, each once. */
export function splitUrls(text: string): string[] {
  return [...new Set(text.split(/\s+/).filter((url) => url.startsWith("https://")))];
}

/** How a URL is shown: what stands behind ? may be a token. */
export function urlName(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? "";
}

/** Asks the server, redirects on the same https host followed. `roots`: more certificates (PEM) to trust. */
export async function askUrl(host: Host, url: string, roots: string | undefined): Promise<UrlAnswer> {
  let at = url;
  const options = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_URL_BYTES, ...(roots === undefined ? {} : { roots }) };
  try {
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const answer = await host.download(OPERATION, at, options);
      if (answer.location === undefined || answer.status < 300 || answer.status > 399) return judgeAnswer(url, answer);
      const next = URL.canParse(answer.location, at) ? new URL(answer.location, at) : undefined;
      if (next?.protocol !== "https:" || next.host !== new URL(url).host) {
        return refuse(url, "a redirect off its https host", "name the URL that answers itself");
      }
      at = next.href;
    }
    return refuse(url, `more than ${MOST_REDIRECTS} redirects`, "name the URL that answers itself");
  } catch (error) {
    if (!isOsError(error)) throw error;
    if (error.code === "EFBIG") return refuse(url, `more than ${MAX_URL_BYTES} bytes`, "is it a list of keys?");
    return refuse(url, error.code, "is the name right and the host reachable; SSL_CERT_FILE names more TLS roots");
  }
}

/** Keys, or an empty text/plain (all keys were taken away), with status 200; nothing else. */
export function judgeAnswer(url: string, { status, type, bytes }: Download): UrlAnswer {
  const hint = "open the URL: it must show public keys, one a line";
  if (status !== 200) return refuse(url, `status ${status}`, hint);
  if (/\bhtml\b/i.test(type)) return refuse(url, "a page, not a list of keys", hint);
  const text = decodeKeyFile(bytes);
  if (text.trim() === "") {
    return /^text\/plain\b/i.test(type) ? { text: "" } : refuse(url, "an empty answer that is no text/plain", hint);
  }
  if (hasTooManyLines(text)) return refuse(url, `more than ${MOST_LINES} lines`, "is it a list of keys?");
  for (const { line } of lazyKeyFile(text)) if (parseKeyLine(line).verdict === "key") return { text };
  return refuse(url, "no key in the answer", hint);
}

/** The last good answers as sources; the copies of URLs that are no longer named go. `directory` is root-only. */
export function readUrlCopies(directory: Dir, urls: readonly string[]): KeySource[] {
  const names = new Map(urls.map((url) => [copyName(url), url]));
  const sources: KeySource[] = [];
  for (const name of directory.list(OPERATION)) {
    if (!COPY.test(name)) continue;
    const url = names.get(name);
    if (url === undefined) directory.remove(OPERATION, name);
    else {
      const text = decodeKeyFile(directory.read(OPERATION, name, MAX_URL_BYTES).bytes);
      sources.push({ name: urlName(url), lines: lazyKeyFile(text) });
    }
  }
  return sources;
}

/** Keeps an answer. False: it is what was there. */
export function writeUrlCopy(directory: Dir, url: string, text: string): boolean {
  const name = copyName(url);
  const bytes = Buffer.from(text, "utf8");
  if (directory.stat(OPERATION, name) !== undefined) {
    if (Buffer.compare(directory.read(OPERATION, name, MAX_URL_BYTES).bytes, bytes) === 0) return false;
  }
  replaceFile(directory, OPERATION, name, bytes, 0o600);
  return true;
}

function copyName(url: string): string {
  return `url-keys.${new Bun.CryptoHasher("sha256").update(url).digest("hex")}`;
}

function refuse(url: string, saw: string, hint: string): UrlAnswer {
  return { problem: { what: `${urlName(url)} gave no keys`, saw, hint } };
}
