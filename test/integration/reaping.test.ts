/** What SSH leaves behind is reaped by the supervisor, also where the app is PID 1 and reaps nothing. */
import { describe, expect, test } from "vitest";
import { run } from "../../scripts/ssh-client.ts";
import { bases, startContainer } from "../support/boot.ts";
import { findProcess, isSupervisor, type Process, waitForProcesses } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";

const REFUSED = 20;
const SCANS = 5;
const JOBS = 10;
/** At once: fewer than MaxStartups begins to drop. */
const AT_ONCE = 5;

describe.concurrent.each(bases)("on %s", (base) => {
  test("no zombie is left by 20 refused logins, 5 keyscans and 10 background jobs under an app that reaps nothing", async () => {
    const [key, stranger] = [await makeKey(), await makeKey()];
    const env = { AUTHORIZED_KEYS: key.publicLine };
    const container = await startContainer({ base, env, cmd: ["sleep", "100000"] });
    const { known_hosts: knownHosts } = await container.waitForLogins();
    for (let done = 0; done < REFUSED; done += AT_ONCE) {
      const tries = Array.from({ length: AT_ONCE }, () =>
        ssh(container, { key: stranger, command: "true", knownHosts }),
      );
      for (const { code, stderr } of await Promise.all(tries)) expect({ code, stderr }).toMatchObject({ code: 255 });
    }
    for (let done = 0; done < SCANS; done++) {
      const scan = await run("ssh-keyscan", ["-p", String(container.port), "127.0.0.1"]);
      expect(scan, scan.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("ssh-ed25519") });
    }
    const jobs = "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 5000 > /dev/null 2>&1 < /dev/null &); done";
    expect(await ssh(container, { key, command: jobs })).toMatchObject({ code: 0 });
    const { pid: supervisor } = await findProcess(container, isSupervisor);
    const isJob = ({ command }: Process) => command === "sleep 5000";
    // Orphans of a session come to the supervisor, which is a child subreaper, and not to the app.
    const isOurJob = (one: Process) => isJob(one) && one.parent === supervisor;
    const jobsThere = await waitForProcesses(container, (all) => all.filter(isOurJob).length === JOBS);
    await container.exec(["kill", ...jobsThere.filter(isJob).map(({ pid }) => String(pid))]);
    const isOurs = ({ command }: Process) =>
      /^sleep 100000$|^withssh |^sshd: .*listener|^\/usr\/sbin\/sshd/.test(command);
    const left = await waitForProcesses(container, (all) => all.every(isOurs));
    expect(left.filter(({ state }) => state === "Z")).toEqual([]);
    expect(left).toHaveLength(3);
  });
});
