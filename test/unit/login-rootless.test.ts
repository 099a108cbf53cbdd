import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config.ts";
import { StageError } from "../../src/errors.ts";
import { renderEvent } from "../../src/events.ts";
import { prepareOwnAccount } from "../../src/login-rootless.ts";
import { createFakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const SELF = { uid: 1000, gid: 1000 };
const PROGRAM = { mode: 0o755 };

function world(app = "app:x:1000:1000::/home/app:/bin/sh", files: Readonly<Record<string, Seed>> = {}, self = SELF) {
  return createFakeHost({
    self,
    files: {
      "/bin/sh": PROGRAM,
      "/sbin/nologin": { text: "\x7fELF", ...PROGRAM },
      "/etc/passwd": `root:x:0:0::/root:/bin/sh\n${app}\nother:x:1001:1001::/home/other:/bin/sh\n`,
      "/etc/shadow": { text: "app:!:19000::::::\n", mode: 0o640 },
      "/home/app/": { ...SELF },
      ...files,
    },
  });
}

function prepare(host = world(), users?: readonly string[]) {
  try {
    const accounts = prepareOwnAccount(host, { port: 2222, users } as Config);
    return { names: accounts.map(({ name }) => name), log: host.events.map((event) => renderEvent(event).msg) };
  } catch (error) {
    if (error instanceof StageError) return { refused: error.message };
    throw error;
  } finally {
    expect(host.openDirs()).toEqual([]);
  }
}

describe("the login user without root", () => {
  test("is who we are, and a shadow that we cannot read keeps nobody out", () => {
    const host = world();
    expect(prepare(host)).toEqual({ names: ["app"], log: [] });
    expect(host.mutations()).toBe(0);
  });

  test("is served beside others that are named, who are told", () => {
    const { names, log } = prepare(world(), ["other", "app", "ghost"]);
    expect(names).toEqual(["app"]);
    expect(log).toHaveLength(2);
    expect(log?.[0]).toContain("without root nobody but app can log in — saw WITHSSH_USERS names other");
    expect(log?.[1]).toContain("ghost");
  });

  test("is nobody where only others are named, or where /etc/passwd does not know us", () => {
    expect(prepare(world(), ["other"]).refused).toContain("without root nobody but app can log in");
    expect(prepare(world(undefined, {}, { uid: 4242, gid: 0 })).refused).toContain("uid 4242 has no line");
    const host = world();
    host.delete("/etc/passwd");
    expect(prepare(host).refused).toContain("uid 1000 has no line");
  });

  test("is not unlocked: that would take root, and is told with the line for a Dockerfile", () => {
    const host = world(undefined, { "/etc/shadow": { text: "app:!:19000::::::\n", mode: 0o644 } });
    expect(prepare(host).refused).toBe(
      "the account app is locked, and only root could unlock it — hint: in the image: RUN usermod -p '*' app (Alpine: apk add shadow first)",
    );
    expect(host.mutations()).toBe(0);
  });

  test("with nologin in the image's own line gets the way to change that line", () => {
    const { refused } = prepare(world("app:x:1000:1000::/home/app:/sbin/nologin"));
    expect(refused).toContain("app has no login shell");
    expect(refused).toContain("usermod --shell /bin/sh app");
  });

  test("with nologin in a line that the platform gave gets lines for the Dockerfile that do what can be done", () => {
    const host = world("1000:x:1000:0:1000 user:/home/app:/sbin/nologin");
    expect(prepare(host).refused).toContain(
      `in the Dockerfile: RUN rm -f /sbin/nologin && (echo '#!/bin/sh'; echo 'exec /bin/sh "$@"') >/sbin/nologin && chmod 755 /sbin/nologin`,
    );
    host.put("/sbin/nologin", { text: '#!/bin/sh\nexec /bin/sh "$@"\n', ...PROGRAM });
    expect(prepare(host).names).toEqual(["1000"]);
    host.put("/sbin/nologin", { text: "#!/bin/sh\necho not available\nexit 1\n", ...PROGRAM });
    expect(prepare(host).refused).toContain("no login shell");
  });

  test("gets a missing home where we may make it, and logs in without where we may not", () => {
    const own = world("app:x:1000:1000::/data/app:/bin/sh", { "/data/": { ...SELF } });
    expect(prepare(own)).toEqual({ names: ["app"], log: [] });
    expect(own.node("/data/app")).toMatchObject({ kind: "directory", mode: 0o700, ...SELF });
    const { names, log } = prepare(world("app:x:1000:1000::/srv/app:/bin/sh", { "/srv/": {} }));
    expect(names).toEqual(["app"]);
    expect(log).toEqual([expect.stringContaining("the home of app cannot be made: /srv/app")]);
  });
});
