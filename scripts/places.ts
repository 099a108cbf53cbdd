/** Where the scripts work: the repository, and the user's cache for what is dear to fetch. Nothing else is written to. */
import { homedir } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
export const DIST_DIR = join(ROOT, "dist");

/** Outside of the tree, so that a fresh clone need not fetch again (XDG base directory specification). */
export const CACHE_DIR = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "withssh");
