/**
 * The promise is any image: older and newer OpenSSH, and images that lack what scripts like to have. Each is held to
 * the same short list. Bases that are not at hand are made (debootstrap) or, where that fails, named in the last lines.
 */
import { afterAll, beforeAll, describe, expect, inject, type TestContext, test } from "vitest";
import { type DebianSuite, ensureDebianBase } from "../../scripts/base-images.ts";
import { bases, buildImage, makeVolume, startContainer } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { APP, errorsOf } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";
import { buildTestImage, removeImage } from "../support/test-images.ts";

/** debootstrap and apt on a busy machine. */
const BUILD_TIMEOUT_MS = 600_000;

interface Variant {
  readonly title: string;
  build(): Promise<string>;
  /** Programs that must not be in the image: that is what it is for. */
  readonly lacks?: readonly string[];
  /** What sshd must say that it is. */
  readonly banner: RegExp;
}

const built: string[] = [];
afterAll(async () => {
  for (const image of built) await removeImage(image);
});

async function buildOn(suite: DebianSuite): Promise<string> {
  const image = await buildTestImage("debian", await ensureDebianBase(suite), inject("runId"), suite);
  built.push(image);
  return image;
}

const withoutBash = [
  "RUN rm -f /bin/bash /bin/rbash /usr/bin/bash && sed -i 's#/bin/bash#/bin/sh#' /etc/passwd",
  `CMD ${JSON.stringify(APP)}`,
];
const withoutProcps = ["RUN for p in ps pgrep pkill free top uptime; do rm -f /bin/$p /usr/bin/$p; done"];
/** Whatever is no busybox, no library, and not OpenSSH's goes; apk too. */
const busyboxOnly = [
  "RUN for f in /bin/* /sbin/* /usr/bin/* /usr/sbin/* /usr/local/bin/*; do case $(readlink -f $f) in *busybox*|*ssh*) ;; *) rm -f $f;; esac; done",
];

const VARIANTS: readonly Variant[] = [
  { title: "Debian trixie (OpenSSH 10)", build: () => buildOn("trixie"), banner: /^SSH-2\.0-OpenSSH_10\./ },
  { title: "Debian bullseye (OpenSSH 8.4)", build: () => buildOn("bullseye"), banner: /^SSH-2\.0-OpenSSH_8\.4/ },
  {
    title: "Debian without bash",
    build: () => buildImage({ lines: withoutBash }),
    lacks: ["bash"],
    banner: /^SSH-2\.0-OpenSSH_/,
  },
  {
    title: "Debian without procps",
    build: () => buildImage({ lines: withoutProcps }),
    lacks: ["ps", "pgrep"],
    banner: /^SSH-2\.0-OpenSSH_/,
  },
  {
    title: "musl with busybox only",
    build: async () => {
      if (!bases.includes("musl")) throw new Error("no musl base");
      return await buildImage({ base: "musl", lines: busyboxOnly });
    },
    lacks: ["bash", "sudo", "apk", "perl"],
    banner: /^SSH-2\.0-OpenSSH_/,
  },
];

describe.each(VARIANTS.map((variant) => [variant.title, variant] as const))(
  "%s",
  (_title, { build, lacks = [], banner }) => {
    let image: string | undefined;
    let why = "";
    beforeAll(async () => {
      try {
        image = await build();
      } catch (error) {
        why = toOneLine(error);
      }
    }, BUILD_TIMEOUT_MS);

    /** The image, or the end of the test with why there is none. */
    function imageFor(context: TestContext): string {
      if (image === undefined) context.skip(`no image: ${why}`);
      return image as string;
    }

    test("ready, a login, the same identity after a restart, forwarding", async (context) => {
      const key = await makeKey();
      const container = await startContainer({
        image: imageFor(context),
        volume: await makeVolume(),
        env: { AUTHORIZED_KEYS: key.publicLine, WITHSSH_FORWARDING: "yes" },
        cmd: APP,
      });
      const { known_hosts: knownHosts } = await container.waitForLogins();
      for (const program of lacks) expect((await find(container, program)).code).not.toBe(0);
      expect(await ssh(container, { key, command: "echo in as $(id -un)" })).toMatchObject({
        code: 0,
        stdout: "in as root\n",
      });

      await container.restart();
      await container.waitForReady();
      const forwarded = await ssh(container, { key, knownHosts, args: ["-W", "127.0.0.1:2222"] });
      expect(forwarded.stdout).toMatch(banner);
      expect(await errorsOf(container)).toEqual([]);
    });

    test("a stranger's refused logins lock nobody else out", async (context) => {
      const [key, stranger] = [await makeKey(), await makeKey()];
      const env = { AUTHORIZED_KEYS: key.publicLine };
      const container = await startContainer({ image: imageFor(context), env, cmd: APP });
      await container.waitForReady();
      // PerSourcePenalties of 9.8 and newer shut an address out after a few of these; behind a proxy all have one address.
      for (let round = 0; round < 8; round += 1) {
        expect((await ssh(container, { key: stranger, command: "true" })).stderr).toContain("Permission denied");
      }
      expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
    });
  },
);

/** What apt or debootstrap say is wrong, of all that a failed build says. */
function toOneLine(error: unknown): string {
  const lines = String(error).split("\n");
  return (lines.find((line) => /^\s*E: /.test(line)) ?? lines[0] ?? "").trim();
}

async function find(container: Container, program: string) {
  return await container.exec(["sh", "-c", 'command -v "$0"', program]);
}
