/**
 * Images whose app is an unprivileged user with some sudo grant, and an app that tries to get root back: each try is one
 * line of what it said and how it ended.
 */
import { buildImage } from "./boot.ts";
import type { Container } from "./container.ts";
import type { Base } from "./test-images.ts";

export const WITHSSH = "/usr/local/bin/withssh";
export const SCOPED = `app ALL=(root) NOPASSWD: ${WITHSSH} --supervise`;

const INSTALL = {
  debian: "RUN apt-get update && apt-get install --yes --no-install-recommends sudo && useradd -m -s /bin/sh app",
  musl: "RUN apk add --no-cache sudo && adduser -D app && sed -i 's/^app:!/app:*/' /etc/shadow",
} as const;
const made = new Map<Base, Promise<string>>();

/** An image on `base` with sudo, the user `app`, and nothing granted. `lines` come after, as root; the app is `app`'s. */
export async function sudoImage(base: Base, lines: readonly string[], grant?: string): Promise<string> {
  const known = made.get(base) ?? buildImage({ base, lines: [INSTALL[base]] });
  made.set(base, known);
  const write = grant === undefined ? [] : [grantLine(grant)];
  return await buildImage({ from: await known, lines: ["USER root", ...write, ...lines, "USER app"] });
}

/** A `RUN` line that writes this text as /etc/sudoers.d/withssh. */
export function grantLine(text: string, path = "/etc/sudoers.d/withssh"): string {
  const encoded = Buffer.from(`${text}\n`).toString("base64");
  return `RUN echo ${encoded} | base64 -d > ${path} && chmod 440 ${path}`;
}

/** Runs a shell script inside as the app's user. */
export async function asApp(container: Container, script: string, stdin = "") {
  return await container.exec(["sh", "-c", script], { user: "app", stdin });
}
