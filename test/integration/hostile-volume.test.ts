/**
 * What attackers and clumsy mounts plant where we read: nothing of it hangs or kills a start, makes a new identity beside
 * one that is there, or reaches what lies outside the volume. Whatever becomes of SSH, the app runs.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { ReadyLine } from "../../scripts/container-log.ts";
import { bases } from "../support/boot.ts";
import type { Container } from "../support/container.ts";
import { type HostileStart, MODES, meet, mountExfat, startHostile } from "../support/hostile-volume.ts";
import { ourLines } from "../support/inside.ts";
import { makeKey } from "../support/ssh.ts";
import { sudoImage } from "../support/sudo-image.ts";

interface Outcome {
  readonly ssh: "up" | "down";
  /** What our log says of it; nothing at warn or error when left out. */
  readonly says?: RegExp;
}

interface Row extends HostileStart, Outcome {
  readonly name: string;
  /** Where sudo mode ends otherwise: there the path comes from an unprivileged caller. */
  readonly inSudo?: Outcome;
  /** What fails comes after the identity: it is made, kept, and served once the volume is put right. */
  readonly isIdentityMade?: true;
}

const HOST_KEY = "$S/ssh_host_ed25519_key";
const GOOD = `cp $KEY ${HOST_KEY}`;
const AUTHORIZED = "$S/authorized_keys";
const REVOKED = "$S/revoked_keys";
const NOT_PLAIN = /no regular file|no right to read it \(EACCES\)/;
const NOT_PLAIN_KEYS = /authorized_keys (?:is no regular file|cannot be read — saw EACCES)/;
const UNREADABLE_LIST = /ssh is down: \/volume\/\.ssh\/revoked_keys cannot be read/;
const UNREADABLE = /ssh is down: .*(?:cannot be looked at|no host key on the volume can be used)/;

