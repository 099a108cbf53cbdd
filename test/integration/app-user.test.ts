/** WITHSSH_APP_USER and WITHSSH_NO_NEW_PRIVS: the app runs as whom they say, for good, and SSH is no way around it. */
import { beforeAll, describe, expect, test } from "vitest";
import { buildAppImage } from "../support/app-image.ts";
import { bases, buildImage, type ContainerOptions, runToEnd, startContainer } from "../support/boot.ts";
import { APP } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";

const WHO = `echo "$(id -u) $(id -g) $(id -G | tr ' ' '\\n' | sort -n | xargs) $HOME $USER $LOGNAME"`;
const STATUS = "grep -E '^(Uid|Gid|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):' /proc/self/status | tr -s '\\t ' ' '";
const NO_RIGHTS = ["CapInh: 0000000000000000", "CapPrm: 0000000000000000", "CapEff: 0000000000000000"];

describe.each(bases)("on %s", (base) => {
  let image = "";
  const sudo = base === "debian" ? "apt-get update && apt-get install --yes sudo" : "apk add --no-cache sudo";
  const grant = "echo 'app ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/app";
  beforeAll(async () => {
    image = await buildAppImage(base, [`RUN ${sudo} && ${grant}`]);
  });

  const runAs = (user: string, script: string, options: ContainerOptions = {}) =>
    runToEnd({
      image,
      cmd: ["sh", "-c", script],
      ...options,
      env: { WITHSSH_ENABLED: "false", WITHSSH_APP_USER: user, ...options.env },
    });

  test.each([
    ["app", "1000 1000 998 1000 /home/app app app"],
    ["1000", "1000 1000 998 1000 /home/app app app"],
    ["app:docker", "1000 998 998 /home/app app app"],
    ["1000:1001", "1000 1001 1001 /home/app app app"],
    ["other", "1001 1001 1001 /home/other other other"],
    ["4242", "4242 4242 4242 /"],
    ["4242:docker", "4242 998 998 /"],
  ])("an app for %s has that user's ids, home and names, and exactly the groups of the database", async (user, who) => {
    const { code, stdout, stderr } = await runAs(user, WHO);
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: who, stderr: "" });
  });

  test("the app has no capability and no id of root's to go back to, under init too", async () => {
    for (const init of ["false", "true"]) {
      const { code, stdout } = await runAs("app", STATUS, { env: { WITHSSH_INIT: init } });
      const lines = stdout.trim().split("\n");
      expect(code).toBe(0);
      expect(lines).toEqual(expect.arrayContaining(["Uid: 1000 1000 1000 1000", "Gid: 1000 1000 1000 1000"]));
      expect(lines).toEqual(expect.arrayContaining([...NO_RIGHTS, "CapAmb: 0000000000000000", "NoNewPrivs: 0"]));
    }
  });

  test("the app may open /dev/stdout and /dev/stderr again, on pipes and on a terminal", async () => {
    const script = "echo out >/dev/stdout && echo err >/dev/stderr";
    expect(await runAs("app", script)).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
    const { code, stdout } = await runAs("app", script, { create: { Tty: true } });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "out\r\nerr\r\n" });
  });

  test("a container that is that user already needs no capability", async () => {
    const options = { user: "app", host: { CapDrop: ["ALL"] } };
    expect(await runAs("app", "id -un; exit 7", options)).toEqual({ code: 7, stdout: "app\n", stderr: "" });
  });

  test.each(["SETUID", "SETGID"])(
    "without CAP_%s the app does not start, and the capability is named",
    async (capability) => {
      const { code, stdout, stderr } = await runAs("app", "echo started", { host: { CapDrop: [capability] } });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(`the container lacks CAP_${capability}: docker run --cap-add ${capability}`);
    },
  );

  test("a container that starts as somebody else says that only root can change that", async () => {
    const { code, stdout, stderr } = await runAs("app", "echo started", { user: "other" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("only root can become another user: remove WITHSSH_APP_USER");
  });

  test("a user that the image does not have is a settings error", async () => {
    const { code, stdout, stderr } = await runAs("ghost", "echo started");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("there is no user ghost in /etc/passwd");
  });

  test("the app's exit codes are its own, and those of a command that is not there stay", async () => {
    expect((await runAs("app", "exit 7")).code).toBe(7);
    expect((await runAs("app", "exit 7", { env: { WITHSSH_INIT: "true" } })).code).toBe(7);
    expect((await runAs("app", "", { cmd: ["no-such-command"] })).code).toBe(127);
    expect((await runAs("app", "", { cmd: ["/etc/passwd"] })).code).toBe(126);
    // What root alone may run is not run for the app either.
    expect((await runAs("app", "", { cmd: ["/root/x"] })).code).toBe(126);
  });

  test("SSH logs in the app's user, with the app's environment; root's sessions get only what says where things are", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_APP_USER: "app", DATABASE_URL: "secret" };
    const alone = await startContainer({ image, cmd: APP, env });
    expect((await alone.waitForReady()).users).toEqual(["app"]);
    const session = await ssh(alone, { key, user: "app", command: 'echo "$(id -un) $DATABASE_URL"' });
    expect(session).toMatchObject({ code: 0, stdout: "app secret\n" });
    expect((await ssh(alone, { key, user: "root", command: "true" })).code).toBe(255);
    const look = "find / -xdev -name 'ssh_host_*_key' 2>/dev/null; ls -d /volume/.ssh/*_key";
    const paths = (await alone.exec(["sh", "-c", look])).stdout.trim().split("\n");
    expect(paths.length).toBeGreaterThan(1);
    for (const path of paths) {
      const tries = `cat ${path} >/dev/null && echo read; echo >>${path} && echo wrote; mv ${path} ${path}.x && echo moved`;
      expect((await alone.exec(["sh", "-c", tries], { user: "app" })).stdout, path).toBe("");
    }

    const both = await startContainer({ image, cmd: APP, env: { ...env, WITHSSH_USERS: "app,root", LANG: "C.UTF-8" } });
    expect((await both.waitForReady()).users).toEqual(["app", "root"]);
    const root = await ssh(both, { key, user: "root", command: 'echo "$(id -un) [$DATABASE_URL] $LANG"; env' });
    expect(root.stdout).toContain("root [] C.UTF-8\n");
    expect(root.stdout).not.toContain("secret");
  });

  test("a volume that the app may write through any of its groups is marked", async () => {
    const lines = ["RUN chgrp docker /volume && chmod 775 /volume && chown root /volume"];
    const shared = await buildImage({ from: image, lines });
    const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
    for (const [user, marked] of [
      ["app", "/volume"],
      ["app:docker", "/volume"],
      ["other", undefined],
    ]) {
      const container = await startContainer({
        image: shared,
        cmd: APP,
        env: { ...env, WITHSSH_APP_USER: user ?? "" },
      });
      expect((await container.waitForLog("host keys"))["app_writable"], user).toBe(marked);
      await container.remove();
    }
  });

  test("no_new_privs is on the app and on SSH sessions: sudo gives neither of them anything", async () => {
    const key = await makeKey();
    const env = { AUTHORIZED_KEYS: key.publicLine, WITHSSH_APP_USER: "app" };
    const free = await startContainer({ image, cmd: APP, env });
    await free.waitForReady();
    expect((await ssh(free, { key, user: "app", command: "sudo -n id -u" })).stdout).toBe("0\n");

    const said = await startContainer({ image, cmd: APP, env: { ...env, WITHSSH_NO_NEW_PRIVS: "true" } });
    await said.waitForReady();
    const session = await ssh(said, { key, user: "app", command: "grep NoNewPrivs /proc/self/status; sudo -n id -u" });
    expect(session.stdout).toBe("NoNewPrivs:\t1\n");
    expect(session.stderr).toContain("no new privileges");
    expect((await said.exec(["grep", "NoNewPrivs", "/proc/1/status"])).stdout).toBe("NoNewPrivs:\t1\n");
    const app = await runAs("app", "sudo -n id -u", { env: { WITHSSH_NO_NEW_PRIVS: "true" } });
    expect(app).toMatchObject({ stdout: "" });
    expect(app.code).not.toBe(0);
  });
});
