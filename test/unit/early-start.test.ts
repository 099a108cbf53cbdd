import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { isSshCertain, isSteering } from "../../src/early-start.ts";
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

describe("it is forked, which keeps what the runtime made of the environment", () => {
  test("where that says nothing to a runtime", () => {
    const names = [
      "PATH=/",
      "HOME=/",
      "NODE_ENV=production",
      "NODE_VERSION=22",
      "RAILS_ENV=x",
      "LANG=C",
      "AUTHORIZED_KEYS=x",
    ];
    expect(isSteering(names)).toBe(false);
  });

  test.each([
    "LD_PRELOAD=/x.so",
    "LD_LIBRARY_PATH=",
    "GLIBC_TUNABLES=x",
    "BUN_OPTIONS=--smol",
    "BUN_JSC_useJIT=0",
    "JSC_useJIT=0",
    "MIMALLOC_VERBOSE=1",
    "NODE_OPTIONS=--x",
    "NODE_TLS_REJECT_UNAUTHORIZED=0",
    "NODE_EXTRA_CA_CERTS=/x",
    "NODE_ENVELOPE=x",
  ])("but not with %s", (entry) => {
    expect(isSteering(["A=1", entry])).toBe(true);
  });

  test("nor where something is fetched, which goes by more names than these", () => {
    expect(isSteering(["AUTHORIZED_KEYS_URL=https://x"])).toBe(true);
    expect(isSteering(["AUTHORIZED_KEYS_URL_FILE=/x"])).toBe(true);
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
