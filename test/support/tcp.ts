/** Bare TCP connections to a container's published port: what sshd says first, and when it is there to say it. */
import { connect } from "node:net";
import type { Container } from "./container.ts";

/**
 * The first line of what listens ("SSH-2.0-..."), or undefined where the connection ends without one. Docker's proxy takes
 * connections also while nothing listens behind it, so only a banner tells.
 */
export async function readBanner({ port }: Container): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1").once("data", (text) => {
      resolve(String(text).split("\r\n")[0]);
      socket.destroy();
    });
    socket.on("error", () => {}).on("close", () => resolve(undefined));
  });
}

/** Connects until there is a banner, and gives the time that this took, in milliseconds. Rejects at the deadline. */
export async function waitForBanner(container: Container, deadlineMs: number): Promise<number> {
  const began = performance.now();
  while ((await readBanner(container)) === undefined) {
    if (performance.now() - began > deadlineMs) throw new Error(`no banner within ${deadlineMs} ms`);
  }
  return performance.now() - began;
}

/** Connects, says nothing, ends its side and waits for the other's end: what a health check does. */
export async function connectAndEnd({ port }: Container): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end());
    socket.on("error", () => {}).on("close", () => resolve());
    socket.resume();
  });
}
