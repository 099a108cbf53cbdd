/**
 * Makes a locked account (`!` in /etc/shadow) one that keys can open and passwords cannot: the field becomes `*`.
 * Every other byte, the owner and the mode stay; a reader sees the old file or the new, never a part; never empty.
 */
import { byteString, bytesFrom } from "./byte-strings.ts";
import { isOsError, StageError } from "./errors.ts";
import type { Dir, Facts, Host } from "./host.ts";
import { accountHint } from "./packages.ts";

const MAX_BYTES = 4 * 1024 * 1024;
const STAGE = "repair accounts";
const OPERATION = "unlock account";
/**
 * shadow-utils takes /etc/.pwd.lock by fcntl (lckpwdf(3)) and then this file, which holds a pid and may be swept away
 * once that process is gone (lib/commonio.c do_lock_file). The file alone keeps its tools out, and needs no fcntl.
 */
const LOCK = "shadow.lock";
/** Behind the pid's NUL, where shadow-utils do not look: a lock with this mark is of a start that was killed. */
const OUR_MARK = "withssh";
const TEMPORARY = "shadow.withssh";
const NEW_LOCK = "shadow.lock.withssh";

/**
 * Turns the locked field of `user` into `*`; a hash behind the `!` goes, so no old password comes back to life.
 * `pid` is ours, for the lock. Out: false when the field is not locked. Throws `StageError` in words.
 */
export function repairShadow(host: Host, user: string, pid: number): boolean {
  const etc = host.openDir(OPERATION, "/etc");
  try {
    takeLock(etc, bytesFrom(`${pid}\0${OUR_MARK}`));
    try {
      return replaceField(etc, user);
    } finally {
      etc.remove(OPERATION, LOCK);
    }
  } catch (error) {
    if (!isOsError(error)) throw error;
    const what = `the account ${user} is locked and could not be unlocked in /etc/shadow`;
    throw new StageError(
      STAGE,
      { what, saw: sawOf(error.code, error.path), hint: accountHint(`usermod -p '*' ${user}`) },
      { cause: error },
    );
  } finally {
    etc.close();
  }
}

/**
 * Made under another name and linked, as lib/commonio.c does it: a kill leaves the whole lock or none. Our own from a
 * killed start is swept away, since there is one supervisor a start; anybody else's stays.
 */
function takeLock(etc: Dir, content: Uint8Array): void {
  removeLeftover(etc, NEW_LOCK);
  etc.create(OPERATION, NEW_LOCK, content, { mode: 0o600, sync: false });
  try {
    if (isOurLock(etc)) etc.remove(OPERATION, LOCK);
    etc.link(OPERATION, NEW_LOCK, LOCK);
  } finally {
    etc.remove(OPERATION, NEW_LOCK);
  }
}

function isOurLock(etc: Dir): boolean {
  if (etc.stat(OPERATION, LOCK)?.kind !== "file") return false;
  return byteString(etc.read(OPERATION, LOCK, MAX_BYTES).bytes).endsWith(`\0${OUR_MARK}`);
}

function removeLeftover(etc: Dir, name: string): void {
  if (etc.stat(OPERATION, name) !== undefined) etc.remove(OPERATION, name);
}

/** The text of /etc/shadow with `user`'s locked field replaced; undefined when it is not there or not locked. */
export function unlockField(text: string, user: string): string | undefined {
  const at = text.startsWith(`${user}:`) ? 0 : text.indexOf(`\n${user}:`) + 1;
  if (at === 0 && !text.startsWith(`${user}:`)) return undefined;
  const start = at + user.length + 1;
  const end = text.slice(start).search(/[:\n]/) + start;
  if (end < start || text[start] !== "!" || text[end] !== ":") return undefined;
  return `${text.slice(0, start)}*${text.slice(end)}`;
}

function replaceField(etc: Dir, user: string): boolean {
  const { bytes, facts } = etc.read(OPERATION, "shadow", MAX_BYTES);
  const text = unlockField(byteString(bytes), user);
  if (text === undefined) return false;
  // Under the lock nobody else uses this name: what is there was left by a start that was killed.
  removeLeftover(etc, TEMPORARY);
  const { mode, uid, gid } = facts;
  etc.create(OPERATION, TEMPORARY, bytesFrom(text), { mode, owner: { uid, gid }, sync: true });
  try {
    // Who takes no lock (an editor, BusyBox) may have written meanwhile: then what he wrote stays.
    if (!isSame(facts, etc.stat(OPERATION, "shadow"))) throw new StageError(STAGE, CHANGED);
    etc.rename(OPERATION, TEMPORARY, "shadow");
  } catch (error) {
    etc.remove(OPERATION, TEMPORARY);
    throw error;
  }
  etc.sync(OPERATION);
  return true;
}

const CHANGED = {
  what: "/etc/shadow was changed by somebody else while an account was unlocked",
  hint: "restart the container",
};

function isSame(before: Facts, now: Facts | undefined): boolean {
  return now !== undefined && before.ino === now.ino && before.mtimeMs === now.mtimeMs && before.size === now.size;
}

function sawOf(code: string, path: string | undefined): string {
  if (code === "EEXIST") return "/etc/shadow.lock: another program changes accounts, or was killed while it did";
  return `${path ?? "/etc/shadow"}: ${code}`;
}
