/**
 * The one login user of an unprivileged sshd: the user that we are. Nothing of /etc is repaired, only told; a missing
 * home is made where we may, and keeps nobody out where we may not.
 */
import { type Account, inspectAccount } from "./accounts.ts";
import { DIGITS, isMadeOf } from "./byte-strings.ts";
import type { Config } from "./config.ts";
import { isOsError, type Problem, StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { makeHome } from "./login-home.ts";
import { accountHint } from "./packages.ts";
import { type PasswdEntry, parsePasswd } from "./passwd.ts";
import { findRootlessProblem, isOwnLogin, othersProblem } from "./rootless.ts";

const STAGE = "prepareAccounts";
const OPERATION = "look at accounts";
const MAX_BYTES = 4 * 1024 * 1024;

/** Our own account under each name that the settings give it. Throws `StageError` in words where we cannot log in. */
export function prepareOwnAccount(host: Host, config: Config): readonly Account[] {
  const { uid } = host.self;
  const passwd = readPasswd(host);
  const problem = findRootlessProblem(config, uid, passwd);
  if (problem !== undefined) throw new StageError(STAGE, problem);
  const names = config.users ?? [String(uid)];
  const own = names.filter((name) => isOwnLogin(name, uid, passwd));
  const accounts = own.map((name) => prepare(host, name));
  const others = names.filter((name) => !own.includes(name));
  for (const user of others) {
    host.emit({ type: "account refused", user, problem: othersProblem([user], accounts[0]?.name ?? "") });
  }
  return accounts;
}

function prepare(host: Host, name: string): Account {
  const verdict = inspectAccount(host, name);
  if (verdict.kind === "unknown") throw new StageError(STAGE, verdict.problem);
  const { account } = verdict;
  const [problem] = account.problems;
  if (problem !== undefined) {
    const isInjected = isMadeOf(account.name, DIGITS) && account.shell.endsWith("/nologin");
    throw new StageError(STAGE, isInjected ? { ...problem, hint: nologinHint(account.shell) } : problem);
  }
  if (account.repairs.includes("unlock")) throw new StageError(STAGE, lockedProblem(account.name));
  for (const warning of account.warnings) host.emit({ type: "warning", problem: warning });
  if (account.repairs.includes("make home")) tryHome(host, account);
  return account;
}

/**
 * Where a platform runs containers as a uid of its choice it adds the passwd line at the start, with a shell that nobody
 * can change beforehand (CRI-O: `<uid>:x:<uid>:0:<uid> user:<home>:/sbin/nologin`): what can be changed is that file.
 * Removed first: BusyBox's is a link to the very shell.
 */
function nologinHint(shell: string): string {
  const lines = `rm -f ${shell} && (echo '#!/bin/sh'; echo 'exec /bin/sh "$@"') >${shell} && chmod 755 ${shell}`;
  return `the platform gave this uid its line; in the Dockerfile: RUN ${lines}`;
}

function lockedProblem(name: string): Problem {
  return {
    what: `the account ${name} is locked, and only root could unlock it`,
    hint: accountHint(`usermod -p '*' ${name}`),
  };
}

function tryHome(host: Host, account: Account): void {
  try {
    makeHome(host, account);
  } catch (error) {
    if (!(error instanceof StageError)) throw error;
    host.emit({ type: "warning", problem: error.problem });
  }
}

function readPasswd(host: Host): PasswdEntry[] {
  try {
    const etc = host.openDir(OPERATION, "/etc");
    try {
      return parsePasswd(Buffer.from(etc.read(OPERATION, "passwd", MAX_BYTES).bytes).toString("latin1"));
    } finally {
      etc.close();
    }
  } catch (error) {
    if (isOsError(error, "ENOENT")) return [];
    throw error;
  }
}
