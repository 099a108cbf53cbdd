import { expect, test } from "vitest";
import type { Download } from "../../src/host.ts";
import { askUrl, judgeAnswer, readUrlCopies, splitUrls, urlName, writeUrlCopy } from "../../src/key-url.ts";
import { delayBeforeAsking } from "../../src/key-url-refresh.ts";
import { createFakeHost } from "../support/fake-host.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const URL_1 = "https://code.example/ina.keys";
const KEY = `${SAMPLE_KEYS.ed25519.line}\n`;
type Answers = Record<string, (Partial<Download> & { text?: string }) | undefined>;

const ask = async (answers: Answers) =>
  await askUrl(createFakeHost({ downloads: (url) => answers[url] }), URL_1, undefined);
const answer = (text: string, more: Partial<Download> = {}) =>
  judgeAnswer(URL_1, { status: 200, type: "text/plain", location: undefined, bytes: Buffer.from(text), ...more });

test("a list of keys is taken as it is, whatever its type, bad lines included", async () => {
  expect(await ask({ [URL_1]: { text: KEY } })).toEqual({ text: KEY });
  expect(answer(`junk\n${KEY}`, { type: "application/octet-stream" })).toEqual({ text: `junk\n${KEY}` });
});

test.each<[string, string, Partial<Download>]>([
  ["a page of html", `<pre>\n${KEY}</pre>`, { type: "text/html; charset=utf-8" }],
  ["an error with keys in it", KEY, { status: 404 }],
  ["a success without a body", "", { status: 204 }],
  ["a page that says nothing of its type", "<!doctype html><p>Please log in", { type: "" }],
  ["an empty page", "", { type: "text/html" }],
  ["a key with more lines behind it than anybody has", `${KEY}${"x\n".repeat(100_000)}`, {}],
  ["json", `{"key": null}`, { type: "application/json" }],
])("%s is no list of keys", (_name, text, more) => {
  expect(answer(text, more)).toMatchObject({ problem: { what: `${URL_1} gave no keys` } });
});

test("an empty text/plain says that there is no key any more", () => {
  expect(answer("\n", { type: "text/plain; charset=utf-8" })).toEqual({ text: "" });
});

test("a redirect is followed on its own https host alone, and not for ever", async () => {
  const to = (location: string) => ({ status: 302, location });
  expect(await ask({ [URL_1]: to("/k"), "https://code.example/k": { text: KEY } })).toEqual({ text: KEY });
  for (const location of [
    "http://code.example/k",
    "https://evil.example/k",
    "//evil.example/k",
    "https://code.example:8443/k",
    "https://[",
  ]) {
    const answers = { [URL_1]: to(location), [location]: { text: KEY } };
    expect(await ask(answers)).toMatchObject({ problem: { saw: "a redirect off its https host" } });
  }
  expect(await ask({ [URL_1]: to(URL_1) })).toMatchObject({ problem: { saw: "more than 5 redirects" } });
});

test("an answer beyond a mebibyte and a host that is not there are failures in words", async () => {
  expect(await ask({ [URL_1]: { text: KEY.repeat(20_000) } })).toMatchObject({
    problem: { saw: "more than 1048576 bytes" },
  });
  expect(await ask({})).toMatchObject({
    problem: { saw: "ENOTFOUND", hint: expect.stringContaining("SSL_CERT_FILE") },
  });
});

test("what stands behind ? is never shown", async () => {
  expect(urlName("https://x.example/keys?token=SECRET#y")).toBe("https://x.example/keys");
  const host = createFakeHost({ downloads: () => ({ status: 403 }) });
  expect(JSON.stringify(await askUrl(host, "https://x.example/keys?token=SECRET", undefined))).not.toContain("SECRET");
});

test("each URL is asked once, however often it is named", () => {
  expect(splitUrls(`${URL_1}\n https://b.example/x  ${URL_1}\n`)).toEqual([URL_1, "https://b.example/x"]);
});

test("a copy is root's alone, counts for its URL and no other, and goes with it", () => {
  const host = createFakeHost({ files: { "/private/": { mode: 0o700 }, "/private/sshd_config": "x" } });
  const dir = host.openDir("test", "/private");
  expect(writeUrlCopy(dir, URL_1, KEY)).toBe(true);
  expect(writeUrlCopy(dir, URL_1, KEY)).toBe(false);
  const [name = ""] = dir.list("test").filter((one) => one !== "sshd_config");
  expect(dir.stat("test", name)).toMatchObject({ mode: 0o600, uid: 0 });
  const copies = readUrlCopies(dir, [URL_1, "https://b.example/x"]);
  expect(copies.map(({ name, lines }) => [name, [...lines].map(({ line }) => `${line}\n`)])).toEqual([
    [URL_1, [KEY, "\n"]],
  ]);
  expect(writeUrlCopy(dir, URL_1, "")).toBe(true);
  expect(readUrlCopies(dir, [`${URL_1}?other`])).toEqual([]);
  expect(dir.list("test")).toEqual(["sshd_config"]);
});

test("a URL is asked again after 1 s, then ever later up to 60 s, and once it has answered at the refresh interval", () => {
  const first = (failures: number) => delayBeforeAsking(900_000, { failures, hasAnswered: false }, 0.5);
  expect([1, 2, 3, 6, 7, 50].map(first)).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
  const later = (random: number) => delayBeforeAsking(900_000, { failures: 3, hasAnswered: true }, random);
  expect([later(0), later(0.5), later(1)]).toEqual([810_000, 900_000, 990_000]);
});
