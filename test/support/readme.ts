/** Reads what README shows: the code between two marks, a Dockerfile's instructions, and forms under a name of their own. */
import { readMarked } from "../../scripts/marked.ts";

/** The one code block between the marks of this name. */
export function codeOf(document: string, name: string): string {
  const code = /^```\w*\n([\s\S]*?)^```$/m.exec(readMarked(document, name))?.[1];
  if (code === undefined) throw new Error(`there is no code between the marks of ${name}`);
  return code;
}

/** A Dockerfile's instructions, each on one line, without comments. */
export function instructionsOf(dockerfile: string): string[] {
  const lines = dockerfile.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

/** Code blocks below a heading, each under a line in bold that names it. */
export function namedCode(document: string, heading: string): { readonly name: string; readonly code: string }[] {
  const section = document.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return Array.from(section.matchAll(/^\*\*(.+)\*\*\n\n```\w+\n([\s\S]*?)\n```$/gm), ([, name = "", code = ""]) => ({
    name,
    code,
  }));
}
