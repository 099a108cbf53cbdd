/** docs/messages.md: every message by where it is met, as a table of templates, examples that tests have made, and cures. */
import { CURE_OF_KINDS, CURES, KINDS, MEANINGS, PARTS, PLACES, type Place } from "./message-places.ts";
import { type EventRow, fits, type MessageRow } from "./message-rows.ts";

const AS_IT_STANDS = "as it stands";

/** The rows that are met here, in the order of its files; one that two files make is told once. */
export function rowsAt({ files }: Place, rows: readonly MessageRow[]): MessageRow[] {
  const met = new Map<string, MessageRow>();
  for (const row of files.flatMap((file) =>
    rows.filter((one) => one.file === `src/${file}.ts` && one.kind !== "event"),
  )) {
    const known = met.get(row.template);
    const hints = [...new Set([...(known?.hints ?? []), ...row.hints])];
    met.set(row.template, { ...(known ?? row), hints });
  }
  return [...met.values()];
}

/** What an example is known by: a template at its place. */
export const keyOf = (place: Place, { template }: MessageRow): string => `${place.title}: ${code(template)}`;

/** Rows whose file has no place on the page. */
export function homeless(rows: readonly MessageRow[]): MessageRow[] {
  const placed = new Set(PLACES.flatMap((place) => place.files.map((file) => `src/${file}.ts`)));
  return rows.filter((row) => row.kind !== "event" && !placed.has(row.file));
}

/** What to do about a message: its own hint, or a word of the page. Undefined: one is owed. */
export function cureOf({ template, hints, file, kind }: MessageRow): string | undefined {
  if (CURES[template] !== undefined) return CURES[template];
  if (template.startsWith(KINDS)) return CURE_OF_KINDS;
  const said = hints.filter((hint) => /[A-Za-z]{3}/.test(hint));
  if (said.length > 0) return said.map(code).join("; or ");
  if (PARTS.has(file.slice("src/".length, -".ts".length)))
    return "the hint of the message that has this as what it saw";
  return kind === "check" || kind === "health" ? "nothing is wrong" : undefined;
}

const code = (text: string): string => {
  const plain = text.replaceAll("\n", " ").replaceAll("|", "\\|");
  return plain.includes("`") ? plain : `\`${plain}\``;
};

/** What a test has made, as the page shows it beside its template. */
export function renderExample({ template }: MessageRow, what: string, saw: string | undefined): string {
  // A stack is long, and full of paths.
  const [first = ""] = what.split("\n");
  const seen = saw === undefined || saw === "" ? first : `${first} — saw ${saw.split("\n")[0]}`;
  return seen === template ? AS_IT_STANDS : code(seen);
}

/** `examples`: a cell for each row. */
export function renderPage(
  rows: readonly MessageRow[],
  events: readonly EventRow[],
  examples: ReadonlyMap<string, string>,
): string {
  const sections = PLACES.map((place) => renderPlace(place, rows, examples));
  return `${HEAD}\n${sections.join("\n")}\n${renderEvents(events)}`;
}

const HEAD = `# Messages

Every message that withssh has for people, by where it is met: \`npm run messages -- --docs\` reads them out of the code and
takes the examples from what the tests have made. \`test/messages\` fails for a message that no test makes, and for one that
is not here. To find yours, search this page for some of its words; \`…\` stands for what differs.

A message is \`what is wrong — saw what we found — hint: what to do\`. In the log it is the \`msg\` of a JSON line, with the
prefix that its section names; on a terminal the same words come in colour. What Docker or musl's loader say when the file is
the wrong one is in the [README](../README.md#which-file-for-which-image).
`;

function renderPlace(place: Place, rows: readonly MessageRow[], examples: ReadonlyMap<string, string>) {
  const { title, about } = place;
  const lines = rowsAt(place, rows).map((row) => {
    return `| ${code(row.template)} | ${examples.get(keyOf(place, row)) ?? "?"} | ${cureOf(row) ?? "?"} |`;
  });
  return `## ${title}\n\n${about}\n\n| message | for example | what to do |\n|---|---|---|\n${lines.join("\n")}\n`;
}

function renderEvents(events: readonly EventRow[]): string {
  const lines = events.map(({ msg, level, fields }) => {
    const named = fields.length === 0 ? "–" : fields.map(code).join(", ");
    return `| ${code(msg)} | ${level} | ${named} | ${MEANINGS[msg] ?? "?"} |`;
  });
  return `## Events

The lines of the log by their \`msg\`; names and fields are what log searches may rely on. What the login lines mean is in
[log.md](log.md). The \`msg\` of a warning, of a refused start and of a debug line is the message itself.

| \`msg\` | level | fields | what it means |
|---|---|---|---|
${lines.join("\n")}
`;
}

/** The example cells of a page that is there, where they still fit: a test may make another each time. */
export function keptExamples(page: string, rows: readonly MessageRow[]): Map<string, string> {
  const cells = readCells(page);
  const kept = new Map<string, string>();
  for (const place of PLACES) {
    for (const row of rowsAt(place, rows)) {
      const cell = cells.get(keyOf(place, row));
      if (cell !== undefined && stillFits(cell, row)) kept.set(keyOf(place, row), cell);
    }
  }
  return kept;
}

function readCells(page: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const section of page.split("\n## ").slice(1)) {
    const title = section.slice(0, section.indexOf("\n"));
    for (const line of section.split("\n").filter((one) => one.startsWith("| "))) {
      const [, template = "", example = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      found.set(`${title}: ${template}`, example);
    }
  }
  return found;
}

function stillFits(cell: string, { template }: MessageRow): boolean {
  const text = cell.replace(/^`|`$/g, "").replaceAll("\\|", "|");
  return cell === AS_IT_STANDS ? !template.includes("…") : fits(template, text.split(" — saw ")[0] ?? "");
}
