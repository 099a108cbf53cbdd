import { describe, expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { renderEvent } from "../../src/events.ts";
import type { StateDirectory } from "../../src/state-directory.ts";
import { listStatePlaces, openRootlessState } from "../../src/state-rootless.ts";
import { createFakeHost, type FakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";

const SELF = { uid: 1000, gid: 1000 };
const OTHER = { uid: 1001, gid: 1001 };
const OURS = { ...SELF, mode: 0o700 };
const TMP = { mode: 0o1777 };

const hostWith = (files: Readonly<Record<string, Seed>>, self = SELF) =>
  createFakeHost({ self, files: { "/proc/sys/kernel/hostname": "web-1\n", ...files } });

interface Given {
  runtimeDirectory?: string;
  home?: string;
  homeKeys?: boolean;
}

function open(host: FakeHost, { runtimeDirectory, home, homeKeys = false }: Given = {}): StateDirectory {
  return openRootlessState(host, { runtimeDirectory, home, homeKeys });
}

function refusal(host: FakeHost, facts: Given = {}): string {
  try {
    open(host, facts);
  } catch (error) {
    if (error instanceof StageError) return error.message;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("the places for an unprivileged state", () => {
  const facts = { uid: 1000, runtimeDirectory: "/run/user/1000", home: "/home/app", hostname: "web-1" };
  const paths = (changes: Partial<typeof facts>) =>
    listStatePlaces({ ...facts, ...changes }).map(({ parent, names }) => [parent, ...names].join("/"));

  test("are the user's runtime directory, /run, the home with this container's name, and /tmp", () => {
    const expected = ["/run/user/1000/withssh", "/run/withssh", "/home/app/.withssh/web-1", "/tmp/withssh-1000"];
    expect(paths({})).toEqual(expected);
  });

  test("are none that are no absolute path, and no name that leads elsewhere", () => {
    expect(paths({ runtimeDirectory: "run", home: "" })).toEqual(["/run/withssh", "/tmp/withssh-1000"]);
    for (const hostname of ["..", "a/b", "", ".hidden"]) {
      expect(paths({ hostname })).toContain("/home/app/.withssh/localhost");
    }
  });
});

describe("an unprivileged state directory", () => {
  test("lies in the user's runtime directory where there is one, closed to all others", () => {
    const host = hostWith({ "/run/user/1000/": OURS, "/home/app/": OURS, "/tmp/": TMP });
    const state = open(host, { runtimeDirectory: "/run/user/1000", home: "/home/app" });
    expect([state.keys.path, state.private.path]).toEqual([
      "/run/user/1000/withssh/keys",
      "/run/user/1000/withssh/private",
    ]);
    expect(host.node("/run/user/1000/withssh")).toMatchObject(OURS);
    expect(host.node("/run/user/1000/withssh/private")).toMatchObject(OURS);
    state.keys.close();
    state.private.close();
    expect(host.openDirs()).toEqual([]);
  });

  test.each([
    ["others may look into", { ...SELF, mode: 0o750 }],
    ["is somebody else's", { ...OTHER, mode: 0o700 }],
  ])("passes over a runtime directory that %s", (_, seed) => {
    const host = hostWith({ "/run/user/1000/": seed, "/home/app/": OURS });
    const { keys } = open(host, { runtimeDirectory: "/run/user/1000", home: "/home/app" });
    expect(keys.path).toBe("/home/app/.withssh/web-1/keys");
  });

  test("lies in /run where that is open to all and sticky, as docker's --tmpfs makes it", () => {
    expect(open(hostWith({ "/run/": TMP, "/tmp/": TMP })).keys.path).toBe("/run/withssh/keys");
  });

  test("does not lie in a home that its group can write: there is /tmp", () => {
    const host = hostWith({ "/run/": {}, "/home/app/": { uid: 0, gid: 1000, mode: 0o775 }, "/tmp/": TMP });
    expect(open(host, { home: "/home/app" }).keys.path).toBe("/tmp/withssh-1000/keys");
    expect(host.node("/home/app/.withssh")).toBeUndefined();
  });

  test("is the one of the start before", () => {
    const host = hostWith({ "/tmp/": TMP });
    open(host);
    expect(open(host.restart()).private.path).toBe("/tmp/withssh-1000/private");
  });

  test.each<[string, Seed, string]>([
    ["somebody else's directory", { directory: true, ...OTHER, mode: 0o777 }, "is not ours alone (uid 1001, mode 777)"],
    ["our own that others can enter", { directory: true, ...SELF, mode: 0o755 }, "is not ours alone (uid 1000"],
    ["a link", { link: "/home/other" }, "ELOOP"],
    ["a file", "text", "ENOTDIR"],
  ])("is refused when %s is there under its name, and that stays as it is", (_, planted, words) => {
    const host = hostWith({ "/run/": {}, "/home/other/": OTHER, "/tmp/": TMP, "/tmp/withssh-1000": planted });
    const before = host.snapshot();
    expect(refusal(host)).toContain(`/tmp/withssh-1000${words.startsWith("E") ? ":" : ""} ${words}`);
    expect(host.snapshot()).toEqual(before);
    expect(host.openDirs()).toEqual([]);
  });

  test("is refused as somebody else's also where root goes without and could enter it", () => {
    const files = { "/run/withssh/": OURS, "/tmp/": TMP, "/tmp/withssh-0/": { ...OTHER, mode: 0o700 } };
    const said = refusal(hostWith(files, { uid: 0, gid: 0 }));
    expect(said).toContain("/run/withssh is not ours alone (uid 1000, mode 700)");
    expect(said).toContain("/tmp/withssh-0 is not ours alone (uid 1001, mode 700)");
  });

  test("is refused in a /tmp that others can write and that is not sticky", () => {
    expect(refusal(hostWith({ "/run/": {}, "/tmp/": { mode: 0o777 } }))).toContain("/tmp can be written by others");
  });

  test("is refused below somebody else's directory", () => {
    const host = hostWith({ "/run/": {}, "/data/": { ...OTHER, mode: 0o755 }, "/data/app/": OURS });
    expect(refusal(host, { home: "/data/app" })).toContain("/data belongs to somebody else (uid 1001");
  });

  test("with home keys lies where sshd's own check of modes lets keys count, and is told where there is no such place", () => {
    const host = hostWith({ "/run/": TMP, "/home/app/": OURS, "/tmp/": TMP });
    expect(open(host, { home: "/home/app", homeKeys: true }).keys.path).toBe("/home/app/.withssh/web-1/keys");
    expect(host.events).toEqual([]);
    const bare = hostWith({ "/run/": {}, "/tmp/": TMP });
    expect(open(bare, { homeKeys: true }).keys.path).toBe("/tmp/withssh-1000/keys");
    const [warning] = bare.events.map((event) => renderEvent(event).msg);
    expect(warning).toContain("sshd refuses all keys of the settings");
    expect(warning).toContain("saw /tmp/withssh-1000/keys");
  });

  test("tells of every place why it would not do, and what would", () => {
    const mount = { readOnly: true };
    const host = hostWith({ "/run/": { mount }, "/home/app/": { ...OURS, mount }, "/tmp/": { mode: 0o1777, mount } });
    const said = refusal(host, { home: "/home/app" });
    expect(said).toContain("/run/withssh: EROFS; /home/app/.withssh: EROFS; /tmp/withssh-1000: EROFS");
    expect(said).toContain("hint: docker run --tmpfs /tmp");
  });
});
