/**
 * Clients that speak SSH themselves, without OpenSSH: paramiko, SSHKit (net-ssh), dropbear, PuTTY. They read no
 * ~/.ssh/config, and each holds host keys in a way of its own.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { buildDebianClientImages, WITH_SCRIPTS } from "../support/debian-clients.ts";
import type { Base } from "../support/test-images.ts";
import { startWithMachines, type Workstation } from "../support/workstation.ts";

let workstation: Workstation;
let machines: Record<Base, Container>;
beforeAll(async () => {
  const options = { workstation: { binds: [WITH_SCRIPTS] } };
  ({ workstation, machines } = await startWithMachines(await buildDebianClientImages(), options));
});

const knownHosts = async (machine: Container, ...targets: string[]) =>
  (await machine.exec(["withssh", "--known-hosts", ...targets])).stdout;

/** In an empty home, as dropbear has no option for it; it compares names alone, so the lines are those of port 22. */
const DBCLIENT = `
  dropbearconvert openssh dropbear ~/.ssh/id_$TYPE key 2> /dev/null
  export HOME=$PWD; mkdir -m 700 .ssh; printf %s "$KNOWN_HOSTS" > .ssh/known_hosts
  echo said | dbclient -i key -p 2222 "$TARGET" 'cat; id -un; exit 3'
`;

/** SSHKit looks a host up by name and address at once: both have to stand on one line. */
const SSHKIT = `
  printf %s "$KNOWN_HOSTS" > lines
  KNOWN_HOSTS=lines ruby /with/sshkit-deploy.rb "$HOST.example" 2222 app
`;

const PARAMIKO = 'python3 /with/paramiko-session.py "$HOST.example" 2222 app';

const PLINK = `
  puttygen ~/.ssh/id_$TYPE -O private -o key.ppk
  options="-batch -P 2222 -i key.ppk -hostkey $FINGERPRINT"
  echo said | plink $options "$TARGET" 'cat; id -un; exit 3' || echo "ended with $?"
`;

const fingerprintOf = async (machine: Container) =>
  (await machine.waitForReady()).host_keys.find(({ type }) => type === "ssh-ed25519")?.fingerprint ?? "";

describe.concurrent.each(bases)("on %s", (base) => {
  const target = `app@${base}.example`;

  test("paramiko runs commands and copies files by sftp, with an ed25519 and with an rsa key", async () => {
    const session = await workstation.run(PARAMIKO, { HOST: base });
    expect(session).toEqual({ code: 0, stdout: "ed25519 SSH-2.0-OpenSSH\nrsa SSH-2.0-OpenSSH\n", stderr: "" });
  });

  test("SSHKit, as Kamal and Capistrano use it, executes, captures, uploads and downloads", async () => {
    const { stdout: address } = await workstation.run(`getent hosts ${base}.example | cut -d ' ' -f 1`);
    const lines = await knownHosts(machines[base], `${base}.example:2222`, `${address.trim()}:2222`);
    const session = await workstation.run(SSHKIT, { KNOWN_HOSTS: lines, HOST: base });
    expect(session).toEqual({ code: 0, stdout: "noise\nrun\nproduction\nexit status: 4\n", stderr: "" });
  });

  test.each(["ed25519", "rsa"])("dropbear's dbclient logs in with a converted %s key", async (TYPE) => {
    const env = { KNOWN_HOSTS: await knownHosts(machines[base], `${base}.example`), TARGET: target, TYPE };
    expect(await workstation.run(DBCLIENT, env)).toEqual({ code: 3, stdout: "said\napp\n", stderr: "" });
  });

  test.each(["ed25519", "rsa"])(
    "PuTTY's plink, pscp and psftp take the fingerprint of the ready line, with a converted %s key",
    async (TYPE) => {
      const script = `${PLINK}
      head -c 500000 /dev/urandom > noise
      for protocol in -sftp -scp; do
        pscp -q $protocol $options noise "$TARGET:by-pscp-$TYPE"; pscp -q $protocol $options "$TARGET:by-pscp-$TYPE" "back$protocol"
        cmp noise "back$protocol"
      done
      printf 'rename by-pscp-%s n-%s\\nget n-%s got\\nrm n-%s\\n' $TYPE $TYPE $TYPE $TYPE > batch
      psftp -b batch $options "$TARGET" > /dev/null; cmp noise got
    `;
      const env = { FINGERPRINT: await fingerprintOf(machines[base]), TARGET: target, TYPE };
      const session = await workstation.run(script, env);
      expect(session).toMatchObject({ code: 0, stdout: "said\napp\nended with 3\n" });
    },
  );

  test("each of them refuses a host with another key than the one that it was told", async () => {
    const { stdout: address } = await workstation.run(`getent hosts ${base}.example | cut -d ' ' -f 1`);
    const told = (names: string) => workstation.publicLines.replaceAll(/^/gm, `${names} `).trim();
    const said = await Promise.all([
      workstation.run(DBCLIENT, { KNOWN_HOSTS: told(`${base}.example`), TARGET: target, TYPE: "ed25519" }),
      workstation.run(PLINK, { FINGERPRINT: `SHA256:${"A".repeat(43)}`, TARGET: target, TYPE: "ed25519" }),
      workstation.run(SSHKIT, { KNOWN_HOSTS: told(`[${base}.example]:2222,[${address.trim()}]:2222`), HOST: base }),
      workstation.run(
        `mkdir .ssh; cp ~/.ssh/id_ed25519 .ssh; printf %s "$KNOWN_HOSTS" > .ssh/known_hosts; HOME=$PWD ${PARAMIKO}`,
        { KNOWN_HOSTS: told(`[${base}.example]:2222`), HOST: base },
      ),
    ]);
    expect(said.map(({ stdout }) => stdout)).toEqual(["", "ended with 1\n", "", ""]);
    expect(said.map(({ stderr }) => stderr)).toEqual([
      expect.stringContaining(`host key mismatch for ${base}.example`),
      expect.stringContaining("Host key not in manually configured list"),
      expect.stringContaining("Net::SSH::HostKeyMismatch"),
      expect.stringContaining("BadHostKeyException"),
    ]);
  });
});
