/**
 * Where people meet the messages of each file of src/, in the order of docs/messages.md, and what a message that has no
 * hint of its own calls for. What is not named here is not on the page, and the check says so (test/messages).
 */

export interface Place {
  readonly title: string;
  /** Told under the heading. */
  readonly about: string;
  /** Files of src/, without the ending. */
  readonly files: readonly string[];
}

export const PLACES: readonly Place[] = [
  {
    title: "The app does not start: settings and flags",
    about:
      "On stderr before the app, one line each, all of them at once: `level` is `error`, `msg` is the message. The exit code is 2.",
    files: ["config", "setting-names", "setting-reader", "app-user", "flags"],
  },
  {
    title: "The app does not start: something required is not to be had",
    about:
      "The last line on stderr, `level` `error`. The exit code is 1; where the command itself cannot be run 126, where it is not there 127, for a bug of ours 70. `no command was given` alone and `sudo mode is not to be had` are warnings, and the start goes on.",
    files: ["privilege", "pinned-rootless", "drop-rights", "exec", "supervisor-reply", "launch", "main"],
  },
  {
    title: "Sudo mode",
    about:
      "In the container's log at the start. The launcher's own end in exit code 1, since the app must not run with rights that may be left; those of the root side come as `--supervise refused: …` before it. What only makes sudo of no use is a warning (`sudo mode is not to be had`), or the reason why a pinned mode is refused. `--check` tells the same in its lines about the mode.",
    files: [
      ...[
        "sudo-ask",
        "sudo-call",
        "sudo-silence",
        "sudo-relayed-log",
        "sudo-binary",
        "sudo-supervise",
        "caller",
        "claim",
        "first-acts",
      ],
      ...["own-executable", "sudo-grants", "sudoers", "sudo-doors", "sudo-settings", "sudo-listing", "sudo-check"],
      ...["request", "sudo-request"],
    ],
  },
  {
    title: "SSH is down, or weaker than it could be",
    about:
      "In the log at the start, and again when a change is refused: `ssh is down: …` (`error`; the app runs), `login user left out: …` (`error`), `change left out, what was in force stays: …` (`error`), or the message alone (`warn`). `--status`, `--healthcheck` and `--check` show the same.",
    files: [
      ...["accounts", "login-home", "login-rootless", "shadow-repair", "rootless", "key-home"],
      ...["authorized-keys", "authorized-key-stages", "key-authority", "text-source", "url-roots"],
      ...["find-sshd", "programs", "capabilities", "port-holder", "ssh-state"],
      ...["sshd-config", "sshd-proof", "sshd-ask", "image-config", "operator-config", "write-sshd-config"],
      ...["state-directory", "state-rootless", "stage", "supervise", "supervisor-start", "live"],
    ],
  },
  {
    title: "Host keys",
    about:
      "In the log: `host key left alone: …` with the `path` (`error`), a warning, or `ssh is down: …` where no key is left that could be used. What is wrong with a key comes behind `saw`.",
    files: [
      ...["host-keys", "host-key-files", "host-key-store", "host-key-keep", "host-key-make"],
      ...["host-key-adopt", "host-key-given", "host-key-install", "host-key-refresh"],
      "private-key",
    ],
  },
  {
    title: "Files and URLs of keys that cannot be used",
    about:
      "In the log, at the start and while it runs: `key source failed: …` with the `source` (`error`). What the source gave last goes on counting.",
    files: ["key-file", "key-sources", "key-url"],
  },
  {
    title: "Lines that are no key",
    about:
      "In the log: `key line refused: …` with `source` and `line` (`warn`). The line itself is never shown. The other lines count.",
    files: ["key-line", "key-blob", "key-foreign", "key-options"],
  },
  {
    title: "Who was refused, and who left without a word",
    about: "The `why` of `refused` and `disconnected` in the log ([log.md](log.md)).",
    files: ["sshd-log", "sshd-logins"],
  },
  {
    title: "--check",
    about:
      "On stdout, with `ok`, `note`, `warn`, `fail` or `unknown` before it. The messages of a start come here too, as they would be told.",
    files: ["check", "check-boot", "check-image", "check-mode"],
  },
  {
    title: "--status, --healthcheck, --known-hosts",
    about:
      "`--healthcheck` says one line on stdout, after `healthy: ` (exit 0) or `unhealthy: ` (exit 1). The others refuse on stderr.",
    files: ["status-ask", "client-lines", "health"],
  },
  {
    title: "For who debugs",
    about: "Only with `WITHSSH_LOG_LEVEL=debug`. Nothing that has to be mended.",
    files: ["session-path", "status-start"],
  },
];

/** Messages in these files are only what another message saw: that one has the hint. */
export const PARTS: ReadonlySet<string> = new Set(["private-key", "state-rootless", "sshd-log", "sshd-logins"]);

