/** Holds the bash entrypoint that the bench compares with to the guide's steps: a slower rival would flatter us. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (name: string) => readFileSync(new URL(`../../bench/${name}`, import.meta.url), "utf8");

test("the bash entrypoint does the guide's steps in the guide's order and no more", () => {
  const [shebang, ...lines] = read("guide.sh").trimEnd().split("\n");
  expect(shebang).toBe("#!/bin/bash");
  expect(lines.filter((line) => !line.startsWith("#")).map((line) => line.trim())).toEqual([
    "mkdir -p /volume/.ssh",
    'if ! compgen -G "/volume/.ssh/*_key" >/dev/null; then', // a builtin: no fork
    "ssh-keygen -A",
    "cp /etc/ssh/*_key /volume/.ssh/",
    "else",
    "cp /volume/.ssh/*_key /etc/ssh/",
    "fi",
    'echo "$AUTHORIZED_KEYS" >/root/.ssh/authorized_keys',
    "/usr/sbin/sshd",
    'exec "$@"',
  ]);
});

test("its form for an unprivileged user does the same steps by sudo, and then takes sudo away", () => {
  const [shebang, ...lines] = read("guide-sudo.sh").trimEnd().split("\n");
  expect(shebang).toBe("#!/bin/bash");
  expect(lines.filter((line) => !line.startsWith("#")).map((line) => line.trim())).toEqual([
    "sudo mkdir -p /volume/.ssh",
    'if ! compgen -G "/volume/.ssh/*_key" >/dev/null; then',
    "sudo ssh-keygen -A",
    "sudo cp /etc/ssh/*_key /volume/.ssh/",
    "else",
    "sudo cp /volume/.ssh/*_key /etc/ssh/",
    "fi",
    'sudo tee /home/app/.ssh/authorized_keys >/dev/null <<<"$AUTHORIZED_KEYS"', // no fork for a pipe
    "sudo /usr/sbin/sshd",
    'sudo sed -i "/^%app ALL=(ALL) NOPASSWD: ALL$/d" /etc/sudoers',
    'exec "$@"',
  ]);
  const variants = [...read("harness.c").matchAll(/^ {4}\{"([\w-]+)", \{(.*), NULL\}, (\w+_RULE)\},$/gm)];
  expect(variants.map(([, name, argv, grant]) => [name, JSON.parse(`[${argv}]`), grant])).toEqual([
    ["bash-sudo", ["/bench/guide-sudo.sh", "/bench/app"], "GUIDES_RULE"],
    ["withssh-sudo", ["/usr/local/bin/withssh", "/bench/app"], "OUR_RULE"],
  ]);
  expect(read("sudo.c")).toContain('GUIDES_LINE[] = "%app ALL=(ALL) NOPASSWD: ALL\\n"');
  expect(read("sudo.c")).toContain('OUR_LINE[] = "app ALL=(root) NOPASSWD: /usr/local/bin/withssh --supervise\\n"');
});

test("the bench image runs that script itself, and every variant runs the same app", () => {
  expect(read("Dockerfile")).toMatch(/^COPY guide\.sh guide-sudo\.sh \/bench\/$/m);
  const variants = [...read("harness.c").matchAll(/^ {4}\{"(\w+)", \{(.*), NULL\}, NO_SUDO\},$/gm)].map(
    ([, name, argv]) => [name, JSON.parse(`[${argv}]`)],
  );
  expect(variants).toEqual([
    ["bare", ["/bench/app"]],
    ["tini", ["/usr/bin/tini", "--", "/bench/app"]],
    ["bash", ["/bench/guide.sh", "/bench/app"]],
    ["withssh", ["/usr/local/bin/withssh", "/bench/app"]],
  ]);
});
