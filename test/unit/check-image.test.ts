import { expect, test } from "vitest";
import { findBakedKeys } from "../../src/check-image.ts";
import { createFakeHost } from "../support/fake-host.ts";

test("host keys in a layer are named, and their public halves are none", () => {
  const host = createFakeHost({
    files: { "/etc/ssh/ssh_host_rsa_key": "", "/etc/ssh/ssh_host_rsa_key.pub": "", "/etc/ssh/sshd_config": "" },
  });
  expect(findBakedKeys(host)).toMatchObject([{ verdict: "warn", text: expect.stringMatching(/ssh_host_rsa_key —/) }]);
});

test("an image without /etc/ssh, or without keys there, has none baked in", () => {
  for (const files of [{}, { "/etc/ssh/sshd_config": "" }]) {
    expect(findBakedKeys(createFakeHost({ files }))).toMatchObject([{ verdict: "ok" }]);
  }
});

test("a directory that we may not look into is not called free of keys", () => {
  const host = createFakeHost({ files: { "/etc/ssh/ssh_host_rsa_key": "" } });
  host.failOn({ call: "openDir", path: "/etc/ssh" }, "every", "EACCES");
  expect(findBakedKeys(host)).toMatchObject([{ verdict: "unknown", text: expect.stringContaining("EACCES") }]);
});
