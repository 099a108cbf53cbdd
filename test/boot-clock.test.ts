/** A clock that is a day off, as on a machine that was suspended or has no battery: nothing that people meet hangs on it. */
import { expect, test } from "vitest";
import { bootOn, configOf, createImage, identityOf, logOf, PERSON } from "./support/boot-world.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 15);

test.each([
  ["ahead", DAY_MS],
  ["behind", -DAY_MS],
])("a start with the clock a day %s serves the same identity, the same keys and the same config", async (_, offMs) => {
  const host = createImage({}, { now: NOW });
  const { plan: before } = await bootOn(host);
  const config = configOf(host);
  const again = host.restart({ now: NOW + offMs });
  const { plan, failure } = await bootOn(again);
  expect(failure).toBe(undefined);
  expect(identityOf(plan)).toEqual(identityOf(before));
  expect(again.text("/run/withssh/keys/root")).toContain(PERSON.line);
  expect(configOf(again)).toEqual(config);
  expect(logOf(again).filter((line) => !line.startsWith("info "))).toEqual(
    logOf(host).filter((line) => !line.startsWith("info ")),
  );
});

test("an account that expires tomorrow is let in today, and not by a clock that is two days ahead: that is told", async () => {
  const expires = Math.floor(NOW / DAY_MS) + 1;
  const shadow = { text: `root:*:19000::::::\ndeploy:*:19000:::::${expires}:\n`, mode: 0o640, gid: 42 };
  const environment = { AUTHORIZED_KEYS: PERSON.line, WITHSSH_USERS: "root,deploy" };
  const users = async (now: number) => {
    const host = createImage({ "/etc/shadow": shadow }, { now });
    const { plan } = await bootOn(host, environment);
    return { names: plan?.accounts.map(({ name }) => name), log: logOf(host).join("\n") };
  };
  expect((await users(NOW)).names).toEqual(["root", "deploy"]);
  const late = await users(NOW + 2 * DAY_MS);
  expect(late.names).toEqual(["root"]);
  expect(late.log).toMatch(/error login user left out: .*expired/);
});
