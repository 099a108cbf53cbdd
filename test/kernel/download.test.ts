/** One https request by the runtime's own fetch: bounded in time and size, never redirected, never unproved. */
import { beforeAll, expect, test } from "vitest";
import { download } from "../../src/download.ts";
import { startTlsServer, type TlsServer } from "../support/tls-server.ts";

const DEADLINE_MS = 300;
const MOST_BYTES = 1000;
let server: TlsServer;

beforeAll(async () => {
  server = await startTlsServer((path) => {
    if (path === "/slow") return new Promise<Response>(() => {});
    if (path === "/trickle") return new Response(new ReadableStream({ start: (to) => to.enqueue("ssh-ed25519 ") }));
    if (path === "/huge") return new Response("x".repeat(MOST_BYTES + 1));
    if (path === "/elsewhere")
      return new Response("moved", { status: 302, headers: { location: "http://evil.example/" } });
    return new Response("keys", { status: 404, headers: { "content-type": "text/plain" } });
  });
});

const get = async (path: string, roots: string | undefined = server.roots) =>
  await download("test", `https://127.0.0.1:${server.port}${path}?token=SECRET`, {
    timeoutMs: DEADLINE_MS,
    maxBytes: MOST_BYTES,
    ...(roots === undefined ? {} : { roots }),
  });

test("what the server says is given as it is: status, type, bytes", async () => {
  const answer = await get("/keys");
  expect({ ...answer, bytes: Buffer.from(answer.bytes).toString() }).toEqual({
    status: 404,
    type: expect.stringContaining("text/plain"),
    location: undefined,
    bytes: "keys",
  });
});

test("a redirect is not followed", async () => {
  expect(await get("/elsewhere")).toMatchObject({ status: 302, location: "http://evil.example/" });
});

test.each([
  ["no answer", "/slow", "ETIMEDOUT"],
  ["an answer that does not end", "/trickle", "ETIMEDOUT"],
  ["an answer beyond the bound", "/huge", "EFBIG"],
])("%s is a failure, and shows nothing of the query", async (_, path, code) => {
  const error = await get(path).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  expect(JSON.stringify(error) + String(error)).not.toContain("SECRET");
});

test("a server that no root vouches for is not believed", async () => {
  const url = `https://127.0.0.1:${server.port}/keys`;
  await expect(download("test", url, { timeoutMs: 10_000, maxBytes: MOST_BYTES })).rejects.toMatchObject({
    code: expect.stringMatching(/VERIFY|CERT|ISSUER/),
  });
});
