/**
 * The lines of /etc/passwd, /etc/shadow and /etc/group (passwd(5), shadow(5), group(5)) as values. Pure. Lines that
 * are not whole are left out, as getpwnam(3) leaves them out; the first of a name counts.
 */
import { DIGITS, isMadeOf } from "./byte-strings.ts";

export interface PasswdEntry {
  readonly name: string;
  readonly password: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** Days are counted from the epoch; undefined where the field is empty. */
export interface ShadowEntry {
  readonly name: string;
  readonly password: string;
  readonly lastChangeDay: number | undefined;
  readonly maxDays: number | undefined;
  readonly inactiveDays: number | undefined;
  readonly expiresDay: number | undefined;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export function parsePasswd(text: string): PasswdEntry[] {
  const entries: PasswdEntry[] = [];
  for (const [name = "", password = "", uidField, gidField, , home = "", shell = ""] of fieldsOf(text, 7)) {
    const [uid, gid] = [parseId(uidField), parseId(gidField)];
    if (uid !== undefined && gid !== undefined) entries.push({ name, password, uid, gid, home, shell });
  }
  return entries;
}

export function parseShadow(text: string): ShadowEntry[] {
  return fieldsOf(text, 9).map(([name = "", password = "", lastChange, , max, , inactive, expires]) => ({
    name,
    password,
    lastChangeDay: parseId(lastChange),
    maxDays: parseId(max),
    inactiveDays: parseId(inactive),
    expiresDay: parseId(expires),
  }));
}

export function parseGroup(text: string): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const [name = "", , gidField, members = ""] of fieldsOf(text, 4)) {
    const gid = parseId(gidField);
    if (gid !== undefined) entries.push({ name, gid, members: members === "" ? [] : splitMembers(members) });
  }
  return entries;
}

const splitMembers = (members: string): string[] => members.split(",").filter((member) => member !== "");

/** Finds a user by name, else, when it is all digits, by uid. */
export function findUser(entries: readonly PasswdEntry[], nameOrUid: string): PasswdEntry | undefined {
  const named = entries.find((entry) => entry.name === nameOrUid);
  if (named !== undefined || !isMadeOf(nameOrUid, DIGITS)) return named;
  return entries.find((entry) => entry.uid === Number(nameOrUid));
}

/** The gids that initgroups(3) would give: the user's own first, then those that list him. */
export function groupsOf(user: PasswdEntry, groups: readonly GroupEntry[]): number[] {
  const listed = groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid);
  return [...new Set([user.gid, ...listed])];
}

/** What a comment begins with, or what means a directory service (nsswitch.conf(5), compat). */
const NO_ENTRY = "#+-";

function fieldsOf(text: string, count: number): string[][] {
  const found: string[][] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    if (fields.length === count && fields[0] !== "" && !NO_ENTRY.includes(line[0] ?? "")) found.push(fields);
  }
  return found;
}

/** The number of a field; undefined for what is none, or could be no id. */
export function parseId(field: string | undefined): number | undefined {
  if (field === undefined || field.length > 10 || !isMadeOf(field, DIGITS)) return undefined;
  const id = Number(field);
  // (uid_t)-1 means "no change" to chown(2) and setuid(2): never an id.
  return id < 0xffffffff ? id : undefined;
}
