/** What editors and gateways need besides a shell: forwarding in each direction, sockets, many channels, the agent. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import { buildClientImages, type ClientImages, IMAGES_MS } from "../support/client-images.ts";
import { startWithMachines, type Workstation } from "../support/workstation.ts";

let images: ClientImages;
let workstation: Workstation;
beforeAll(async () => {
  images = await buildClientImages();
  ({ workstation } = await startWithMachines(images));
}, IMAGES_MS);

/** Local ports of the workstation: one a test and base. */
const ports = { debian: 4100, musl: 4200 };

/** `serve PORT DIR`: a git daemon on 127.0.0.1 over one repository with the branch `main`; listens when it returns. */
const SERVE = `
serve() {
  git init --quiet --initial-branch=main "$2/served"
  git -C "$2/served" -c user.name=x -c user.email=x@example.org commit --quiet --allow-empty --message=served
  mkfifo "$2/said"
  git daemon --export-all --verbose --base-path="$2" --listen=127.0.0.1 --port="$1" 2> "$2/said" > /dev/null < /dev/null &
  exec 3< "$2/said"
  while read -r said <&3; do case "$said" in *Ready*) break;; esac; done
}
`;

/** For an ssh in the background that the script must not leave behind. */
const END = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT";

describe.concurrent.each(bases)("on %s", (base) => {
  const port = ports[base];

  test("VS Code: a server that a script on stdin has installed is reached by ssh -T -D through SOCKS", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      ${END}
      cat > install.sh <<'script'
${SERVE}
      mkdir -p ~/.editor-server && serve 9418 ~/.editor-server
      echo "listeningOn==9418=="
      cat > /dev/null
      kill $!
script
      coproc EDITOR { ssh -T -D 127.0.0.1:${port} ${base} sh; }
      { cat install.sh; } >&"\${EDITOR[1]}"
      read -r line <&"\${EDITOR[0]}"; echo "$line"
      printf '#!/bin/sh\\nexec nc -X 5 -x 127.0.0.1:${port} "$1" "$2"\\n' > socks; chmod +x socks
      git -c core.gitProxy="$PWD/socks" ls-remote git://localhost/served main | cut -f 2
    `);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "listeningOn==9418==\nrefs/heads/main\n",
      stderr: "",
    });
  });

  test("JetBrains: an archive by sftp, commands side by side and forwarded ports and sockets, all on one connection", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      cat > config <<config
Include ~/.ssh/config
Host *
  ControlPath $PWD/master
config
      ssh -F config -f -N -M ${base}; trap 'ssh -F config -q -O exit ${base}' EXIT
      head -c 3000000 /dev/urandom > backend; tar -czf backend.tar.gz backend
      echo 'put backend.tar.gz' | sftp -F config -q -b - ${base} > /dev/null
      ssh -F config ${base} 'tar -xzf backend.tar.gz && cat backend' | cmp - backend
      # Ten sessions are as many as sshd allows on one connection (MaxSessions), and all ten are there at once.
      ssh -F config ${base} 'rm -f gate && mkfifo gate'
      for i in 1 2 3 4 5 6 7 8 9; do ssh -F config ${base} "echo $i > gate; echo channel $i" < /dev/null & done
      ssh -F config ${base} 'exec 3<> gate; for i in 1 2 3 4 5 6 7 8 9; do read -r said <&3; done'; wait
      ssh -F config ${base} 'rm -f agent.sock; eval "$(ssh-agent -s -a agent.sock)" > /dev/null; pwd' > home
      ssh -F config -O forward -L ${port + 1}:127.0.0.1:2222 -L "$PWD/agent.sock:$(cat home)/agent.sock" ${base}
      read -r banner < <(nc -d 127.0.0.1 ${port + 1}); echo "\${banner%%-OpenSSH*}"
      SSH_AUTH_SOCK=$PWD/agent.sock ssh-add -q ~/.ssh/id_ed25519
      ssh -F config ${base} 'SSH_AUTH_SOCK=agent.sock ssh-add -l' | grep -c ED25519
    `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trim().split("\n");
    expect(lines.slice(0, 9).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `channel ${i}`));
    expect(lines.slice(9)).toEqual(["SSH-2.0", "1"]);
  });

  test("ssh -R: what listens on the workstation is reached from inside", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      ${END}
      ${SERVE}
      serve ${port + 2} .
      ssh -o ExitOnForwardFailure=yes -R 9500:127.0.0.1:${port + 2} ${base} git ls-remote git://localhost:9500/served main | cut -f 2
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "refs/heads/main\n", stderr: "" });
  });

  test("ssh -A: the agent's keys are there inside, and git there logs in elsewhere with them", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      eval "$(ssh-agent -s)" > /dev/null; trap 'ssh-agent -k > /dev/null' EXIT
      ssh-add -q ~/.ssh/id_ed25519
      ssh -A ${base} 'ssh-add -l' | grep -c ED25519
      ssh ${base} 'ssh-add -l' 2>&1 | grep -c 'Could not open a connection to your authentication agent' || true
      scp -q ~/.ssh/known_hosts ${base}:known_hosts
      ssh -A ${base} 'git init --quiet --bare own.git; GIT_SSH_COMMAND="ssh -o UserKnownHostsFile=known_hosts" git ls-remote ssh://app@${base}.example:2222/~/own.git; echo $?'
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "1\n1\n0\n", stderr: "" });
  });

  test.each(["no", "local"])("WITHSSH_FORWARDING=%s refuses in the client's own words", async (forwarding) => {
    const name = `${forwarding}-${base}.example`;
    const image = images.machines[base] as string;
    await workstation.learn(name, await workstation.start(name, { image, env: { WITHSSH_FORWARDING: forwarding } }));
    const host = `${forwarding}-${base}`;
    const { code, stdout, stderr } = await workstation.run(`
      eval "$(ssh-agent -s)" > /dev/null; trap 'ssh-agent -k > /dev/null' EXIT
      ssh-add -q ~/.ssh/id_ed25519
      try() { echo "== $1"; shift; "$@" 2>&1 < /dev/null || true; }
      try -L ssh -W 127.0.0.1:2222 ${host}
      try -J ssh -o HostKeyAlias=[${name}]:2222 -J ${host} -p 2222 app@127.0.0.1 echo in
      try -R ssh -o ExitOnForwardFailure=yes -R 9500:127.0.0.1:22 ${host} echo in
      try -A ssh -A ${host} 'ssh-add -l | grep -o ED25519'
      try shell ssh ${host} echo in
    `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [, ...said] = stdout
      .replaceAll("\r", "")
      .split("== ")
      .map((text) => text.split("\n").slice(1, -1).join("\n"));
    expect(said).toEqual(
      forwarding === "local"
        ? [
            expect.stringMatching(/^SSH-2.0-/),
            "in",
            "Error: remote port forwarding failed for listen port 9500",
            "ED25519",
            "in",
          ]
        : [
            "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed",
            expect.stringMatching(/administratively prohibited: open failed\nstdio forwarding failed\n/),
            "Error: remote port forwarding failed for listen port 9500",
            "Could not open a connection to your authentication agent.",
            "in",
          ],
    );
  });
});
