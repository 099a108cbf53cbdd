import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { isSshCertain } from "../../src/early-start.ts";
import { saysNothing } from "../../src/plain-start.ts";
import { envMap } from "../../src/process-facts.ts";
import { allSettings, fileForm } from "../../src/settings.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRdRgXQ4dekP4Tagy8+omP4lI4iVopBxPttYpfsIkT4 a";

describe("the supervisor is started before the settings are read", () => {
  test.each([
    ["a command", ["app", "--flag"], ["A=1", `AUTHORIZED_KEYS=${KEY}`, "WITHSSH_PORT=22"]],
    ["a path", ["/bin/app"], []],
  ])("for %s", (_title, words, environment) => {
    expect(isSshCertain(words, environment)).toBe(true);
  });

  test.each([
    ["no command", [], []],
    ["flags of ours", ["--help"], []],
    ["a command behind flags", ["--", "app"], []],
    ["SSH that may be switched off", ["app"], ["WITHSSH_ENABLED=true"]],
    ["a launcher that may stay", ["app"], ["A=1", "WITHSSH_INIT=1"]],
    ["a release command", ["app"], ["RELEASE_COMMAND=1"]],
  ])("but not for %s", (_title, words, environment) => {
    expect(isSshCertain(words, environment)).toBe(false);
  });
});

describe("a launcher that reads no settings", () => {
  const plain = [`AUTHORIZED_KEYS=${KEY}\n"null",;`, "FLY_APP_NAME=x", "HOME=/", "PATH=\xff", "no sign", "WITH=1"];

  test("misses nothing: all that it would act on is at its default, and there is nothing to warn about", () => {
    expect(saysNothing(plain)).toBe(true);
    const { config, warnings } = parseConfig(envMap(plain));
    const { appUser, enabled, hostKeys, init, nofile, noNewPrivs, privilege, require } = config;
    expect(warnings).toEqual([]);
    expect({ appUser, enabled, hostKeys, init, nofile, noNewPrivs, privilege, require }).toEqual({
      appUser: undefined,
      enabled: true,
      hostKeys: undefined,
      init: false,
      nofile: undefined,
      noNewPrivs: false,
      privilege: "auto",
      require: false,
    });
  });

  test.each([
    ...allSettings.filter(({ name }) => name !== "AUTHORIZED_KEYS").map(({ name }) => name),
    ...allSettings.filter(({ fileForm: has }) => has).map(fileForm),
    "WITHSSH_PROT",
    "AUTHORIZED_KEYS_DIR",
    "RELEASE_COMMAND",
  ])("reads them where %s is set", (name) => {
    expect(saysNothing([...plain, `${name}=`])).toBe(false);
  });

  test("reads them where the keys are no plain text, which is warned about", () => {
    expect(saysNothing([`AUTHORIZED_KEYS=${KEY}\xff`])).toBe(false);
  });
});
