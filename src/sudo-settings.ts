/**
 * Which settings count in sudo mode: what came over the pipe only where the caller could have it without root, all else
 * from the root-owned /etc/withssh/settings. What is refused is named; nothing is dropped in silence.
 */
import { textOf } from "./byte-strings.ts";
import { isOsError, type Problem } from "./errors.ts";
import type { Host } from "./host.ts";
import { isRootsToWrite } from "./operator-dir.ts";
import { splitEnvEntry } from "./process-facts.ts";
import { fileForm, isOurSetting, type Setting, settings } from "./settings.ts";

const OPERATION = "read /etc/withssh/settings";
const DIRECTORY = "/etc/withssh";
const NAME = "settings";
const SETTINGS_PATH = `${DIRECTORY}/${NAME}`;
const MAX_BYTES = 1 << 20;

const HINT = `in sudo mode it counts only from ${SETTINGS_PATH}, a file of root in the image`;

/** These decide what runs as root or as somebody else. */
const ROOTS_ALONE: readonly string[] = [settings.sshd.name, settings.sshdConfig.name, fileForm(settings.sshdConfig)];
/** These name a file whose text counts: read for the caller only what he could read. */
const READ_FOR_CALLER: readonly string[] = [
  settings.authorizedKeysFile.name,
  ...[settings.authorizedKeysUrls, settings.hostKeys, settings.trustedUserCa].map((row: Setting) => fileForm(row)),
];

export interface CallerView {
  readonly uid: number;
  readonly names: readonly string[];
  /** Undefined: he could read it. Else the errno name. */
  readonly cannotRead: (path: string) => string | undefined;
  /** Undefined: root may keep host keys there for him. Else why not. */
  readonly cannotHold: (path: string) => string | undefined;
}

/** The environment that counts, and what of the caller's is refused. `image`: see `readImageSettings`. */
export function vetEnvironment(
  environment: readonly string[],
  image: readonly string[],
  caller: CallerView,
): { readonly environment: readonly string[]; readonly refused: readonly Problem[] } {
  const fromImage = new Set(image.map((entry) => entry.slice(0, entry.indexOf("="))));
  const others = namesOthers(image, caller);
  const refused: Problem[] = [];
  const kept = environment.filter((entry) => {
    const split = splitEnvEntry(entry);
    if (split === undefined || !isOurSetting(split.name)) return true;
    if (fromImage.has(split.name)) return false;
    const value = textOf(split.value).trim();
    const problem =
      others !== undefined && isAuthority(split.name, value)
        ? authority(split.name, others)
        : judge(split.name, value, caller);
    if (problem !== undefined) refused.push(problem);
    return problem === undefined;
  });
  return { environment: [...image, ...kept], refused };
}

/** The users that the image names beside the caller, as it names them; undefined: none. */
function namesOthers(image: readonly string[], caller: CallerView): string | undefined {
  const said = image.flatMap((entry) => splitEnvEntry(entry) ?? []).find(({ name }) => name === settings.users.name);
  const others = said?.value.split(/[\s,]+/).filter((user) => user !== "" && !isCaller(user, caller)) ?? [];
  return others.length === 0 ? undefined : others.join(", ");
}

/** What lets in all login users: sshd asks one authority, or looks into homes, for each of them. */
const isAuthority = (name: string, value: string): boolean =>
  value !== "" &&
  (name === settings.trustedUserCa.name ||
    name === fileForm(settings.trustedUserCa) ||
    (name === settings.homeKeys.name && !isOff(value)));

function isOff(value: string): boolean {
  const parsed = settings.homeKeys.kind.parse(value);
  return "value" in parsed && !parsed.value;
}

const authority = (name: string, others: string): Problem => ({
  what: `${name} would decide who logs in as ${others}`,
  hint: HINT,
});

function judge(name: string, value: string, caller: CallerView): Problem | undefined {
  if (value === "") return undefined;
  const hint = HINT;
  if (ROOTS_ALONE.includes(name)) return { what: `${name} is refused from the environment`, hint };
  if (name === settings.users.name) {
    const others = value.split(/[\s,]+/).filter((user) => user !== "" && !isCaller(user, caller));
    if (others.length === 0) return undefined;
    return { what: `${name} names others than the app's user`, saw: others.join(", "), hint };
  }
  if (name === settings.volume.name && value !== settings.volume.fallback) {
    const saw = caller.cannotHold(value);
    return saw === undefined
      ? undefined
      : { what: `${name} names a place that is not the app user's to name`, saw, hint };
  }
  if (!READ_FOR_CALLER.includes(name)) return undefined;
  const why = caller.cannotRead(value);
  if (why === undefined || why === "ENOENT" || why === "ENOTDIR") return undefined;
  return { what: `${name} names what the app's user cannot read`, saw: why, hint };
}

function isCaller(user: string, { uid, names }: CallerView): boolean {
  return names.includes(user) || user === String(uid);
}

/** The image's own settings as `NAME=value` byte strings; none where there is no such file. */
export function readImageSettings(host: Host): readonly string[] | { readonly problem: Problem } {
  try {
    const dir = host.openDir(OPERATION, DIRECTORY);
    try {
      const { bytes, facts } = dir.read(OPERATION, NAME, MAX_BYTES);
      const isRoots = [dir.facts(OPERATION), facts].every(isRootsToWrite);
      if (!isRoots) return problem("it is not root's alone", "chown root and chmod go-w the file and its directory");
      return parse(Buffer.from(bytes).toString("latin1"));
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error, "ENOENT")) return [];
    if (isOsError(error)) return problem(error.code, "it must be a regular file, no link, in a directory of root");
    throw error;
  }
}

function parse(text: string): readonly string[] | { readonly problem: Problem } {
  const entries: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    const plain = line.replace(/\r$/, "");
    if (plain.trim() === "" || plain.startsWith("#")) continue;
    const name = splitEnvEntry(plain)?.name;
    if (name === undefined || !isOurSetting(name)) {
      return problem(`line ${at + 1}`, "each line is NAME=value with the name of a setting, or begins with #");
    }
    entries.push(plain);
  }
  return entries;
}

const problem = (saw: string, hint: string) => ({ problem: { what: `${SETTINGS_PATH} does not count`, saw, hint } });
