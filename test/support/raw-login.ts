/** A login that the real client refuses to try: it checks names (ssh.c, valid_ruser), a hostile one does not. */
import { readFile } from "node:fs/promises";
import { Client } from "ssh2";
import type { Container } from "./container.ts";
import type { TestKey } from "./ssh.ts";

/** Knocks as `username`, whatever is in it, and gives what the client says: "ready", or why not. */
export async function knockAs({ port }: Container, username: string, key: TestKey): Promise<string> {
  const privateKey = await readFile(key.path);
  return await new Promise((resolve) => {
    const client = new Client();
    client.on("ready", () => resolve("ready")).on("error", ({ message }) => resolve(message));
    client.on("close", () => resolve("closed"));
    client.on("ready", () => client.end()).connect({ host: "127.0.0.1", port, username, privateKey });
  });
}

/** Tries one key as root and then says nothing more; gives what ends the connection, once the key was refused. */
export async function tryAndWait({ port }: Container, key: TestKey): Promise<() => void> {
  const privateKey = await readFile(key.path);
  return await new Promise((resolve) => {
    const client = new Client();
    client
      .on("error", () => {})
      .connect({
        host: "127.0.0.1",
        port,
        username: "root",
        readyTimeout: 0,
        authHandler: (methodsLeft, _, next) => {
          if (methodsLeft === null) next({ type: "publickey", username: "root", key: privateKey });
          else resolve(() => client.destroy());
        },
      });
  });
}
