/**
 * Starts in sudo mode with their system calls slowed, one here and one there, while the app's user attacks all the way: no
 * window between two calls lets him be root. What was slowed is listed.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/places.ts";
import { startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { writeFiles } from "../support/inside.ts";
import { type Point, readPoints, renderPoints } from "../support/strace.ts";
import { SCOPED, sudoImage } from "../support/sudo-image.ts";
import { FAKES, GREEDY, PLANT, PLANTED_PATH, WAYS } from "../support/ways-to-root.ts";

const BROAD = "%app ALL=(ALL) NOPASSWD: ALL";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRdRgXQ4dekP4Tagy8+omP4lI4iVopBxPttYpfsIkT4";
/** Stands in a file that root alone may read: nothing of it may come to light. */
const SECRET_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC2d5kVm0yDOSzPHcjjNU4ECW6Ol0c0bVtlzRjYFwEfv";
const REFUSED = "a further call of --supervise was refused";
const LEAST_POINTS = 200;
const DELAY_US = 5000;

/** Before the claim the user is root where a broad rule stands: there he attacks from the app's start on. */
const OWN_PLACES = { WITHSSH_VOLUME: "/home/app/v", AUTHORIZED_KEYS_FILE: "/home/app/keys" };
const STARTS = [
  { title: "attacked from the claim on", from: "claim", also: "none", grant: SCOPED, env: {} },
  {
    title: "attacked from before the claim, which the user may win",
    from: "before",
    also: "none",
    grant: SCOPED,
    env: {},
  },
  { title: "with its paths swapped for links", from: "claim", also: "swap", grant: SCOPED, env: OWN_PLACES },
  { title: "with SSH switched off", from: "claim", also: "none", grant: SCOPED, env: { WITHSSH_ENABLED: "false" } },
  { title: "with a broad rule, attacked from the app on", from: "app", also: "none", grant: BROAD, env: {} },
  {
    title: "attacked from before the claim, with its paths swapped for links",
    from: "before",
    also: "swap",
    grant: SCOPED,
    env: OWN_PLACES,
  },
  { title: "with rootless pinned", from: "claim", also: "none", grant: SCOPED, env: { WITHSSH_PRIVILEGE: "rootless" } },
  { title: "with all killed that its user may kill", from: "claim", also: "kill", grant: SCOPED, env: {} },
  {
    title: "with a broad rule and its paths swapped for links",
    from: "app",
    also: "swap",
    grant: BROAD,
    env: OWN_PLACES,
  },
  { title: "with no_new_privs", from: "claim", also: "none", grant: SCOPED, env: { WITHSSH_NO_NEW_PRIVS: "true" } },
] as const;

/** Debian alone: strace comes from its packages. */
describe("on debian, with slowed system calls", () => {
  let container: Container;
  const points: Point[] = [];
  const tried = new Set<string>();
  const asRoot = async (script: string) => (await container.exec(["sh", "-c", script], { user: "root" })).stdout;
  const CHECKSUM = "cat /etc/shadow /etc/passwd /etc/sudoers | cksum; ls -A /etc/.ssh /srv 2>&1";

  beforeAll(async () => {
    const lines = [
      "RUN apt-get update && apt-get install --yes --no-install-recommends strace && usermod --password '*' app",
      `RUN echo '${SECRET_KEY} root' > /root/keys && chmod 600 /root/keys && mkdir /slowed`,
      ...FAKES,
    ];
    const image = await sudoImage("debian", lines);
    const host = {
      CapAdd: ["SYS_ADMIN", "SYS_PTRACE"],
      SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"],
      MaskedPaths: [],
      ReadonlyPaths: [],
    };
    container = await startContainer({ image, user: "root", entrypoint: ["sleep"], cmd: ["1000"], host });
    await writeFiles(container, {
      "/slowed/start.sh": await readFile(`${ROOT}/test/fixtures/slowed-start.sh`, "utf8"),
      "/slowed/greedy": GREEDY,
    });
    await container.exec(["sh", "-c", PLANT], { user: "app" });
  });

  const isRoots = ({ program }: Point) => !["launcher", "sh", "sleep"].includes(program);
  const countDistinct = () =>
    new Set(points.filter(isRoots).map(({ program, call, nth }) => `${program} ${call} ${nth}`)).size;
  afterAll(() => {
    const title = `${countDistinct()} points slowed in root's programs, and in the launcher: which of a thread's calls`;
    console.log([title, ...renderPoints(points)].join("\n"));
  });

  test.each(STARTS.map((start, at) => [start.title, at, start] as const))(
    "no window of a start leads to root, %s",
    async (_, at, { from, also, grant, env }) => {
      const variables = { PATH: PLANTED_PATH, AUTHORIZED_KEYS: KEY, ...env };
      const share = WAYS.filter((_, way) => way % STARTS.length === at);
      await writeFiles(container, {
        "/slowed/env": `${Object.entries(variables)
          .map(([name, value]) => `${name}=${value}`)
          .join("\n")}\n`,
        "/slowed/grant": `${grant}\n`,
        "/slowed/ways": `${share.join("\n")}\n`,
      });
      const before = await asRoot(CHECKSUM);
      const when = `${at + 1}+${STARTS.length}`;
      // Only a supervisor of root's tells of refused calls here: the namespace's PID 1 is no app.
      const isTold = from === "claim" && !("WITHSSH_ENABLED" in env || "WITHSSH_PRIVILEGE" in env || also === "kill");
      await asRoot(`exec sh /slowed/start.sh ${when} ${DELAY_US} ${from} ${also} "${isTold ? REFUSED : ""}"`);
      const read = async (name: string) => asRoot(`cat /slowed/out/${name}`);
      const [attack, last, log] = [await read("attack"), await read("last"), await read("log")];

      expect(attack).not.toContain("uid=0");
      expect(await asRoot("cat /tmp/trace")).not.toContain("uid=0");
      expect(await asRoot(CHECKSUM)).toBe(before);
      expect((await read("supervisors")).split("one").length - 1).toBeLessThan(2);
      // One call of a start is answered; where the user was no earlier than the claim, it was the launcher's.
      expect(attack.split('"proved"').length - 1).toBeLessThanOrEqual(from === "before" ? 1 : 0);
      expect(last).not.toContain('"proved"');
      expect(last).toMatch(/^exit [1-9]/m);
      if (grant === SCOPED) expect(last).toContain('"spent":true');
      expect(await asRoot("cat /run/withssh/keys/* 2>/dev/null; true")).not.toContain(SECRET_KEY);
      // What a slowed machine may make of it: an app with its rights gone, or none and a reason.
      if (also !== "kill" && (await read("ran")) === "") expect(log).toMatch(/"level":"error"/);
      if (isTold) expect(log).toContain(REFUSED);
      for (const way of share) if (attack.includes(`== ${way}\n`)) tried.add(way);
      points.push(...readPoints(await read("trace")));
    },
  );

  test(`at least ${LEAST_POINTS} points of root's programs were slowed, each way was tried, and apps ran`, async () => {
    expect(countDistinct()).toBeGreaterThanOrEqual(LEAST_POINTS);
    expect([...new Set(points.map(({ program }) => program))]).toEqual(
      expect.arrayContaining(["sudo", "sudo -l", "root side", "supervisor", "visudo", "sshd"]),
    );
    expect([...tried].toSorted()).toEqual(WAYS.toSorted());
  });
});
