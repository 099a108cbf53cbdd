/**
 * The lines of /etc/passwd, /etc/shadow and /etc/group (passwd(5), shadow(5), group(5)) as values. Pure. Lines that
 * are not whole are left out, as getpwnam(3) leaves them out; the first of a name counts.
 */

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
  return fieldsOf(text, 7).flatMap(([name = "", password = "", uid, gid, , home = "", shell = ""]) => {
    const ids = { uid: idOf(uid), gid: idOf(gid) };
    if (ids.uid === undefined || ids.gid === undefined) return [];
    return [{ name, password, uid: ids.uid, gid: ids.gid, home, shell }];
  });
}

export function parseShadow(text: string): ShadowEntry[] {
  return fieldsOf(text, 9).map(([name = "", password = "", lastChange, , max, , inactive, expires]) => ({
    name,
    password,
    lastChangeDay: idOf(lastChange),
    maxDays: idOf(max),
    inactiveDays: idOf(inactive),
    expiresDay: idOf(expires),
  }));
}

export function parseGroup(text: string): GroupEntry[] {
  return fieldsOf(text, 4).flatMap(([name = "", , gid, members = ""]) => {
    const id = idOf(gid);
    return id === undefined ? [] : [{ name, gid: id, members: members.split(",").filter((member) => member !== "") }];
  });
}

/** Finds a user by name, else, when it is all digits, by uid. */
export function findUser(entries: readonly PasswdEntry[], nameOrUid: string): PasswdEntry | undefined {
  const named = entries.find((entry) => entry.name === nameOrUid);
  if (named !== undefined || !/^\d+$/.test(nameOrUid)) return named;
  return entries.find((entry) => entry.uid === Number(nameOrUid));
}

/** The gids that initgroups(3) would give: the user's own first, then those that list him. */
export function groupsOf(user: PasswdEntry, groups: readonly GroupEntry[]): number[] {
  const listed = groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid);
  return [...new Set([user.gid, ...listed])];
}

function fieldsOf(text: string, count: number): string[][] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length === count && fields[0] !== "" && !/^[#+-]/.test(fields[0] ?? ""));
}

function idOf(field: string | undefined): number | undefined {
  if (field === undefined || !/^\d{1,10}$/.test(field)) return undefined;
  const id = Number(field);
  // (uid_t)-1 means "no change" to chown(2) and setuid(2): never an id.
  return id < 0xffffffff ? id : undefined;
}
