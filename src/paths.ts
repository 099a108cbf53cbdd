/** Every path that we touch outside the volume, in one place. */

/** Our state: world-readable names, private parts below (state-directory.ts). */
export const RUN_DIRECTORY = "/run";
export const STATE_NAME = "withssh";
export const STATE_DIRECTORY = `${RUN_DIRECTORY}/${STATE_NAME}`;
/** Below the state directory: one file of authorized keys a login user, readable by sshd as that user. */
export const KEYS_NAME = "keys";
/** Below the state directory, 0700: the config with session variables, and keys where /etc/ssh cannot hold them. */
export const PRIVATE_NAME = "private";
export const CONFIG_NAME = "sshd_config";
/** Its PID file, beside it: accept-gate.ts. */
export const PID_NAME = "sshd.pid";
/** A changed config until it is proved. */
export const NEXT_CONFIG_NAME = "sshd_config.next";
/** What it includes, with a name for each content: the one in force stays while the next is proved. */
export const OPERATOR_CONFIG_NAME = "operator_config";
/** Below the state directory, readable by all: the image's sudo rules were taken away in this container. */
export const TAKEN_NAME = "sudo-rules-taken-away";
/** Below the state directory: where the supervisor answers `--status`. */
export const STATUS_NAME = "status";
/** The image's ssh directory. */
export const IMAGE_SSH_DIRECTORY = "/etc/ssh";
export const IMAGE_SSHD_CONFIG = `${IMAGE_SSH_DIRECTORY}/sshd_config`;

/** Where distributions put their programs (Debian, Alpine, Fedora, a build from source). */
export const SSHD_PATHS = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"] as const;
export const KEYGEN_PATHS = ["/usr/bin/ssh-keygen", "/usr/local/bin/ssh-keygen"] as const;
export const SFTP_SERVER_PATHS = [
  "/usr/lib/openssh/sftp-server",
  "/usr/lib/ssh/sftp-server",
  "/usr/libexec/openssh/sftp-server",
  "/usr/libexec/sftp-server",
  "/usr/local/libexec/sftp-server",
] as const;
/** Privilege separation directories that are compiled into sshd (its PRIVSEP_PATH). */
export const PRIVSEP_DIRECTORIES = [
  "/run/sshd",
  "/var/run/sshd",
  "/var/empty",
  "/usr/share/empty.sshd",
  "/var/lib/sshd",
];

/** passwd(1). */
export const PASSWD = "/usr/bin/passwd";
