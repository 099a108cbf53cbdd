/** An image in memory with OpenSSH in it, for whole boots: what is there, and what a boot made of it. */

import { boot, type Doorkeeper, type Plan } from "../../src/boot.ts";
import { parseConfig } from "../../src/config.ts";
import { StageError } from "../../src/errors.ts";
import { renderEvent } from "../../src/events.ts";
import { fingerprintOf } from "../../src/fingerprint.ts";
import { envMap } from "../../src/process-facts.ts";
import type { Request } from "../../src/request.ts";
import { wake } from "../../src/wake.ts";
import { createFakeHost, type FakeHost, type FakeHostOptions } from "./fake-host.ts";
import type { Seed } from "./fake-tree.ts";
import { keygen } from "./host-key-world.ts";
import { SAMPLE_KEYS } from "./sample-keys.ts";

export const PERSON = SAMPLE_KEYS.ed25519;
export const OTHER = SAMPLE_KEYS.ed25519Second;
export const APP_UID = 1000;

const PROGRAM = { mode: 0o755 };

/** A Debian-like image: root, app (1000), deploy (1001), and three accounts that nobody can log in to as they are. */
export const IMAGE: Readonly<Record<string, Seed>> = {
  "/bin/sh": PROGRAM,
  "/usr/sbin/nologin": PROGRAM,
  "/usr/sbin/sshd": { text: "\0OpenSSH_9.2p1 Debian-2\0\0/run/sshd\0", ...PROGRAM },
  "/usr/lib/openssh/sftp-server": PROGRAM,
  "/etc/passwd": [
    "root:x:0:0:root:/root:/bin/sh",
    "app:x:1000:1000::/home/app:/bin/sh",
    "deploy:x:1001:1001::/home/deploy:/bin/sh",
    "locked:x:1002:1002::/home/locked:/bin/sh",
    "web:x:33:33::/var/www:/usr/sbin/nologin",
    "",
  ].join("\n"),
  "/etc/shadow": {
    text: "root:*:19000:0:99999:7:::\napp:*:19000::::::\ndeploy:*:19000::::::\nlocked:!:19000::::::\nweb:*:19000::::::\n",
    mode: 0o640,
    gid: 42,
  },
  "/etc/ssh/sshd_config": "UsePAM yes\nBanner /etc/issue.net\n",
  "/etc/profile.d/": {},
  "/root/": { mode: 0o700 },
  "/home/app/": { mode: 0o700, uid: 1000, gid: 1000 },
  "/home/deploy/": { mode: 0o700, uid: 1001, gid: 1001 },
  "/run/": {},
  "/volume/": { mount: {} },
};

/** The image, with more files in it or (undefined) some of its own gone. */
export function createImage(files: Readonly<Record<string, Seed | undefined>> = {}, options: FakeHostOptions = {}) {
  const all = Object.entries({ ...IMAGE, ...files })
    .filter((entry): entry is [string, Seed] => entry[1] !== undefined)
    // Directories before what is in them: those may be mounts.
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createFakeHost({ helpers: { "ssh-keygen": keygen() }, ...options, files: Object.fromEntries(all) });
}

export interface Booted {
  readonly plan: Plan | undefined;
  readonly failure: StageError | undefined;
}

/** One boot under these variables. What is no `StageError` is thrown. */
export async function bootOn(
  host: FakeHost,
  environment: Readonly<Record<string, string>> = { AUTHORIZED_KEYS: PERSON.line },
  changes: Partial<Request> = {},
  door?: Doorkeeper,
): Promise<Booted> {
  const entries = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const request: Request = {
    mode: "root",
    appPid: 1,
    appUid: 0,
    appGid: 0,
    appGroups: [],
    hasCommand: true,
    wantsReply: false,
    environment: entries,
    imageSettings: [],
    ...changes,
  };
  const { config } = parseConfig(envMap(entries));
  try {
    const woken = await wake(host, config, request, () => {});
    return { plan: await boot(host, config, request, woken, door), failure: undefined };
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    return { plan: undefined, failure: error };
  }
}

/** What people see at the default level, line by line: `info authorized keys`. */
export function logOf(host: FakeHost): string[] {
  return host.events
    .map(renderEvent)
    .filter((line) => line.level !== "debug")
    .map((line) => `${line.level} ${line.msg}`);
}

/** The stages that were begun, in order. */
export function stagesOf(host: FakeHost): string[] {
  return host.events.flatMap((event) => (event.type === "stage" ? [event.stage] : []));
}

/** The helpers that were run. */
export function helpersOf(host: FakeHost): string[] {
  return host.calls.flatMap((call) => (call.argv === undefined ? [] : [call.argv.join(" ")]));
}

/** The lines of the config that sshd is to run under. */
export function configOf(host: FakeHost): string[] {
  return (host.text("/run/withssh/private/sshd_config") ?? "").split("\n");
}

/** `type: fingerprint` of what the plan serves. */
export function identityOf(plan: Plan | undefined): Record<string, string> {
  return Object.fromEntries((plan?.identity.keys ?? []).map((key) => [key.type, fingerprintOf(key.publicBlob)]));
}
