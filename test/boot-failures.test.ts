/** A boot in which one host call fails, at every call that a clean boot makes: what may never happen then. */
import { describe, expect, test } from "vitest";
import { OsError } from "../src/errors.ts";
import { bootOn, createImage, identityOf, PERSON } from "./support/boot-world.ts";
import { type Call, CrashError, type FakeHost } from "./support/fake-host.ts";
import { storedKeys } from "./support/host-key-world.ts";

/** Every stage has something to write: two users, a repair, a missing home, operator lines, a PATH. */
const ENVIRONMENT = {
  AUTHORIZED_KEYS: PERSON.line,
  PATH: "/opt/bin",
  WITHSSH_USERS: "root,locked",
  WITHSSH_SSHD_CONFIG: "MaxSessions 2",
};
const WORLDS: Readonly<Record<string, () => FakeHost>> = {
  "a first start": () => createImage(),
  "a start with keys on the volume": () => createImage(storedKeys()),
};
const HOST_KEY = /\/ssh_host_\w+_key(?:\.pub)?$/;
const WHOLE_HOST_KEY =
  /^file 0600 0:0 -----BEGIN OPENSSH PRIVATE KEY-----\n[^-]+-----END OPENSSH PRIVATE KEY-----\n$|^file 0644 0:0 \S+ \S+\n$/;

/** Boots with the nth call that counts failing; gives the call, and what came of the boot. */
async function bootFailing(host: FakeHost, nth: number, code: string, counts: (call: Call) => boolean) {
  let left = nth;
  let failed: Call | undefined;
  host.onCall = (call) => {
    if (!counts(call) || --left !== 0) return;
    failed = call;
    throw new OsError(code, call.call, call.operation, call.path);
  };
  const booted = await bootOn(host, ENVIRONMENT);
  return { ...booted, failed };
}

async function bootClean(create: () => FakeHost) {
  const host = create();
  const before = host.snapshot();
  const { plan } = await bootOn(host, ENVIRONMENT);
  return { host, before, after: host.snapshot(), identity: identityOf(plan) };
}

/** What fails may move the host keys to their other place, or leave one out: the rest of the config stays. */
const withoutHostKeys = (text: string | undefined) => text?.replace(/^HostKey .*\n/gm, "");
/** Where things go when their first place fails; a home is made under this name, and the next start takes it up. */
const OTHER_PLACES = new Set(["/run/withssh/private/host-keys", "/home/.locked.withssh"]);

/** Paths that are neither as they were nor as a clean boot leaves them. */
function findHalfFiles(host: FakeHost, before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.entries(host.snapshot()).flatMap(([path, now]) => {
    if (now === before[path] || withoutHostKeys(now) === withoutHostKeys(after[path])) return [];
    // Fresh keys differ from boot to boot: whole is what counts.
    const isWhole = HOST_KEY.test(path) ? WHOLE_HOST_KEY.test(now) : OTHER_PLACES.has(path);
    return isWhole ? [] : [`${path}: ${now.split("\n")[0]}`];
  });
}

for (const [name, create] of Object.entries(WORLDS)) {
  describe(`when a call fails in ${name}`, () => {
    test.each(["EIO", "EROFS", "ENOSPC"])(
      "%s at any change: a StageError or a plan, no half files, one identity",
      async (code) => {
        const clean = await bootClean(create);
        const changes = clean.host.calls.filter((call) => call.mutates);
        expect(changes.length).toBeGreaterThan(20);
        for (let nth = 1; nth <= changes.length; nth++) {
          const host = create();
          const { plan, failed } = await bootFailing(host, nth, code, (call) => call.mutates);
          const at = `${nth} ${failed?.operation}: ${failed?.call} ${failed?.path}`;
          // A file whose removal fails stays: only the next start can do better.
          const left = failed?.call === "remove" ? [] : findHalfFiles(host, clean.before, clean.after);
          expect({ at, left }).toEqual({ at, left: [] });
          expect({ at, open: host.openDirs().filter((path) => !path.startsWith("/run/withssh/")) }).toEqual({
            at,
            open: [],
          });

          const next = await bootOn(host.restart(), ENVIRONMENT);
          const served = plan === undefined || plan.identity.inMemory ? {} : identityOf(plan);
          expect({ at, identity: identityOf(next.plan) }).toEqual({ at, identity: expect.objectContaining(served) });
          if (name !== "a first start")
            expect({ at, identity: identityOf(next.plan) }).toEqual({ at, identity: clean.identity });
        }
      },
    );

    test("EIO at any call at all: a StageError or a plan, and never another identity beside the one on the volume", async () => {
      const clean = await bootClean(create);
      for (let nth = 1; nth <= clean.host.calls.length; nth++) {
        const host = create();
        const { plan, failed } = await bootFailing(host, nth, "EIO", () => true);
        const at = `${nth} ${failed?.operation}: ${failed?.call} ${failed?.path}`;
        const known = name === "a first start" ? identityOf(plan) : clean.identity;
        expect({ at, known: Object.values(known) }).toEqual({
          at,
          known: expect.arrayContaining(Object.values(identityOf(plan))),
        });
        const next = await bootOn(host.restart(), ENVIRONMENT);
        expect({ at, next: next.failure?.message }).toEqual({ at, next: undefined });
        if (plan?.identity.inMemory === false)
          expect({ at, identity: identityOf(next.plan) }).toEqual({
            at,
            identity: expect.objectContaining(identityOf(plan)),
          });
      }
    });

    test.each(["before", "halfway", "after"] as const)(
      "killed %s any change: the next start serves, and lets the same users in",
      async (when) => {
        const clean = await bootClean(create);
        for (let nth = 1; nth <= clean.host.mutations(); nth++) {
          const host = create();
          host.crashAt(nth, when);
          const killed = await bootOn(host, ENVIRONMENT).catch((error: unknown) => error);
          expect(killed).toBeInstanceOf(CrashError);
          const next = host.restart();
          const { plan } = await bootOn(next, ENVIRONMENT);
          const at = (killed as CrashError).message;
          expect({ at, users: plan?.accounts.map((account) => account.name) }).toEqual({
            at,
            users: ["root", "locked"],
          });
          expect({ at, home: next.snapshot("/home")["/home/locked"] }).toEqual({
            at,
            home: "directory 0700 1002:1002",
          });
          if (name !== "a first start")
            expect({ at, identity: identityOf(plan) }).toEqual({ at, identity: clean.identity });
        }
      },
    );
  });
}
