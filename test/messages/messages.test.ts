/** No message that nobody has read: each is made by a test, has a cure, and stands in docs/messages.md. */
import { beforeAll, expect, test } from "vitest";
import { cureOf, homeless } from "../../scripts/message-page.ts";
import { CURES, MEANINGS, PLACES } from "../../scripts/message-places.ts";
import { type Matched, matchRecords, readPage, renderDocs } from "./matched.ts";
import { readRecords, renewRecords } from "./records.ts";

let matched: Matched;
beforeAll(async () => {
  await renewRecords();
  matched = matchRecords(readRecords());
}, 300_000);

const shown = ({ sites, template }: { sites: readonly string[]; template: string }) =>
  `${sites.join(", ")}: ${template}`;

test("every message is made by a test", () => {
  const { table, made } = matched;
  expect(table.rows.length).toBeGreaterThan(300);
  expect(table.rows.filter((row) => !made.has(row)).map(shown)).toEqual([]);
});

test("every message that a test makes is found in the code", () => {
  expect(matched.unknown.map(({ site, what }) => `${site}: ${what}`)).toEqual([]);
});

test("every message has a place where people meet it, and says what to do", () => {
  const { rows } = matched.table;
  expect(homeless(rows).map(shown)).toEqual([]);
  expect(rows.filter((row) => row.kind !== "event" && cureOf(row) === undefined).map(shown)).toEqual([]);
});

test("every line of the log says what it means", () => {
  expect(Object.keys(MEANINGS).sort()).toEqual(matched.table.events.map(({ msg }) => msg).sort());
});

test("the page knows no file and no message that is not there any more", () => {
  const { rows } = matched.table;
  const files = new Set(rows.map(({ file }) => file));
  expect(PLACES.flatMap((place) => place.files).filter((file) => !files.has(`src/${file}.ts`))).toEqual([]);
  const templates = new Set(rows.map(({ template }) => template));
  expect(Object.keys(CURES).filter((template) => !templates.has(template))).toEqual([]);
});

test("docs/messages.md is what `npm run messages -- --docs` writes", () => {
  expect(readPage()).toBe(renderDocs(matched));
});
