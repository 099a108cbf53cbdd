/**
 * Takes the app user's sudo rules away on disk: every file that sudo reads, checked by visudo before it counts, replaced
 * in one step with owner and mode kept. What cannot be taken away safely is told by file and line, and nothing is changed.
 */
import { byteString, bytesFrom } from "./byte-strings.ts";
import { isOsError, type Problem, StageError } from "./errors.ts";
import type { Dir, FileContent, Host } from "./host.ts";
import { STATE_DIRECTORY, TAKEN_NAME } from "./paths.ts";
import { type Grantee, INCLUDED_DIRECTORY, includesDirectory, readUserAliases, stripGrants } from "./sudoers.ts";

const STAGE = "takeSudoAway";
const READ = "read sudoers";
const WRITE = "take sudo rules away";
const MAIN = "sudoers";
const MAX_BYTES = 1 << 20;
const VISUDO_PATHS = ["/usr/sbin/visudo", "/usr/local/sbin/visudo", "/sbin/visudo"] as const;

interface SudoersFile {
  readonly directory: string;
  readonly name: string;
  readonly text: string;
  readonly facts: FileContent["facts"];
}

/** What taking away would change; nothing is, yet. */
export interface TakingPlan {
  readonly visudo: string;
  readonly changes: readonly { readonly file: SudoersFile; readonly text: string }[];
  /** What it would take away, each rule on one line. */
  readonly rules: readonly string[];
}

/** Finds every rule of this user and his own group. Throws `StageError` for all that it cannot judge or take away. */
export function planTaking(host: Host, grantee: Grantee): TakingPlan {
  const visudo = VISUDO_PATHS.find((path) => host.isExecutable(path));
  if (visudo === undefined) {
    throw refused({
      what: "there is no visudo to check sudoers with",
      hint: "install the whole sudo package: visudo is a part of it",
    });
  }
  const files = readSudoers(host);
  const aliases = readUserAliases(files.map(({ text }) => text));
  // Lets him ask sudo, without a password, what is left to him: the launcher asks with the app's very ids and groups.
  let replacement: string | undefined = `Defaults:#${grantee.uid} listpw=never`;
  const refusals: Problem[] = [];
  const changes: { readonly file: SudoersFile; readonly text: string }[] = [];
  const rules: string[] = [];
  for (const file of files) {
    const plan = stripGrants(file.text, pathOf(file), grantee, aliases, replacement);
    refusals.push(...plan.refusals);
    if (plan.removed.length === 0) continue;
    rules.push(...plan.removed);
    replacement = undefined;
    changes.push({ file, text: plan.text });
  }
  const [first, ...more] = refusals;
  if (first !== undefined) throw refused(first, more);
  return { visudo, changes, rules };
}

/** Changes the files, and notes for later starts that it was us. Gives the paths. Throws `StageError`. */
export async function takeAway(host: Host, { visudo, changes }: TakingPlan): Promise<readonly string[]> {
  for (const { file, text } of changes) await replaceChecked(host, visudo, file, text);
  if (changes.length > 0) noteTaken(host);
  return changes.map(({ file }) => pathOf(file));
}

/** Only for a better message after a restart: where it cannot be written, that message is plainer. */
function noteTaken(host: Host): void {
  try {
    const dir = host.openDir(WRITE, STATE_DIRECTORY);
    try {
      dir.create(WRITE, TAKEN_NAME, new Uint8Array(), { mode: 0o444, sync: false });
    } finally {
      dir.close();
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
  }
}

const pathOf = ({ directory, name }: SudoersFile) => `${directory}/${name}`;

/** The files that sudo reads: names with a dot or ending in `~` are not among them (sudoers(5), "Including other files"). */
function readSudoers(host: Host): SudoersFile[] {
  try {
    const main = readOne(host, "/etc", MAIN);
    if (!includesDirectory(main.text)) return [main];
    const dir = openIfThere(host, INCLUDED_DIRECTORY);
    const names = dir?.list(READ).filter((name) => !name.includes(".") && !name.endsWith("~")) ?? [];
    const files = names.filter((name) => dir?.stat(READ, name)?.kind !== "directory");
    dir?.close();
    return [main, ...files.map((name) => readOne(host, INCLUDED_DIRECTORY, name))];
  } catch (error) {
    if (!isOsError(error)) throw error;
    const hint = "sudoers must be plain files of root";
    throw refused({ what: "what sudo allows cannot be read", saw: `${error.path}: ${error.code}`, hint });
  }
}

function openIfThere(host: Host, path: string): Dir | undefined {
  try {
    return host.openDir(READ, path);
  } catch (error) {
    if (isOsError(error, "ENOENT")) return undefined;
    throw error;
  }
}

function readOne(host: Host, directory: string, name: string): SudoersFile {
  const dir = host.openDir(READ, directory);
  try {
    const { bytes, facts } = dir.read(READ, name, MAX_BYTES);
    if (facts.uid !== 0 || (facts.mode & 0o002) !== 0) {
      const what = `${directory}/${name} is not root's alone`;
      throw refused({
        what,
        saw: `uid ${facts.uid}, mode ${facts.mode.toString(8)}`,
        hint: `in the image: RUN chown root ${directory}/${name} && chmod 440 ${directory}/${name}`,
      });
    }
    return { directory, name, text: byteString(bytes), facts };
  } finally {
    dir.close();
  }
}

/** Writes beside the file under a name that sudo ignores, has visudo read it, and renames. */
async function replaceChecked(host: Host, visudo: string, file: SudoersFile, text: string): Promise<void> {
  const { directory, name, facts } = file;
  const temporary = `.${name}.withssh`;
  const dir = host.openDir(WRITE, directory);
  try {
    if (dir.stat(WRITE, temporary) !== undefined) dir.remove(WRITE, temporary);
    const owner = { uid: facts.uid, gid: facts.gid };
    dir.create(WRITE, temporary, bytesFrom(text), { mode: facts.mode, owner, sync: true });
    const check = await host.run(WRITE, [visudo, "-c", "-f", `${directory}/${temporary}`], { timeoutMs: 5000 });
    if (check.code !== 0) {
      dir.remove(WRITE, temporary);
      const hint = "visudo refuses what is left without it: remove the rule from the image";
      throw refused({ what: `${directory}/${name}: the app user's rule cannot be taken away`, hint });
    }
    dir.rename(WRITE, temporary, name);
    dir.sync(WRITE);
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = `${directory}/${name}: the app user's rule cannot be taken away`;
    const hint =
      "the file must be the image's own, not a mount, on a root that can be written; or grant the scoped rule";
    throw refused({ what, saw: error.code, hint });
  } finally {
    dir.close();
  }
}

function refused(first: Problem, more: readonly Problem[] = []): StageError {
  const others = more.length === 0 ? {} : { saw: `also ${more.map((one) => one.what).join("; ")}` };
  return new StageError(STAGE, { ...others, ...first });
}