/** What each line of the log means, by its `msg`. */
export const MEANINGS: Readonly<Record<string, string>> = {
  "ssh ready":
    "sshd listens, and its config is proved: whoever has a key can log in. `host_keys_pending`: types that are still being made and join. `known_hosts` is a line for clients; `known_hosts_exact` is false where nobody said what they dial (`WITHSSH_PUBLIC_ADDRESS`)",
  "ssh is down: …": "nobody can log in; the app runs. The reason follows",
  "host keys":
    "the identity of this machine: which were there, which are new, where they are kept. `app_writable`: the app could replace them",
  "host key left alone: …": "a key on the volume cannot be used; it is neither replaced nor removed",
  "authorized keys": "how many keys may log in as whom, and how many each source gave",
  "key line refused: …": "a line that is no key; the others count",
  "key source failed: …": "a file or URL could not be read: what it gave last still counts",
  "lines of the image's sshd_config left out":
    "what would break a promise is not taken over from the image; everything else is",
  "sshd exited": "sshd ended by itself, and is started again after that time; open sessions go on",
  accepted: "somebody has logged in",
  refused: "somebody has not been let in; at debug where it is one of many alike",
  disconnected: "a session has ended",
  "…, repeated": "so many refusals, or words of sshd, were only counted",
  sshd: "what sshd itself says",
  "log records lost": "nobody read the log, and so many lines found no room",
  "sshd's log was full before we read it: some of what sshd said may be lost":
    "the machine was too busy to keep up with sshd's log; logins are not touched by it",
  "login user left out: …": "this user cannot log in; the others can",
  "host key made and in use": "the slow rsa key of a first start has joined the others",
  "authorized keys changed": "a source has other keys now; `added` and `removed` name them. They count from now on",
  "host keys changed": "sshd has another identity now: clients that know the old one will be warned",
  "sshd config changed": "sshd has taken up a changed config; sessions go on",
  "session ended: its key is gone": "`WITHSSH_REVOKE_SESSIONS`: its key is in no source any more",
  "session of an unknown process: it will not end with its key":
    "`WITHSSH_REVOKE_SESSIONS` cannot watch this one: end it by hand where its key is taken away",
  "change left out, what was in force stays: …":
    "a changed file would have broken SSH, so it is not taken up; mend it, and it is",
  "a further call of --supervise was refused":
    "somebody in the container has tried the sudo rule after the start: the app, or who is logged in",
  "the app has ended: ssh ends with it": "sessions are ended within three seconds",
  stopping: "the supervisor was told to end",
  stage: "a step of the start, and how long it took",
};

/** Settings that cannot be read as what they are, and what is said of them all. */
export const KINDS = "… must be ";
export const CURE_OF_KINDS =
  "as in the example that the hint gives. Blanks, line breaks or quotes around the value are a part of it in an env file";

/** What to do where the message itself has no hint, or nothing is wrong; by template. */
export const CURES: Readonly<Record<string, string>> = {
  "a word is missing after …": "the hint has the flag with its word",
  "… goes with … only": "the hint has both flags together",
  "WITHSSH_PRIVILEGE=rootless is not to be had: …": "the hint of that reason, in its own row below",
  "could not …":
    "EROFS: under a read-only root it needs a tmpfs, `docker run --tmpfs /run`. ENOSPC, EDQUOT: make room, the disk, its inodes or the quota are used up. Others: look at what the path that it saw is",
  "SSL_CERT_FILE cannot be read": "`name a regular file, at most 1 MiB; links are followed on a read-only mount`",
  "sudo mode is not to be had": "what the reason says; or pin `WITHSSH_PRIVILEGE=rootless` where that is meant",
  "the sudo rule is spent for this start":
    "nothing, where a start makes its one call; `docker restart` gives the next. What it saw says who was first",
  "the one sudo rule is there: it serves at each start": "nothing: it is as it should be",
  "this is a bug of withssh: …": "report it with this line and `withssh --version`",
  "--supervise refused: …": "the reason's own row",
  "the refusal is told here alone: …": "nothing: it is why a refused call is not in the container's log",
  "public halves of host keys are not in …: …": "nothing: sshd needs none; `--known-hosts` prints them",
  "refused calls are not heard of: …": "nothing: refused calls of `--supervise` are then told on the app's own stderr",
  "/etc/profile.d/00-withssh.sh was not written: …":
    "nothing, unless login shells miss the app's PATH: make /etc/profile.d writable",
  "nobody answers --status: …": "make the state directory writable, where `--status` is wanted",
  "no such user, or none that may log in": "the name that was tried is no login user: `WITHSSH_USERS` names them",
  "no key that is allowed": "`offered` has the keys that were tried: give one of them, or see its `source`",
  "too many keys, none of them allowed":
    "the client offered every key of its agent: `ssh -o IdentitiesOnly=yes -i KEY`",
  "no key that is allowed, until the connection ended": "as `no key that is allowed`; the client then waited",
  "its process is gone, sshd said nothing": "the session's process was killed: by memory, or by somebody inside",
  "switched off: the app runs alone": "nothing, where `WITHSSH_ENABLED=false` is meant",
  "… here now; this is about another start": "nothing: `--status` tells of the one that runs",
  "ssh is down": "`withssh --status` and the log say why",
  "ssh waits for an authorized key": "give one: `AUTHORIZED_KEYS`",
  "sshd does not listen yet": "wait; where it stays so, the log says what sshd does",
  "sshd has ended": "wait: it is started again; the log says how it ended",
  "sshd (pid …) is stopped: its state is …": "`kill -CONT` it, or restart the container; T is stopped, Z a zombie",
  "nothing listens on port …": "the log says why sshd does not; it is tried again",
};
