/** Listings of src as machine code, to hold the bytes beside them to. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The listings are of x86-64. */
export const hasAssembler = process.arch === "x64" && existsSync("/usr/bin/as");

/** What as(1) makes of this file of src, in hexadecimal. */
export function assemble(name: string): string {
  const listing = new URL(`../../src/${name}`, import.meta.url).pathname;
  const dir = mkdtempSync(join(tmpdir(), "withssh-"));
  try {
    const [object, bytes] = [join(dir, "o"), join(dir, "bytes")];
    execFileSync("as", ["-o", object, listing]);
    execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, bytes]);
    return readFileSync(bytes).toString("hex");
  } finally {
    rmSync(dir, { recursive: true });
  }
}
