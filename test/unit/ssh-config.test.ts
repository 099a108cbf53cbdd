import { expect, test } from "vitest";
import { renderSshConfig } from "../../src/ssh-config.ts";

const input = { target: { host: "Shop.example.com", port: 2022 }, user: "app", portInside: 2222, isFly: false };

test("the app, and its machines through it, held to the app's own key", () => {
  expect(
    renderSshConfig(input),
  ).toBe(`# put the lines of: withssh --known-hosts Shop.example.com:2022   into ~/.ssh/known_hosts
Host shop
  HostName Shop.example.com
  Port 2022
  User app

# one machine, by the name that the app's own network has for it: ssh MACHINE.shop
Host *.shop
  Port 2222
  User app
  ProxyJump shop
  HostKeyAlias [shop.example.com]:2022
`);
});

test("on Fly a machine's name is completed to its private one", () => {
  const text = renderSshConfig({ ...input, target: { host: "shop.fly.dev", port: 22 }, isFly: true });
  expect(text).toContain("\nHost *.shop\n  HostName %h.internal\n");
  expect(text).toContain("\n  HostKeyAlias shop.fly.dev\n");
});

test.each(["192.0.2.1", "2001:db8::1"])("an address has no name, so %s is the app", (host) => {
  const text = renderSshConfig({ ...input, target: { host, port: 2222 }, user: undefined });
  expect(text).toContain(`\nHost app\n  HostName ${host}\n`);
  expect(text).toContain("\nHost *.app\n");
  expect(text).not.toContain("User");
});
