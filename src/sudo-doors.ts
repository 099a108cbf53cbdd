/**
 * Other ways to root beside sudoers' files, each refused by name: doas, a root without a password, sudo rules from a
 * directory service. Looks only; nothing here can be taken away safely.
 */
import { byteString } from "./byte-strings.ts";
import { isOsError, type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { listIfThere, readIfThere } from "./if-there.ts";
import { type PasswdEntry, parseGroup, parsePasswd, parseShadow } from "./passwd.ts";
import { planTaking } from "./sudo-grants.ts";
import type { Grantee } from "./sudoers.ts";

const OPERATION = "look for other ways to root";
const DOAS_PATHS = ["/usr/bin/doas", "/bin/doas", "/usr/local/bin/doas"] as const;
const DOAS_CONFIGS = ["/etc", "/usr/local/etc"] as const;
const SU_PATHS = ["/bin/su", "/usr/bin/su", "/bin/login", "/usr/bin/login"] as const;
const S_ISUID = 0o4000;
const MAX_BYTES = 1 << 22;
/** What cannot be looked at may be a door: it is no absence, and throws. */
const ABSENT = ["ENOENT"];

/** Every other door that is open to this user. */
export function findOtherDoors(host: Host, grantee: Grantee): Problem[] {
  return [...findDoas(host, grantee), ...findOpenAccounts(host, grantee), ...findDirectoryRules(host)];
}

function findDoas(host: Host, grantee: Grantee): Problem[] {
  if (!DOAS_PATHS.some((path) => host.isExecutable(path))) return [];
  const found: Problem[] = [];
  for (const directory of DOAS_CONFIGS) {
    const files: [string, string][] = [[directory, "doas.conf"]];
    for (const name of listIfThere(host, OPERATION, `${directory}/doas.d`, ABSENT)) {
      if (name.endsWith(".conf")) files.push([`${directory}/doas.d`, name]);
    }
    for (const [where, name] of files) {
      const text = readText(host, where, name) ?? "";
      for (const [at, line] of text.split("\n").entries()) {
        if (!mayPermit(line, grantee)) continue;
        const what = `${where}/${name}, line ${at + 1}: doas may give the app's user root`;
        found.push({ what, hint: "remove the line from the image" });
      }
    }
  }
  return found;
}

/** doas.conf(5): `permit [options] identity ...`. Anything with a `permit` whose identity is not plainly another's counts. */
function mayPermit(line: string, { names, uid, primaryGroup, otherGroups }: Grantee): boolean {
  const text = line.replace(/#.*$/, "");
  if (!/\bpermit\b|["\\]/.test(text)) return false;
  const words = text
    .replace(/\{[^}]*\}/g, " ")
    .trim()
    .split(/\s+/);
  const identity = words.slice(1).find((word) => !["nopass", "nolog", "persist", "keepenv", "setenv"].includes(word));
  if (words[0] !== "permit" || identity === undefined || !/^:?[\w.-]+$/.test(identity)) return true;
  if (!identity.startsWith(":")) return names.includes(identity) || identity === String(uid);
  const groups = [...otherGroups, ...primaryGroup.names.map((name) => ({ name, gid: primaryGroup.gid }))];
  return groups.some(({ name, gid }) => identity === `:${name}` || identity === `:${gid}`);
}

/** An empty field lets anyone be that user by su or login (shadow(5)): root, or whom sudo's files name. */
function findOpenAccounts(host: Host, { names }: Grantee): Problem[] {
  if (!SU_PATHS.some((path) => isSetUid(host, path))) return [];
  const shadow = new Map(parseShadow(readText(host, "/etc", "shadow") ?? "").map((entry) => [entry.name, entry]));
  const open = parsePasswd(readText(host, "/etc", "passwd") ?? "").filter(
    ({ name, password }) => password === "" || (password === "x" && shadow.get(name)?.password === ""),
  );
  return open.flatMap((entry) => {
    const hint = `lock it in the image: RUN passwd -l ${entry.name}`;
    if (entry.uid === 0) return [{ what: `${entry.name} has an empty password: su makes anyone root`, hint }];
    if (names.includes(entry.name) || !isGranted(host, entry)) return [];
    return [{ what: `${entry.name} has an empty password and a sudo rule: su makes anyone ${entry.name}`, hint }];
  });
}

/** True where a rule may be his: what is not understood may be one. */
function isGranted(host: Host, { name, uid, gid }: PasswdEntry): boolean {
  const groups = parseGroup(readText(host, "/etc", "group") ?? "");
  const otherGroups = groups.filter(({ members }) => members.includes(name));
  const primaryGroup = { names: groups.filter((group) => group.gid === gid).map((group) => group.name), gid };
  try {
    return planTaking(host, { names: [name], uid, primaryGroup, otherGroups }).rules.length > 0;
  } catch (error) {
    if (error instanceof StageError) return true;
    throw error;
  }
}

/** nsswitch.conf(5), as sudo reads its `sudoers:` line (sudoers.ldap(5)). */
function findDirectoryRules(host: Host): Problem[] {
  const text = readText(host, "/etc", "nsswitch.conf") ?? "";
  if (!text.includes("sudoers:")) return [];
  const sources =
    /^\s*sudoers:([^#\n]*)/m
      .exec(text)?.[1]
      ?.replace(/\[[^\]]*\]/g, " ")
      .trim()
      .split(/\s+/) ?? [];
  const other = sources.find((source) => source !== "" && source !== "files");
  if (other === undefined) return [];
  return [
    {
      what: "/etc/nsswitch.conf has sudo rules come from elsewhere",
      saw: other,
      hint: "in the image, let its line read: sudoers: files",
    },
  ];
}

function readText(host: Host, directory: string, name: string): string | undefined {
  const bytes = readIfThere(host, OPERATION, { directory, name, maxBytes: MAX_BYTES }, ABSENT);
  return bytes && byteString(bytes);
}

/** A link (busybox: /bin/su to /bin/bbsuid) counts as set-uid: better one warning too many. */
function isSetUid(host: Host, path: string): boolean {
  const slash = path.lastIndexOf("/");
  try {
    const dir = host.openDir(OPERATION, path.slice(0, slash));
    try {
      const facts = dir.stat(OPERATION, path.slice(slash + 1));
      return facts?.kind === "link" || (facts !== undefined && (facts.mode & S_ISUID) !== 0);
    } finally {
      dir.close();
    }
  } catch (error) {
    if (isOsError(error)) return false;
    throw error;
  }
}
