/** Which package brings a program that an image lacks, on the three families that images come from. Words only. */

const PACKAGES = {
  sshd: { debian: "openssh-server", alpine: "openssh", fedora: "openssh-server" },
  "ssh-keygen": { debian: "openssh-client", alpine: "openssh-keygen", fedora: "openssh" },
} as const;

/** A hint that installs `program`. sshd's own helpers come in sshd's package. */
export function installHint(program: keyof typeof PACKAGES): string {
  const { debian, alpine, fedora } = PACKAGES[program];
  return `Debian: apt-get install ${debian} · Alpine: apk add ${alpine} · Fedora: dnf install ${fedora}`;
}
