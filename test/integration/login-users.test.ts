/**
 * Nobody but login users logs in, whatever lets one in for every account that sshd can find: an authority, keys at home. And
 * what a file says of that is root's to say.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { bases, buildImage, type ContainerOptions, makeVolume, startContainer } from "../support/boot.ts";
import { sign } from "../support/certificates.ts";
import type { Container } from "../support/container.ts";
import { makeKey, ssh, type TestKey } from "../support/ssh.ts";
import { SCOPED, sudoImage } from "../support/sudo-image.ts";

const REFUSED = { code: 255, stderr: expect.stringContaining("Permission denied") };

const login = (container: Container, key: TestKey, user: string) => ssh(container, { key, user, command: "id -un" });

describe.each(bases)("on %s", (base) => {
  let ca: TestKey;
  let certified: TestKey;
  let roots: TestKey;
  let image = "";
  beforeAll(async () => {
    [ca, roots] = await Promise.all([makeKey(), makeKey()]);
    certified = await sign(ca, await makeKey(), "root,app");
    const home = `RUN mkdir -m 700 -p /root/.ssh && echo '${roots.publicLine}' > /root/.ssh/authorized_keys`;
    image = await sudoImage(base, [home], SCOPED);
  });

  test.each<[string, ContainerOptions]>([
    ["root mode with an app's user", { user: "root", env: { WITHSSH_APP_USER: "app" } }],
    ["sudo mode", {}],
  ])("in %s no certificate and no key at home lets root in", async (_, options) => {
    const env = { WITHSSH_TRUSTED_USER_CA: ca.publicLine, WITHSSH_HOME_KEYS: "true", ...options.env };
    const container = await startContainer({ image, ...options, env });
    expect(await login(container, certified, "app")).toMatchObject({ code: 0, stdout: "app\n" });
    expect(await login(container, certified, "root")).toMatchObject(REFUSED);
    expect(await login(container, roots, "root")).toMatchObject(REFUSED);
  });

  test("a file on a volume that the app can write names no authority and no line for sshd", async () => {
    const volume = await makeVolume();
    const owned = await buildImage({
      from: image,
      lines: ["USER root", `RUN mkdir -p /volume && echo '${ca.publicLine}' > /volume/ca && chown -R app: /volume`],
    });
    const env = { WITHSSH_APP_USER: "app", AUTHORIZED_KEYS: certified.publicLine };
    for (const name of ["WITHSSH_TRUSTED_USER_CA_FILE", "WITHSSH_SSHD_CONFIG_FILE"]) {
      const container = await startContainer({
        image: owned,
        user: "root",
        volume,
        env: { ...env, [name]: "/volume/ca" },
      });
      const words = `ssh is down: /volume/ca, which ${name} names, can be changed by others than root`;
      await container.waitForLog(({ msg }) => msg.startsWith(words));
    }
  });
});
