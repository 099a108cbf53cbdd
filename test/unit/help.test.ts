import { expect, test } from "vitest";
import { EXIT } from "../../src/errors.ts";
import { flags } from "../../src/flags.ts";
import { exitCodes, renderDefault, renderHelp } from "../../src/help.ts";
import { allSettings, fileForm, settings } from "../../src/settings.ts";

const lines = renderHelp().split("\n");

test("the help fits 80 columns of plain ASCII and ends with a line break", () => {
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(renderHelp()).toMatch(/^[\x20-\x7e\n]+[^\n]\n$/);
});

test("the help names every flag, setting, file form and exit code", () => {
  for (const { name, modifier } of flags) {
    expect(lines.some((line) => line.startsWith(`  ${name}`) && line.includes(modifier ?? ""))).toBe(true);
  }
  for (const row of allSettings) {
    const title = lines.find((line) => new RegExp(`^  ${row.name}(?: |$)`).test(line)) ?? "";
    expect(title, row.name).not.toBe("");
    expect(title).toContain(row.fileForm ? `(or ${fileForm(row)}, a path)` : "");
    const initial = renderDefault(row);
    expect(title).toContain(initial === undefined ? "" : `[${initial}]`);
  }
  for (const code of Object.values(EXIT)) expect(exitCodes.map((row) => row.code)).toContain(`${code}`);
});

test("the help shows a default as people write it", () => {
  expect(renderDefault(settings.urlRefresh)).toBe("15m");
  expect(renderDefault(settings.homeKeys)).toBe("false");
  expect(renderDefault(settings.users)).toBe("the user the app runs as");
  expect(renderDefault(settings.authorizedKeys)).toBeUndefined();
});
