/** Which package brings a program that an image lacks, on the three families that images come from. Words only. */

const PACKAGES = {
  sshd: { debian: "openssh-server", alpine: "openssh", fedora: "openssh-server" },
  sudo: { debian: "sudo", alpine: "sudo", fedora: "sudo" },
  "ssh-keygen": { debian: "openssh-client", alpine: "openssh-keygen", fedora: "openssh" },
} as const;

/** A hint that changes an account; the tools of `shadow` are in every base but Alpine's. */
export function accountHint(command: string): string {
  return `in the image: RUN ${command} (Alpine: apk add shadow first)`;
}

/** A hint that installs `program`. sshd's own helpers come in sshd's package. */
export function installHint(program: keyof typeof PACKAGES): string {
  const { debian, alpine, fedora } = PACKAGES[program];
  return `Debian: apt-get install ${debian} · Alpine: apk add ${alpine} · Fedora: dnf install ${fedora}`;
}
