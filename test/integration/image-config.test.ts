/** What the image says in its sshd_config still counts, except where it would undo a promise of ours. */
import { describe, expect, test } from "vitest";
import { bases, buildImage, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, errorsOf, ourLines, WITH_HOST_KEYS } from "../support/inside.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import type { Base } from "../support/test-images.ts";

const addUser: Record<Base, string> = {
  debian: "useradd --create-home --shell /bin/sh --password '$1$x$y' app",
  musl: "adduser -D -s /bin/sh app && sed -i 's/^app:[^:]*:/app:$1$x$y:/' /etc/shadow",
};

/** The image's config with these lines in it: `before` all else, `after` all else. */
async function startWith(
  base: Base,
  config: { before?: readonly string[]; after?: readonly string[]; run?: readonly string[] },
  env: Readonly<Record<string, string>> = {},
): Promise<{ container: Container; key: TestKey }> {
  const file = "/etc/ssh/sshd_config";
  const render = (lines: readonly string[] = []) => lines.map((line) => `'${line}'`).join(" ");
  const image = await buildImage({
    base,
    lines: [
      `RUN ${addUser[base]}`,
      ...(config.run ?? []).map((line) => `RUN ${line}`),
      `RUN cp ${file} /tmp/was && { printf '%s\\n' ${render(config.before)}; cat /tmp/was; printf '%s\\n' ${render(config.after)}; } > ${file}`,
    ],
  });
  const key = await makeKey();
  const container = await startContainer({
    image,
    entrypoint: WITH_HOST_KEYS,
    cmd: APP,
    env: { AUTHORIZED_KEYS: key.publicLine, WITHSSH_USERS: "root,app", ...env },
  });
  return { container, key };
}

const none = ["-o", "PreferredAuthentications=none"];

describe.concurrent.each(bases)("on %s", (base) => {
  test("Banner, Match, Include and Subsystem of the image count", async () => {
    const { container, key } = await startWith(base, {
      run: [
        "echo 'Authorized people only.' > /etc/banner",
        "mkdir -p /etc/ssh/sshd_config.d && printf 'Banner /etc/banner\\n' > /etc/ssh/sshd_config.d/10-banner.conf",
      ],
      before: ["Include /etc/ssh/sshd_config.d/*.conf"],
      after: ["Subsystem greet /bin/echo greetings", "Match User app", "  ForceCommand echo forced"],
    });
    const root = await ssh(container, { key, command: "echo in" });
    expect(root).toMatchObject({ code: 0, stdout: "in\n", stderr: "Authorized people only.\n" });
    const app = await ssh(container, { key, user: "app", command: "echo in" });
    expect(app).toMatchObject({ code: 0, stdout: "forced\n" });
    const greet = await ssh(container, { key, command: "greet", args: ["-s"] });
    expect(greet).toMatchObject({ code: 0, stdout: "greetings\n" });
    expect(await errorsOf(container)).toEqual([]);
  });

  test("no password is offered, also where a Match block of the image turns passwords on", async () => {
    const { container, key } = await startWith(base, {
      before: ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes", "PermitRootLogin yes"],
      after: [
        "Match User app",
        "  PasswordAuthentication yes",
        "  KbdInteractiveAuthentication yes",
        "Match all",
        "  PasswordAuthentication yes",
      ],
    });
    for (const user of ["root", "app", "nobody"]) {
      const asked = await ssh(container, { key, user, command: "true", args: none });
      expect(asked).toMatchObject({ code: 255, stdout: "" });
      expect(asked.stderr).toContain("Permission denied (publickey).");
    }
    for (const user of ["root", "app"]) {
      expect(await ssh(container, { key, user, command: "whoami" })).toMatchObject({ code: 0, stdout: `${user}\n` });
    }
  });

  test("a Match block that names other keys or another port opens no other door", async () => {
    const planted = await makeKey();
    const { container, key } = await startWith(base, {
      run: [`echo '${planted.publicLine}' > /etc/planted`],
      before: [
        "Port 2022",
        "ListenAddress 0.0.0.0:2023",
        "HostKey /etc/ssh/other_key",
        "AuthorizedKeysFile /etc/planted",
      ],
      after: ["Match User app", "  AuthorizedKeysFile /etc/planted", "  AuthenticationMethods any"],
    });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    for (const user of ["root", "app"]) {
      const login = await ssh(container, { key: planted, user, command: "whoami", knownHosts });
      expect(login).toMatchObject({ code: 255, stdout: "" });
      expect(await ssh(container, { key, user, command: "whoami" })).toMatchObject({ code: 0, stdout: `${user}\n` });
    }
    const listening = "cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A ' | tr -s ' ' | cut -d' ' -f3 | cut -d: -f2";
    expect((await container.exec(["sh", "-c", listening])).stdout).toBe("08AE\n08AE\n");
    const left = ourLines((await container.logs()).stderr).filter(({ msg }) => msg.includes("left out"));
    expect(left).toHaveLength(1);
    expect(JSON.stringify(left[0]?.["lines"])).toMatch(/Port.*ListenAddress.*HostKey/i);
  });

  test("a broken sshd_config of the image is said once, with file and line, and the app runs", async () => {
    const { container } = await startWith(base, { before: ["Bogus yes"] });
    const down = await container.waitForLog(({ event }) => event === "ssh down");
    expect(down.msg).toMatch(/\/etc\/ssh\/sshd_config[: ](line )?1\b/);
    expect(down.msg).toMatch(/bogus/i);
    await container.signal("TERM");
    expect(await container.waitForExit()).toBe(143);
    const said = ourLines((await container.logs()).stderr).filter(({ level }) => level === "error");
    expect(said.filter(({ event }) => event === "ssh down")).toHaveLength(1);
  });

  test("the operator's lines come before the image's", async () => {
    const { container, key } = await startWith(
      base,
      { run: ["echo image > /etc/banner", "echo operator > /etc/banner2"], before: ["Banner /etc/banner"] },
      { WITHSSH_SSHD_CONFIG: "Banner /etc/banner2\nMatch User app\n  ForceCommand echo from the operator" },
    );
    expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ stdout: "in\n", stderr: "operator\n" });
    const app = await ssh(container, { key, user: "app", command: "echo in" });
    expect(app).toMatchObject({ code: 0, stdout: "from the operator\n" });
  });
});
