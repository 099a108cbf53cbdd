import { expect, test } from "vitest";
import { type Config, parseConfig } from "../../src/config.ts";
import { OsError } from "../../src/errors.ts";
import type { HelperResult } from "../../src/host.ts";
import { proveConfig, testConfig } from "../../src/sshd-ask.ts";
import { bootOn, createImage } from "../support/boot-world.ts";
import type { Helper } from "../support/fake-host.ts";

const config: Config = parseConfig(new Map()).config;

async function asked(sshd: Partial<HelperResult>) {
  const host = createImage({}, { helpers: { sshd: () => sshd } });
  const { plan } = await bootOn(createImage());
  if (plan === undefined) throw new Error("the boot failed");
  return { proved: await proveConfig(host, config, plan), tested: await testConfig(host, plan) };
}

test.each([
  ["killed", { code: undefined, signal: 9 }, "signal 9 and no word of why"],
  ["too slow", { code: undefined, signal: 9, timedOut: true }, "no answer in time"],
  ["ended without a word", { code: 255 }, "exit 255 and no word of why"],
])("an sshd that was %s has proved nothing", async (_, ending, saw) => {
  const problem = { what: "sshd could not judge its config", saw, hint: expect.any(String) };
  expect(await asked(ending)).toEqual({ proved: [problem], tested: [problem] });
});

test("a line that sshd refuses is told with its words", async () => {
  const stderr = Buffer.from("/run/withssh/private/sshd_config: line 1: Badly formatted port number.\r\n");
  const { tested } = await asked({ code: 255, stderr });
  expect(tested).toEqual([
    {
      what: "sshd refuses a line that we wrote",
      saw: "Badly formatted port number.",
      hint: "a bug of withssh, or an sshd that it does not know: report it",
    },
  ]);
});

test("an sshd that is not there any more is told as such", async () => {
  const sshd = () => {
    throw new OsError("ENOENT", "posix_spawn", "test", "/usr/sbin/sshd");
  };
  const { plan } = await bootOn(createImage());
  if (plan === undefined) throw new Error("the boot failed");
  const told = [{ what: "/usr/sbin/sshd cannot be run", saw: "ENOENT", hint: "put it back; it is tried again" }];
  const host = createImage({}, { helpers: { sshd } });
  expect([await testConfig(host, plan), await proveConfig(host, config, plan)]).toEqual([told, told]);
});

test("sshd is asked in passing first, and in earnest where there was no time for that", async () => {
  const priorities: unknown[] = [];
  const sshd: Helper = (_, { priority }) => {
    priorities.push(priority);
    return priority === "idle" ? { code: undefined, signal: 9, timedOut: true } : { code: 0 };
  };
  const { plan } = await bootOn(createImage());
  if (plan === undefined) throw new Error("the boot failed");
  expect(await testConfig(createImage({}, { helpers: { sshd } }), plan)).toEqual([]);
  expect(priorities).toEqual(["idle", "low"]);
});

test("an sshd that was killed is asked again, and its answer then counts", async () => {
  let killed = 0;
  const sshd = () => (killed++ === 0 ? { code: undefined, signal: 9 } : { code: 0 });
  const { plan } = await bootOn(createImage());
  if (plan === undefined) throw new Error("the boot failed");
  expect(await testConfig(createImage({}, { helpers: { sshd } }), plan)).toEqual([]);
});

test("where homes count sshd is asked about one who is no login user, too: he must have none", async () => {
  const withHomes = parseConfig(new Map([["WITHSSH_HOME_KEYS", "true"]])).config;
  const { plan } = await bootOn(createImage(), { WITHSSH_HOME_KEYS: "true" });
  if (plan === undefined) throw new Error("the boot failed");
  const asked: string[] = [];
  const sshd: Helper = (argv) => {
    asked.push(/user=([^,]*)/.exec(argv.join(" "))?.[1] ?? "");
    return { code: 0, stdout: Buffer.from("authorizedkeysfile /run/withssh/keys/%u %h/.ssh/authorized_keys\n") };
  };
  const problems = await proveConfig(createImage({}, { helpers: { sshd } }), withHomes, plan);
  const names = plan.accounts.map(({ name }) => name);
  expect(asked).toEqual([...names, names.includes("root") ? "nobody" : "root"]);
  const kept = problems.filter(({ what }) => what.endsWith("authorizedkeysfile"));
  expect(kept.map(({ saw }) => saw)).toEqual(["/run/withssh/keys/%u %h/.ssh/authorized_keys"]);
});
