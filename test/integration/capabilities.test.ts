/** Root that the container has cut down: what sshd cannot do without is named, instead of logins that end without a word. */
import { describe, expect, test } from "vitest";
import { bases, runToEnd, startContainer } from "../support/boot.ts";
import { ourLines } from "../support/inside.ts";
import { makeKey, ssh } from "../support/ssh.ts";

describe.each(bases)("on %s", (base) => {
  test.each(["SETUID", "SETGID", "SYS_CHROOT"])(
    "without CAP_%s SSH is down, the capability is named, and the app runs unless SSH is required",
    async (capability) => {
      const env = { AUTHORIZED_KEYS: (await makeKey()).publicLine };
      const host = { CapDrop: [capability] };
      const required = await runToEnd({
        base,
        host,
        env: { ...env, WITHSSH_REQUIRE: "true" },
        cmd: ["echo", "the app ran"],
      });
      expect(required).toMatchObject({ code: 1, stdout: "" });
      const app = ["sh", "-c", "echo the app ran; sleep 1; exit 7"];
      const other = await runToEnd({ base, host, env, cmd: app });
      expect(other).toMatchObject({ code: 7, stdout: "the app ran\n" });
      for (const { stderr } of [required, other]) {
        const errors = ourLines(stderr).filter(({ level }) => level === "error");
        const words = `ssh is down: sshd as root needs CAP_${capability} — saw the container lacks it — hint: docker run --cap-add ${capability}`;
        expect(errors.map(({ msg }) => msg)).toContain(words);
      }
    },
  );

  test("what fails without a capability that most containers have is warned about, and logins work", async () => {
    const key = await makeKey();
    const host = { CapDrop: ["AUDIT_WRITE", "KILL"] };
    const container = await startContainer({ base, host, env: { AUTHORIZED_KEYS: key.publicLine } });
    await container.waitForLogins();
    for (const name of ["CAP_AUDIT_WRITE", "CAP_KILL"]) {
      await container.waitForLog(({ level, msg }) => level === "warn" && msg.includes(`may not work without ${name}`));
    }
    expect(await ssh(container, { key, command: "echo in" })).toMatchObject({ code: 0, stdout: "in\n" });
  });
});
