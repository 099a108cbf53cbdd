import { expect, test } from "vitest";
import type { Demo } from "../../scripts/demo-login.ts";
import { renderDemo } from "../../scripts/demo-report.ts";

const DEMO: Demo = {
  login: ["-F", "/home/a b/ssh_config", "withssh-demo"],
  port: 2222,
  ready: {
    msg: "ssh ready",
    port: 2222,
    users: ["app"],
    host_keys: [{ type: "ssh-ed25519", fingerprint: "SHA256:abc" }],
    host_keys_pending: [],
    known_hosts: "",
  },
  found: "",
  app: "the app, as PID 1",
  made: ["container: x"],
  status: "docker exec x withssh --status",
  log: "docker logs x",
};
const SAID = "perl\0/app/a b.pl\0\napp\n172.17.0.1 5 172.17.0.2 2222\n";

test("it ends with commands that can be copied, whatever is in their words", () => {
  expect(renderDemo(DEMO, SAID, { isLeft: true }).split("\n")).toEqual([
    "",
    "the app, as PID 1  perl '/app/a b.pl'",
    "you, by ssh        app (from 172.17.0.1)",
    "host key           ssh-ed25519 SHA256:abc",
    "",
    "made container: x",
    "",
    "log in      ssh -F '/home/a b/ssh_config' withssh-demo",
    "its status  docker exec x withssh --status",
    "its log     docker logs x",
    "stop        npm run demo:stop",
  ]);
});

test("another port than the README's is told", () => {
  const told = renderDemo({ ...DEMO, port: 40123 }, SAID, { isLeft: true });
  expect(told).toContain("\nport 2222 is taken on this machine: this is on 40123\n");
});

test("what does not stay has no commands", () => {
  expect(renderDemo(DEMO, SAID, { isLeft: false })).not.toContain("npm run demo:stop");
});
