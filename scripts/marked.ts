/** Parts of a document that a command writes, each between two marks: `<!-- NAME: start -->` and `<!-- NAME: end -->`. Pure. */

/** What stands between the marks. Throws when they are not there. */
export function readMarked(document: string, name: string): string {
  const { from, to } = findMarks(document, name);
  return document.slice(from, to);
}

/** The document with `part` between the marks. Throws when they are not there. */
export function replaceMarked(document: string, name: string, part: string): string {
  const { from, to } = findMarks(document, name);
  return document.slice(0, from) + part + document.slice(to);
}

function findMarks(document: string, name: string): { readonly from: number; readonly to: number } {
  const [start, end] = [`<!-- ${name}: start -->\n`, `<!-- ${name}: end -->`];
  const [from, to] = [document.indexOf(start) + start.length, document.indexOf(end)];
  if (from < start.length || to < from) throw new Error(`the document has no ${start.trim()} … ${end}`);
  return { from, to };
}