const ROWS: readonly Row[] = [
  // A host key that is there and no good: told, left alone, and no other is made.
  {
    name: "a link in place of a host key",
    plant: `ln -s /outside/key ${HOST_KEY}`,
    ssh: "down",
    says: /a symbolic link/,
  },
  { name: "a fifo in place of a host key", plant: `mkfifo ${HOST_KEY}`, ssh: "down", says: NOT_PLAIN },
  { name: "a device in place of a host key", plant: `mknod ${HOST_KEY} c 1 5`, ssh: "down", says: NOT_PLAIN },
  { name: "a socket in place of a host key", plant: `/kill-at socket ${HOST_KEY}`, ssh: "down", says: NOT_PLAIN },
  { name: "a directory in place of a host key", plant: `mkdir ${HOST_KEY}`, ssh: "down", says: /saw a directory/ },
  { name: "a host key of 2 GB", plant: `truncate -s 2G ${HOST_KEY}`, ssh: "down", says: /more than 65536 bytes/ },
  { name: "an empty host key", plant: `: > ${HOST_KEY}`, ssh: "down", says: /it is empty/ },
  // Beside a good one what belongs to it does not count.
  {
    name: "a host key that is somebody else's and open to all",
    plant: `${GOOD}; chown 4242 ${HOST_KEY}; chmod 666 ${HOST_KEY}`,
    ssh: "up",
  },
  { name: "a link in place of the public half", plant: `${GOOD}; ln -s /outside/key.pub ${HOST_KEY}.pub`, ssh: "up" },
  { name: "a directory in place of the public half", plant: `${GOOD}; mkdir ${HOST_KEY}.pub`, ssh: "up" },
  {
    name: "a link in place of the certificate",
    plant: `${GOOD}; ln -s /outside/key.pub ${HOST_KEY}-cert.pub`,
    ssh: "up",
    says: /-cert\.pub is not used — saw a symbolic link/,
  },
  {
    name: "a fifo in place of the certificate",
    plant: `${GOOD}; mkfifo ${HOST_KEY}-cert.pub`,
    ssh: "up",
    says: /-cert\.pub is not used/,
  },
  {
    name: "links under the names of unfinished saves",
    plant: "ln -s /outside/key $S/.ssh_host_ed25519_key.0123456789abcdef",
    ssh: "up",
  },
  {
    name: ".ssh itself a link",
    plant: "rmdir $S; ln -s /outside $S",
    ssh: "down",
    says: /cannot be looked at.*\.ssh no link/,
  },
  { name: ".ssh itself a file", plant: "rmdir $S; : > $S", ssh: "down", says: /cannot be looked at/ },
  { name: ".ssh itself a fifo", plant: "rmdir $S; mkfifo $S", ssh: "down", says: /cannot be looked at/ },
  // Keys that nobody vouches for do not count; those of the settings do.
  {
    name: "a link in place of the keys",
    plant: `ln -s /outside/key.pub ${AUTHORIZED}`,
    ssh: "up",
    says: /authorized_keys is a link/,
  },
  { name: "a fifo in place of the keys", plant: `mkfifo ${AUTHORIZED}`, ssh: "up", says: NOT_PLAIN_KEYS },
  { name: "a device in place of the keys", plant: `mknod ${AUTHORIZED} c 1 5`, ssh: "up", says: NOT_PLAIN_KEYS },
  { name: "a socket in place of the keys", plant: `/kill-at socket ${AUTHORIZED}`, ssh: "up", says: NOT_PLAIN_KEYS },
  { name: "keys of 2 GB", plant: `truncate -s 2G ${AUTHORIZED}`, ssh: "up", says: /authorized_keys is too big/ },
  {
    name: "seven million lines of junk",
    plant: `yes | head -c 14680064 > ${AUTHORIZED}`,
    ssh: "up",
    says: /authorized_keys is too long/,
  },
  {
    name: "ninety thousand lines of junk",
    plant: `yes junk | head -n 90000 > ${AUTHORIZED}`,
    ssh: "up",
    says: /89980 more lines of \S+ are no keys/,
  },
  {
    name: "keys of another owner",
    plant: `cp /outside/key.pub ${AUTHORIZED}; chown 4242 ${AUTHORIZED}`,
    ssh: "up",
    says: /belongs to somebody else.*:ro/,
  },
  {
    name: "keys that all may write",
    plant: `cp /outside/key.pub ${AUTHORIZED}; chmod 666 ${AUTHORIZED}`,
    ssh: "up",
    says: /can be written by others.*:ro/,
  },
  {
    name: "a volume that all may write",
    plant: `cp /outside/key.pub ${AUTHORIZED}; chmod 777 $V`,
    ssh: "up",
    says: /\/volume can be written by others.*:ro/,
    inSudo: { ssh: "up", says: /\/volume can be written by others[\s\S]*"app_writable":"\/volume"/ },
  },
  {
    name: "..data that leads out of its mount",
    env: { AUTHORIZED_KEYS_FILE: "/secrets/out" },
    ssh: "up",
    says: /leads out of its mount/,
  },
  {
    name: "..data that leads out by an absolute path",
    env: { AUTHORIZED_KEYS_FILE: "/secrets/out-absolute" },
    ssh: "up",
    says: /leads out of its mount/,
  },
  {
    name: "a link to itself",
    env: { AUTHORIZED_KEYS_FILE: "/secrets/loop" },
    ssh: "up",
    says: /is a link/,
    inSudo: { ssh: "down", says: /names what the app's user cannot read — saw ELOOP/ },
  },
  { name: "Kubernetes' own ..data", env: { AUTHORIZED_KEYS_FILE: "/secrets/keys" }, ssh: "up" },
  // A list of revoked keys must not be overlooked.
  {
    name: "a link in place of the revoked keys",
    plant: `ln -s /outside/key.pub ${REVOKED}`,
    ssh: "down",
    says: UNREADABLE_LIST,
    isIdentityMade: true,
  },
  {
    name: "a fifo in place of the revoked keys",
    plant: `mkfifo ${REVOKED}`,
    ssh: "down",
    says: UNREADABLE_LIST,
    isIdentityMade: true,
  },
  {
    name: "a directory in place of the revoked keys",
    plant: `mkdir ${REVOKED}`,
    ssh: "down",
    says: UNREADABLE_LIST,
    isIdentityMade: true,
  },
  {
    name: "revoked keys of 2 GB",
    plant: `truncate -s 2G ${REVOKED}`,
    ssh: "down",
    says: UNREADABLE_LIST,
    isIdentityMade: true,
  },
  {
    name: "a secret's host key outside its mount",
    env: { WITHSSH_HOST_KEYS_FILE: "/secrets/out-key" },
    ssh: "down",
    says: /WITHSSH_HOST_KEYS_FILE names (?:cannot be read|what the app's user cannot read)/,
  },
  {
    name: "a fifo in place of the authorities",
    plant: "mkfifo $V/ca",
    env: { WITHSSH_TRUSTED_USER_CA_FILE: "/volume/ca" },
    isIdentityMade: true,
    ssh: "down",
    says: /WITHSSH_TRUSTED_USER_CA.*cannot be read/,
  },
  // Volumes that are strange as a whole.
  { name: "a .ssh that we may not enter", plant: `${GOOD}; chmod 000 $S`, isWeak: true, ssh: "down", says: UNREADABLE },
  {
    name: "a volume that we may not enter",
    plant: `${GOOD}; chmod 000 $V`,
    isWeak: true,
    ssh: "down",
    says: UNREADABLE,
  },
  {
    name: "a host key that we may not read",
    plant: `${GOOD}; chmod 000 ${HOST_KEY}`,
    isWeak: true,
    ssh: "down",
    says: /no right to read it/,
  },
  { name: "an empty volume, mounted read-only", volume: "/ro-empty", ssh: "up", says: /cannot be saved — saw EROFS/ },
  { name: "a volume with a key, mounted read-only", volume: "/ro-keys", ssh: "up" },
  {
    name: "a full volume",
    volume: "/small",
    plant: "mkdir $S; yes | head -c 4096 > $V/full",
    ssh: "up",
    says: /cannot be saved — saw ENOSPC.*changes at the next start/,
  },
  {
    name: "a volume with room for one key",
    volume: "/small",
    plant: "mkdir $S",
    ssh: "up",
    says: /cannot be saved — saw ENOSPC.*it is left out, so that the identity stays/,
  },
  { name: "a volume that takes no further file", volume: "/few", ssh: "up", says: /cannot be saved — saw ENOSPC/ },
  { name: "a volume that is a file", volume: "/a-file", plant: ": > $V", ssh: "down", says: /ENOTDIR/ },
  {
    name: "a volume that is a link",
    volume: "/a-link",
    plant: "mkdir /volume/real; ln -s /volume/real $V",
    ssh: "up",
    says: /a-link is a link or no directory/,
    inSudo: { ssh: "down", says: /there is a link on the way/ },
  },
  { name: "nothing mounted", volume: "/nowhere", ssh: "up", says: /nothing is mounted at \/nowhere/ },
];

const identityIn = (said: string) =>
  ourLines(said).flatMap((line) => (line.msg === "ssh ready" ? (line as ReadyLine).host_keys : []));
/** A first start's log holds nothing at warn or error. */
const troubleIn = (said: string) =>
  ourLines(said)
    .filter(({ level }) => level !== "info")
    .map(({ msg }) => msg);

describe.each(bases)("on %s", (base) => {
  beforeAll(() => sudoImage(base, []));

  describe.each(MODES)("in %s mode", (mode) => {
    let container: Container;
    beforeAll(async () => {
      container = await startHostile(base, await makeKey());
    });

    test.each(ROWS)("$name: $ssh, in words, and nothing outside is touched", async (row) => {
      const wanted = mode === "sudo" ? (row.inSudo ?? row) : row;
      const met = await meet(container, mode, row);
      expect(met.isUp ? "up" : "down", met.said).toBe(wanted.ssh);
      if (wanted.says === undefined) expect(troubleIn(met.said)).toEqual([]);
      else expect(met.said).toMatch(wanted.says);
      expect(met.said).toContain("THE APP RUNS");
      expect(met.outside[1]).toBe(met.outside[0]);
      // No new identity beside what was there.
      if (wanted.ssh === "down" && row.isIdentityMade === undefined) expect(met.names[1]).toBe(met.names[0]);
    });

    test("a volume without links, owners and modes keeps its identity: up, twice", async (context) => {
      const exfat = await mountExfat();
      if (exfat.path === undefined) return context.skip(exfat.why);
      const start = { volume: "/exfat", plant: "rm -rf $S/ssh_host_rsa*" };
      const first = await meet(container, mode, { ...start, plant: "rm -rf $S" });
      const second = await meet(container, mode, start);
      expect([first.isUp, second.isUp]).toEqual([true, true]);
      expect(identityIn(first.said)).toHaveLength(2);
      expect(identityIn(second.said)).toEqual(identityIn(first.said));
      expect(second.outside[1]).toBe(first.outside[0]);
    });
  });
});
