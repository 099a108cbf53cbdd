/** What sshd as root needs of the container, by name. */
import { expect, test } from "vitest";
import { judgeCapabilities } from "../../src/capabilities.ts";

/** Docker's default set (proc(5), CapEff of a container's root). */
const DOCKERS = 0xa80425fbn;
const without = (...bits: bigint[]) => bits.reduce((set, bit) => set & ~(1n << bit), DOCKERS);

test("with Docker's own set there is nothing to tell", () => {
  expect(judgeCapabilities(DOCKERS)).toEqual({ problem: undefined, warnings: [] });
});

test.each([
  ["CAP_SETGID", 6n],
  ["CAP_SETUID", 7n],
  ["CAP_SYS_CHROOT", 18n],
])("without %s nobody could log in, and it is named", (name, bit) => {
  const { problem } = judgeCapabilities(without(bit));
  expect(problem).toMatchObject({ what: `sshd as root needs ${name}` });
  expect(problem?.hint).toBe(`docker run --cap-add ${name.replace("CAP_", "")}`);
});

test("all that is missing is named at once", () => {
  expect(judgeCapabilities(0n).problem).toMatchObject({
    what: "sshd as root needs CAP_SETGID and CAP_SETUID and CAP_SYS_CHROOT",
    hint: "docker run --cap-add SETGID --cap-add SETUID --cap-add SYS_CHROOT",
  });
});

test.each([
  ["CAP_CHOWN", 0n],
  ["CAP_KILL", 5n],
  ["CAP_AUDIT_WRITE", 29n],
])("what fails without %s is warned about, and SSH starts", (name, bit) => {
  const { problem, warnings } = judgeCapabilities(without(bit));
  expect(problem).toBeUndefined();
  expect(warnings.map(({ what }) => what)).toEqual([expect.stringContaining(name)]);
});
