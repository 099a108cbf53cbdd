import { describe, expect, test } from "vitest";
import { allSettings, fileForm, isOurSetting, isSecretSetting, settings } from "../../src/settings.ts";

describe("the settings table", () => {
  test("names each setting once, file forms included", () => {
    const names = allSettings.flatMap((row) => (row.fileForm ? [row.name, fileForm(row)] : [row.name]));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(33);
  });

  test("has only names that begin with WITHSSH_ or AUTHORIZED_KEYS", () => {
    for (const { name } of allSettings) expect(name).toMatch(/^(?:WITHSSH_[A-Z_]+|AUTHORIZED_KEYS(?:_FILE|_URL)?)$/);
  });

  test("has defaults and examples that its own parsers take", () => {
    for (const { name, kind, fallback } of allSettings) {
      if (fallback !== undefined) {
        const written = kind.render?.(fallback as never) ?? String(fallback);
        expect(kind.parse(written), name).toEqual({ value: fallback });
      }
      if (name !== settings.authorizedKeys.name) expect(kind.parse(kind.example), name).toHaveProperty("value");
    }
  });

  test("names in a meaning only settings that exist", () => {
    const names = allSettings.map(({ name }) => name as string);
    for (const row of allSettings) {
      for (const word of `${row.meaning} ${row.unset}`.match(/WITHSSH_\w+/g) ?? []) expect(names).toContain(word);
    }
  });
});

test("no name of ours reaches SSH sessions, and no other name is kept from them", () => {
  const ours = [
    "AUTHORIZED_KEYS",
    "AUTHORIZED_KEYS_FILE",
    "AUTHORIZED_KEYS_URL_FILE",
    "WITHSSH_X",
    "WITHSSH_HOST_KEYS",
  ];
  expect(ours.filter(isOurSetting)).toEqual(ours);
  expect(["PATH", "AUTHORIZED", "AUTHORIZED_KEYSX", "MY_WITHSSH_X", "withssh_port"].filter(isOurSetting)).toEqual([]);
});

test("only private host keys are kept from the app", () => {
  expect(isSecretSetting("WITHSSH_HOST_KEYS")).toBe(true);
  expect(["WITHSSH_HOST_KEYS_FILE", "AUTHORIZED_KEYS", "WITHSSH_PORT", "PATH"].filter(isSecretSetting)).toEqual([]);
});
