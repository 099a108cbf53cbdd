/** The messages of the code beside those that tests have made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { keptExamples, keyOf, renderExample, renderPage, rowsAt } from "../../scripts/message-page.ts";
import { PLACES, type Place } from "../../scripts/message-places.ts";
import { fits, type MessageRow, type MessageTable, readMessages, weigh } from "../../scripts/message-rows.ts";
import { ROOT } from "../../scripts/places.ts";
import type { Told } from "./records.ts";

export const PAGE = join(ROOT, "docs", "messages.md");

export interface Matched {
  readonly table: MessageTable;
  readonly made: ReadonlyMap<MessageRow, readonly Told[]>;
  /** Made, and in no row. */
  readonly unknown: readonly Told[];
}

export function matchRecords(records: readonly Told[]): Matched {
  const table = readMessages();
  const made = new Map<MessageRow, Told[]>();
  const unknown: Told[] = [];
  for (const told of records) {
    const candidates = table.rows.filter((row) => row.sites.includes(told.site) && fits(row.template, told.what));
    const [row] = candidates.sort((a, b) => weigh(b.template) - weigh(a.template));
    if (row !== undefined) made.set(row, [...(made.get(row) ?? []), told]);
    else if (!table.passing.has(told.site)) unknown.push(told);
  }
  return { table, made, unknown };
}

/** The page as it would be written now. */
export function renderDocs({ table, made }: Matched): string {
  const examples = keptExamples(readPage(), table.rows);
  for (const place of PLACES) {
    for (const row of rowsAt(place, table.rows)) {
      const key = keyOf(place, row);
      const told = [...made].flatMap(([one, all]) => (isAt(place, one) && one.template === row.template ? all : []));
      const [best] = told.sort((a, b) => awkwardness(a) - awkwardness(b));
      if (!examples.has(key) && best !== undefined) examples.set(key, renderExample(row, best.what, best.saw));
    }
  }
  return renderPage(table.rows, table.events, examples);
}

const isAt = ({ files }: Place, { file }: MessageRow) => files.some((name) => file === `src/${name}.ts`);

/** Short ones read best, if they show what was seen; a temporary directory is nobody's. */
function awkwardness({ what, saw = "" }: Told): number {
  const text = `${what}${saw}`;
  return text.length + (saw === "" ? 500 : 0) + (/\n|\/tmp\/|\/work\/|fnord/i.test(text) ? 1000 : 0);
}

export function readPage(): string {
  try {
    return readFileSync(PAGE, "utf8");
  } catch {
    return "";
  }
}
