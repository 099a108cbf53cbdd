/**
 * Asks sshd about a plan's config: whether it would keep every promise, and why it refuses to start. Judges by
 * sshd-proof.ts; changes nothing, tells nobody.
 */
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import { isOsError, type Problem } from "./errors.ts";
import type { HelperResult, Host } from "./host.ts";
import { explainRefusal, judgeProof, proofArgv, someStranger, strangersPromises, testArgv } from "./sshd-proof.ts";

type Asked = Pick<Plan, "programs" | "written" | "accounts">;

/** First sshd is asked where nobody else wants the processor: its first connections come right now. Most machines have the time. */
const IN_PASSING = { timeoutMs: 500, priority: "idle" } as const;
const IN_EARNEST = { timeoutMs: 10_000, priority: "low" } as const;
/** A machine that stood still, or was out of memory for a moment, says nothing about the config. */
const ATTEMPTS = 3;

/**
 * The promises that `sshd -T` would not keep, for every login user, and for one who is none where what lets them in is global;
 * what the config is refused for, once a user.
 */
export async function proveConfig(host: Host, config: Config, plan: Asked): Promise<readonly Problem[]> {
  const { written, programs } = plan;
  const users = plan.accounts.map(({ name }) => ({ name, promises: written.promises }));
  const strangers = strangersPromises(written.promises);
  if (strangers !== undefined) {
    users.push({ name: someStranger(users.map(({ name }) => name)), promises: strangers });
  }
  const results = await Promise.all(
    users.map(async ({ name, promises }) => {
      const argv = proofArgv(programs.sshd, written.path, name, config.port);
      const result = await ask(host, "prove the sshd config", argv);
      if ("what" in result) return [result];
      if (result.code !== 0) return explain(result, plan);
      return judgeProof(Buffer.from(result.stdout).toString("latin1"), promises, written.lines);
    }),
  );
  return results.flat();
}

/** What `sshd -t` says against the config; empty when nothing. */
export async function testConfig(host: Host, plan: Asked): Promise<readonly Problem[]> {
  const result = await ask(host, "test the sshd config", testArgv(plan.programs.sshd, plan.written.path));
  if ("what" in result) return [result];
  return result.code === 0 ? [] : explain(result, plan);
}

/** A problem where sshd cannot even be run: it was taken away since it was found. */
async function ask(host: Host, operation: string, argv: readonly string[]): Promise<HelperResult | Problem> {
  try {
    let result = await host.run(operation, argv, IN_PASSING);
    for (let attempt = 1; result.code === undefined && attempt <= ATTEMPTS; attempt += 1) {
      result = await host.run(operation, argv, IN_EARNEST);
    }
    return result;
  } catch (error) {
    if (!isOsError(error)) throw error;
    return { what: `${argv[0]} cannot be run`, saw: error.code, hint: "put it back; it is tried again" };
  }
}

/** At least one problem: an sshd that ended without a word (killed, too slow) has proved nothing. */
function explain(result: HelperResult, { written }: Asked): Problem[] {
  const problems = explainRefusal(
    Buffer.from(result.stderr).toString("latin1"),
    written.path,
    written.origins,
    written.operatorPath,
  );
  if (problems.length > 0) return problems;
  const ended = result.signal === undefined ? `exit ${result.code}` : `signal ${result.signal}`;
  const saw = result.timedOut ? "no answer in time" : `${ended} and no word of why`;
  return [{ what: "sshd could not judge its config", saw, hint: "is memory short, or the machine very busy?" }];
}
