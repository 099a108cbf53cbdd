/** `npm run messages`: every message of the code, one a line; `-- --docs` writes docs/messages.md. */
import { writeFileSync } from "node:fs";
import { matchRecords, PAGE, renderDocs } from "../test/messages/matched.ts";
import { readRecords, renewRecords } from "../test/messages/records.ts";

await renewRecords();
const matched = matchRecords(readRecords());
if (process.argv.includes("--docs")) writeFileSync(PAGE, renderDocs(matched));
else for (const { file, template } of matched.table.rows) console.log(`${file}: ${template}`);
