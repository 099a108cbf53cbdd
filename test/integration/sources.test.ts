/** Keys behind URLs: they come when the server answers, stay when it does not, and never hold anybody up. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bases, startContainer } from "../support/boot.ts";
import { APP } from "../support/inside.ts";
import { makeDir, makeKey, ssh } from "../support/ssh.ts";
import { startTlsServer, TLS_HOST } from "../support/tls-server.ts";

const text = (body: string, status = 200) => new Response(body, { status, headers: { "content-type": "text/plain" } });

describe.each(bases)("on %s", (base) => {
  test("keys come from https with a root of SSL_CERT_FILE, are refreshed, and outlast errors and a restart", async () => {
    const [first, second] = await Promise.all([makeKey(), makeKey()]);
    let answer = () => text("down for maintenance", 503);
    const asked: string[] = [];
    const server = await startTlsServer((path) => {
      asked.push(path);
      return answer();
    });
    const roots = join(await makeDir(), "roots.pem");
    await writeFile(roots, server.roots);
    const container = await startContainer({
      base,
      cmd: APP,
      env: {
        AUTHORIZED_KEYS_URL: `https://${TLS_HOST}:${server.port}/ina.keys?token=SECRET`,
        WITHSSH_URL_REFRESH: "1s",
        SSL_CERT_FILE: "/roots.pem",
      },
      binds: [`${roots}:/roots.pem:ro`],
      host: { ExtraHosts: [...server.extraHosts] },
    });
    const failed = await container.waitForLog(({ msg }) => msg.includes("gave no keys"));
    expect(failed).toMatchObject({ level: "error", msg: expect.stringContaining("status 503") });
    answer = () => text(`${first.publicLine}\n`);
    await container.waitForLog("host key made and in use");
    expect((await ssh(container, { key: first, command: "true" })).code).toBe(0);
    answer = () => text(`${second.publicLine}\n`);
    await container.waitForLog("authorized keys changed");
    expect((await ssh(container, { key: second, command: "true" })).code).toBe(0);
    expect((await ssh(container, { key: first, command: "true" })).code).toBe(255);
    answer = () => new Response("<p>log in", { headers: { "content-type": "text/html" } });
    await container.waitForLog(({ msg }) => msg.includes("a page, not a list of keys"));
    expect((await ssh(container, { key: second, command: "true" })).code).toBe(0);
    await container.restart();
    expect((await ssh(container, { key: second, command: "true" })).code).toBe(0);
    expect((await container.logs()).stderr).not.toContain("SECRET");
    expect(new Set(asked)).toEqual(new Set(["/ina.keys"]));
  });

  test("a server that nobody vouches for gives no key, and other sources do not wait for it", async () => {
    const [mine, theirs] = await Promise.all([makeKey(), makeKey()]);
    const server = await startTlsServer(() => text(`${theirs.publicLine}\n`));
    const container = await startContainer({
      base,
      cmd: APP,
      env: { AUTHORIZED_KEYS: mine.publicLine, AUTHORIZED_KEYS_URL: `https://${TLS_HOST}:${server.port}/k` },
      host: { ExtraHosts: [...server.extraHosts] },
    });
    await container.waitForReady();
    await container.waitForLog(({ msg }) => msg.includes("gave no keys"));
    await container.waitForLog("host key made and in use");
    expect((await ssh(container, { key: theirs, command: "true" })).code).toBe(255);
    expect((await ssh(container, { key: mine, command: "true" })).code).toBe(0);
  });

  test("WITHSSH_REQUIRE waits for the first answer, and the app starts with SSH", async () => {
    const key = await makeKey();
    let answers = 0;
    const server = await startTlsServer(() => {
      answers += 1;
      return answers < 3 ? text("", 500) : text(`${key.publicLine}\n`);
    });
    const roots = join(await makeDir(), "roots.pem");
    await writeFile(roots, server.roots);
    const urls = join(await makeDir(), "urls");
    await writeFile(urls, `https://${TLS_HOST}:${server.port}/k\n`);
    const container = await startContainer({
      base,
      cmd: APP,
      env: {
        AUTHORIZED_KEYS_URL_FILE: "/urls",
        SSL_CERT_FILE: "/roots.pem",
        WITHSSH_REQUIRE: "true",
      },
      binds: [`${roots}:/roots.pem:ro`, `${urls}:/urls:ro`],
      host: { ExtraHosts: [...server.extraHosts] },
    });
    await container.waitForLog("host key made and in use");
    expect((await ssh(container, { key, command: "true" })).code).toBe(0);
    expect((await container.logs()).stderr).not.toContain("ssh is down");
  });
});
