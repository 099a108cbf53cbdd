/**
 * What an app tries to be root again: each way that we know, as a line for the shell that prints `uid=0` when it succeeds, and what
 * it plants beforehand for a clumsy or hostile root to run, to preload, or to write through.
 */
import type { SudoCall } from "../../src/sudo-request.ts";
import { WITHSSH } from "./sudo-image.ts";

/** A request that asks for everything that only root may have. */
export const GREEDY = JSON.stringify({
  nonce: "0".repeat(32),
  start: true,
  replyPipe: "",
  logFile: "",
  request: {
    mode: "root",
    appPid: 1,
    appUid: 0,
    appGid: 0,
    appGroups: [0],
    hasCommand: true,
    wantsReply: true,
    environment: ["WITHSSH_USERS=root", "WITHSSH_SSHD=/tmp/own", "AUTHORIZED_KEYS=ssh-ed25519 AAAA"],
    imageSettings: ["WITHSSH_USERS", "WITHSSH_SSHD"],
  },
} satisfies SudoCall);

/** Ways that print `uid=0` when they succeed. `own` is a program of the app's that prints its ids and leaves a trace. */
export const WAYS: readonly string[] = [
  "sudo -n id",
  "sudo -n -i id",
  "sudo -n -s id",
  "sudo -n -g root id",
  "sudo -n -u root -g app id",
  `sudo -n BUN_BE_BUN=1 ${WITHSSH} -e 'console.log("uid="+process.getuid())'`,
  `sudo -n BUN_BE_BUN=1 ${WITHSSH} --supervise`,
  `sudo -n BUN_OPTIONS='--preload /tmp/own.js' ${WITHSSH} --supervise`,
  `BUN_BE_BUN=1 BUN_OPTIONS='--preload /tmp/own.js' sudo -n ${WITHSSH} --supervise`,
  `BUN_OPTIONS='--preload /tmp/own.js' sudo -n -E ${WITHSSH} --supervise`,
  `sudo -n --preserve-env=BUN_OPTIONS,LD_PRELOAD ${WITHSSH} --supervise`,
  `LD_PRELOAD=/tmp/own.so sudo -n ${WITHSSH} --supervise`,
  `sudo -n ${WITHSSH} --supervise id`,
  `sudo -n ${WITHSSH} id`,
  `sudo -n ${WITHSSH} --supervisor`,
  `sudo -n ${WITHSSH} --become id`,
  `sudo -n -g app ${WITHSSH} --supervise`,
  `sudo -n -D /tmp ${WITHSSH} --supervise`,
  `sudo -n -R /tmp ${WITHSSH} --supervise`,
  `sudo -n -C 100 ${WITHSSH} --supervise`,
  `cd /tmp && ln -sf /tmp/own /tmp/withssh && sudo -n /tmp/withssh --supervise`,
  `cd /tmp && sudo -n ../usr/local/bin/../bin/withssh --supervise`,
  `echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise`,
  `head -c 3000000 /dev/zero | sudo -n ${WITHSSH} --supervise`,
  `(ulimit -f 0; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(ulimit -n 12; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(ulimit -v 5000000; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `(trap '' TERM CHLD PIPE XFSZ HUP INT; echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise)`,
  `for i in 1 2 3 4 5 6 7 8; do echo '${GREEDY}' | sudo -n ${WITHSSH} --supervise & done; wait`,
  "su -c id root </dev/null",
  "rm -f /dev/.withssh; mv /dev/.withssh /dev/x; rm -rf /run/withssh; mv /run/withssh /run/x",
];

/** What a clumsy or hostile root would run, preload or write through. */
export const PLANT = `cd /tmp && umask 0
printf '#!/bin/sh\\n/usr/bin/id >>/tmp/trace\\n' > own && chmod 755 own
echo 'require("fs").appendFileSync("/tmp/trace","uid="+process.getuid()+"\\n")' > own.js
printf 'preload = ["/tmp/own.js"]\\n' > bunfig.toml; cp bunfig.toml ~/.bunfig.toml; echo 'BUN_OPTIONS=--preload=/tmp/own.js' > .env
ln -sf /etc/shadow /tmp/.withssh; ln -sf /etc/shadow /dev/shm/withssh; touch trace`;

/** Programs of the app's that come first in the PATH of the container itself, and tell who ran them. */
export const FAKES = [
  "RUN mkdir -p /volume /plant && printf '#!/bin/sh\\n/usr/bin/id >>/tmp/trace\\n' > /plant/sudo && chmod 755 /plant/sudo",
  "RUN cd /plant && for n in ssh-keygen sshd visudo setsid; do cp sudo $n; done; chown -R app /plant",
];
/** The PATH of a container where they come first. */
export const PLANTED_PATH = "/plant:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
