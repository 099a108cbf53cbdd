/**
 * Who the app runs as (`WITHSSH_APP_USER`): found in the user database as Docker's USER is, pure. It never gives more
 * than was named: a number without an entry gets a group of the same number, not root's.
 */
import { SettingsError } from "./errors.ts";
import { findUser, groupsOf, parseGroup, parseId, parsePasswd } from "./passwd.ts";
import { splitEnvEntry } from "./process-facts.ts";

export interface AppUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, `gid` among them. */
  readonly groups: readonly number[];
  readonly home: string;
  /** Undefined for a number that the user database does not know. */
  readonly name: string | undefined;
}

/**
 * Resolves `name`, `uid`, `name:group`, `uid:gid` against the texts of /etc/passwd and /etc/group. With a group named
 * the user has only that one, as with Docker. Throws `SettingsError`.
 */
export function resolveAppUser(spec: string, passwd: string, group: string): AppUser {
  const [user = "", groupName, ...more] = spec.split(":");
  if (user === "" || groupName === "" || more.length > 0) throw unusable(spec, "it reads user or user:group");
  const groups = parseGroup(group);
  const entry = findUser(parsePasswd(passwd), user);
  const uid = entry?.uid ?? parseId(user);
  if (uid === undefined) throw unusable(spec, `there is no user ${user} in /etc/passwd: make it in the image`);
  if (groupName !== undefined) {
    const gid = groups.find((one) => one.name === groupName)?.gid ?? parseId(groupName);
    if (gid === undefined) throw unusable(spec, `there is no group ${groupName} in /etc/group: make it in the image`);
    return { uid, gid, groups: [gid], home: entry?.home ?? "/", name: entry?.name };
  }
  if (entry === undefined) return { uid, gid: uid, groups: [uid], home: "/", name: undefined };
  return { uid, gid: entry.gid, groups: groupsOf(entry, groups), home: entry.home, name: entry.name };
}

function unusable(spec: string, hint: string): SettingsError {
  return new SettingsError([{ what: "WITHSSH_APP_USER cannot be used", saw: JSON.stringify(spec), hint }]);
}

/** The environment with HOME, USER and LOGNAME of that user, in place where they stood; byte strings. */
export function environmentOfUser(environment: readonly string[], user: AppUser): string[] {
  const wanted = new Map([["HOME", user.home === "" ? "/" : user.home]]);
  if (user.name !== undefined) wanted.set("USER", user.name).set("LOGNAME", user.name);
  const out = environment.flatMap((entry) => {
    const name = splitEnvEntry(entry)?.name ?? "";
    const value = wanted.get(name);
    if (value === undefined) return user.name === undefined && (name === "USER" || name === "LOGNAME") ? [] : [entry];
    wanted.delete(name);
    return [`${name}=${value}`];
  });
  for (const [name, value] of wanted) out.push(`${name}=${value}`);
  return out;
}
