/** Sizes of executables as a Markdown table, and its place in README.md. Pure. */
import { replaceMarked } from "./marked.ts";

/** Bytes. */
export interface Size {
  readonly name: string;
  readonly raw: number;
  readonly gzip: number;
  readonly zstd: number;
}

/** Megabytes of 10^6 bytes, as registries show them, rounded up. */
const megabytes = (bytes: number) => `${(Math.ceil(bytes / 1e5) / 10).toFixed(1)} MB`;

/** One row for each executable. */
export function renderSizes(sizes: readonly Size[]): string {
  const rows = sizes.map(
    ({ name, raw, gzip, zstd }) => `| \`${name}\` | ${[raw, gzip, zstd].map(megabytes).join(" | ")} |`,
  );
  return ["| adds to an image | on disk | gzip -9 | zstd -19 |", "|---|--:|--:|--:|", ...rows, ""].join("\n");
}

/** `document` with `table` between the marks. Throws when they are not there. */
export function replaceSizes(document: string, table: string): string {
  return replaceMarked(document, "size", table);
}
