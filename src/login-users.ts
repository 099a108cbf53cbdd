/**
 * The login users of this start: looked at as sshd will, repaired where that is ours to do, told where it is not.
 * Must never let one bad name keep the others out.
 */
import { type Account, inspectAccount } from "./accounts.ts";
import type { Config } from "./config.ts";
import { StageError } from "./errors.ts";
import type { Host } from "./host.ts";
import { makeHome } from "./login-home.ts";
import type { Request } from "./request.ts";
import { repairShadow } from "./shadow-repair.ts";

/** The login users that can log in, repaired where that is ours to do. Throws when none is left. */
export function prepareAccounts(host: Host, config: Config, request: Request): readonly Account[] {
  const names = config.users ?? [String(request.appUid)];
  const accounts: Account[] = [];
  let problem: StageError["problem"] | undefined;
  for (const name of names) {
    const verdict = inspectAccount(host, name);
    const problems = verdict.kind === "unknown" ? [verdict.problem] : verdict.account.problems;
    problem ??= problems[0];
    for (const one of problems) host.emit({ type: "account refused", user: name, problem: one });
    if (verdict.kind === "unknown" || problems.length > 0) continue;
    const { account } = verdict;
    for (const warning of account.warnings) host.emit({ type: "warning", problem: warning });
    try {
      if (account.repairs.includes("unlock")) repairShadow(host, account.name, process.pid);
      if (account.repairs.includes("make home")) makeHome(host, account);
      accounts.push(account);
    } catch (error) {
      if (!(error instanceof StageError)) throw error;
      problem ??= error.problem;
      host.emit({ type: "account refused", user: name, problem: error.problem });
    }
  }
  if (accounts.length === 0 && problem !== undefined) throw new StageError("prepareAccounts", problem);
  return accounts;
}
