/**
 * Asks sshd about a plan's config: whether it would keep every promise, and why it refuses to start. Judges by
 * sshd-proof.ts; changes nothing, tells nobody.
 */
import type { Plan } from "./boot.ts";
import type { Config } from "./config.ts";
import type { Problem } from "./errors.ts";
import type { HelperResult, Host } from "./host.ts";
import { explainRefusal, judgeProof, proofArgv, testArgv } from "./sshd-proof.ts";

type Asked = Pick<Plan, "programs" | "written" | "accounts">;

const PROOF_TIMEOUT_MS = 10_000;

/** The promises that `sshd -T` would not keep, for every login user; what the config is refused for, once a user. */
export async function proveConfig(host: Host, config: Config, plan: Asked): Promise<readonly Problem[]> {
  const { written, programs } = plan;
  const results = await Promise.all(
    plan.accounts.map(async ({ name }) => {
      const argv = proofArgv(programs.sshd, written.path, name, config.port);
      const result = await host.run("prove the sshd config", argv, { timeoutMs: PROOF_TIMEOUT_MS, inBackground: true });
      if (result.code !== 0) return explain(result, plan);
      return judgeProof(Buffer.from(result.stdout).toString("latin1"), written.promises, written.lines);
    }),
  );
  return results.flat();
}

/** What `sshd -t` says against the config; empty when nothing. */
export async function testConfig(host: Host, plan: Asked): Promise<readonly Problem[]> {
  const result = await host.run("test the sshd config", testArgv(plan.programs.sshd, plan.written.path));
  return result.code === 0 ? [] : explain(result, plan);
}

function explain({ stderr }: HelperResult, { written }: Asked): Problem[] {
  return explainRefusal(Buffer.from(stderr).toString("latin1"), written.path, written.origins);
}
