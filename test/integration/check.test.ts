/** `--check`: what would start and what would not, as a start itself finds it, without a change to any file. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, buildImage, type ContainerOptions, runToEnd } from "../support/boot.ts";
import { makeKey, type TestKey } from "../support/ssh.ts";
import { SCOPED, sudoImage } from "../support/sudo-image.ts";

/** Every file with its times, modes, owners and content, before and after; says `same` only where nothing differs. */
const COMPARED = `tree() {
  find / /dev /volume -xdev \\( -path /proc -o -path /sys -o -path /dev/shm \\) -prune -o -exec stat -c '%n %y %a %u %g %s %N' {} + 2>/dev/null | sort
  find / /volume -xdev \\( -path /proc -o -path /sys -o -path /dev/shm \\) -prune -o -type f -size -4000k -exec md5sum {} + 2>/dev/null | sort
}
cd /dev/shm; tree > before
withssh "$@" > out; code=$?
cat out; tree > after
[ "$(wc -l < before)" -gt 500 ] && cmp before after && echo same; exit $code`;

const check = (options: ContainerOptions, ...flags: readonly string[]) =>
  runToEnd({ ...options, entrypoint: ["sh", "-c", COMPARED, "sh"], cmd: ["--check", ...flags] });

/** The lines of this verdict, without their columns' blanks. */
const linesOf = (stdout: string, verdict: string) =>
  stdout.split("\n").flatMap((line) => (line.startsWith(`${verdict} `) ? [line.replace(/ +/g, " ")] : []));

describe.concurrent.each(bases)("on %s", (base) => {
  let key: TestKey;
  beforeAll(async () => {
    key = await makeKey();
  });

  test("of a start that would do: each part is told, and no file is another than before", async () => {
    const env = { AUTHORIZED_KEYS: `${key.publicLine}\nssh-ed25519 AAAA cut`, WITHSSH_SSHD_CONFIG: "MaxSessions 2" };
    const { code, stdout, stderr } = await check({ base, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\nall would start\nsame\n$/);
    expect(linesOf(stdout, "warn").join("\n")).toMatch(/^warn keys key line refused: .* line=2$/m);
    const good = linesOf(stdout, "ok").join("\n");
    for (const words of [
      "ok mode root: the image runs as root",
      "ok users root can log in",
      "ok host keys ssh-ed25519 would be made",
      "ok config sshd -t finds nothing wrong",
      "ok port 2222 is free",
    ]) {
      expect(good).toContain(words);
    }
    expect(good).toMatch(/^ok keys ssh-ed25519 SHA256:\S+ .*\(AUTHORIZED_KEYS\)$/m);
  });

  test("of a start whose SSH would be down: every reason, those behind a missing key too, and exit 1", async () => {
    const env = { WITHSSH_SSHD_CONFIG: "MaxSessions 2\nFnord yes" };
    const { code, stdout } = await check({ base, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/\nssh would be down: 2 reasons\nsame\n$/);
    expect(linesOf(stdout, "fail")).toEqual([
      expect.stringMatching(/^fail keys no authorized key: .*hint: set AUTHORIZED_KEYS/),
      expect.stringMatching(
        /^fail config sshd refuses line 2 of WITHSSH_SSHD_CONFIG — saw Bad configuration option: Fnord/,
      ),
    ]);
  });

  test("of settings that cannot be used: all of them, and exit 2", async () => {
    const ended = await runToEnd({ base, env: { WITHSSH_PORT: "0", WITHSSH_INIT: "yes" }, cmd: ["--check"] });
    expect(ended).toMatchObject({ code: 2, stderr: "" });
    expect(linesOf(ended.stdout, "fail").toSorted()).toEqual([
      expect.stringMatching(/^fail settings WITHSSH_INIT /),
      expect.stringMatching(/^fail settings WITHSSH_PORT /),
    ]);
  });

  test("in a RUN line: no key is needed yet, keys that are baked in are told, and a missing sshd fails", async () => {
    const image = await buildImage({ base, lines: ["RUN ssh-keygen -A && mkdir -p /empty"] });
    const baked = await check({ image }, "--build");
    expect(baked.code).toBe(0);
    expect(linesOf(baked.stdout, "warn")).toEqual([
      expect.stringMatching(/^warn image host keys are baked into the image: .*ssh_host_ed25519_key.*hint: /),
    ]);
    expect(baked.stdout).toMatch(/\nsame\n$/);
    const without = await runToEnd({ image, env: { WITHSSH_SSHD: "/empty/sshd" }, cmd: ["--check", "--build"] });
    expect(without.code).toBe(1);
    expect(linesOf(without.stdout, "fail").join("\n")).toContain("fail sshd WITHSSH_SSHD: /empty/sshd cannot be run");
  });

  test("as an unprivileged user: what sudo gives, without the one call of the start, and nothing changes", async () => {
    const image = await sudoImage(base, [], SCOPED);
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const scoped = await check({ image, env });
    expect(scoped.stdout).toMatch(/\n(all would start|nothing seen that would keep ssh .*)\nsame\n$/);
    expect(scoped).toMatchObject({ code: 0, stderr: "" });
    const good = linesOf(scoped.stdout, "ok").join("\n");
    expect(good).toContain("ok mode the one sudo rule is there: it serves at each start");
    expect(good).toContain("ok config sshd -T shows for each user what we promise");
    expect(good).toContain("ok users app can log in");

    const make = "ssh-keygen -q -N '' -t ed25519 -f /volume/.ssh/ssh_host_ed25519_key";
    const closed = await sudoImage(base, [`RUN mkdir -p -m 700 /volume/.ssh && ${make}`], SCOPED);
    const part = await check({ image: closed, env });
    expect(part).toMatchObject({ code: 0, stderr: "" });
    expect(linesOf(part.stdout, "unknown").join("\n")).toMatch(
      /^unknown state not ours to look into: .*\/volume\/\.ssh.*--user root/m,
    );
    expect(part.stdout).toMatch(/\nnothing seen that would keep ssh from starting; ask as root to see all\nsame\n$/);

    const pinned = await check({ image, env: { ...env, WITHSSH_PRIVILEGE: "rootless" } });
    expect(pinned).toMatchObject({ code: 0, stderr: "" });
    expect(linesOf(pinned.stdout, "ok").join("\n")).toContain("ok mode rootless: it is pinned");
    expect(pinned.stdout).toMatch(/\nall would start\nsame\n$/);
  });
});
