import { describe, expect, test } from "vitest";
import { renderProfileDropIn, selectSessionEnv, type Variable } from "../../src/session-env.ts";

const isOurs = (name: string) => name.startsWith("WITHSSH_") || name === "AUTHORIZED_KEYS";
const env = (...pairs: string[]): Variable[] =>
  pairs.map((pair) => ({ name: pair.split("=", 1)[0] ?? "", value: pair.slice(pair.indexOf("=") + 1) }));
const select = (from: Variable[], patterns?: string[], isAppUser = true) => {
  const { variables, leftOut } = selectSessionEnv(from, patterns, isAppUser, isOurs);
  return { got: variables.map(({ name, value }) => `${name}=${value}`), leftOut };
};

describe("sessions get the container's variables", () => {
  const all = env("PATH=/x:/y", "SECRET=s", "LANG=C", "LC_ALL=de", "TZ=UTC", "LCX=1");

  test("the app's own user gets all, others only what makes a session usable", () => {
    expect(select(all).got).toEqual(["PATH=/x:/y", "SECRET=s", "LANG=C", "LC_ALL=de", "TZ=UTC", "LCX=1"]);
    expect(select(all, undefined, false).got).toEqual(["PATH=/x:/y", "LANG=C", "LC_ALL=de", "TZ=UTC"]);
  });

  test("patterns choose by name and glob, and an empty list means none", () => {
    expect(select(all, ["SEC*", "T?"]).got).toEqual(["SECRET=s", "TZ=UTC"]);
    expect(select(all, []).got).toEqual([]);
    expect(select(env("A.B=1", "AxB=2"), ["A.B"]).got).toEqual(["A.B=1"]);
  });

  test("values pass byte for byte, whatever they hold", () => {
    const value = "\xff\x80 \"q\" 'a' \\ $X `y` #\t\r=";
    expect(selectSessionEnv([{ name: "V", value }], undefined, true, isOurs).variables).toEqual([{ name: "V", value }]);
  });

  test.each([
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "TERM",
    "MAIL",
    "SSH_CONNECTION",
    "SSH_X",
  ])("%s is the session's own", (name) => {
    expect(select(env(`${name}=x`), ["*", name])).toEqual({ got: [], leftOut: [{ name, why: "session" }] });
  });

  test("names that only look like the session's own are the container's", () => {
    expect(select(env("HOMEBREW=1", "TERMINFO=2", "MY_SSH_X=3")).got).toHaveLength(3);
  });

  test("our settings never reach a session, even when named", () => {
    expect(select(env("AUTHORIZED_KEYS=k", "WITHSSH_PORT=1"), ["AUTHORIZED_KEYS", "WITHSSH_*"])).toEqual({
      got: [],
      leftOut: [
        { name: "AUTHORIZED_KEYS", why: "ours" },
        { name: "WITHSSH_PORT", why: "ours" },
      ],
    });
  });

  test("a newline cannot be expressed: left out and told by name, the value never", () => {
    const { got, leftOut } = select(env("PEM=a\nb", "OK=1"));
    expect(got).toEqual(["OK=1"]);
    expect(leftOut).toEqual([{ name: "PEM", why: "newline" }]);
  });

  test("names that sshd refuses stay out", () => {
    expect(
      selectSessionEnv(
        [
          { name: "", value: "x" },
          { name: "A=B", value: "y" },
        ],
        undefined,
        true,
        isOurs,
      ),
    ).toEqual({
      variables: [],
      leftOut: [
        { name: "", why: "name" },
        { name: "A=B", why: "name" },
      ],
    });
  });

  test("of a name that is there twice the first counts, as getenv has it", () => {
    expect(select(env("A=1", "A=2")).got).toEqual(["A=1"]);
  });
});

describe("the drop-in for login shells", () => {
  test("puts back the container's PATH in SSH sessions alone, quoted for every shell", () => {
    expect(renderProfileDropIn(env("SECRET=s", "PATH=/it's:/$x"))).toMatchInlineSnapshot(`
      "# Written by withssh: SSH login shells get the container's PATH, which /etc/profile has just replaced.
      if [ -n "\${SSH_CONNECTION-}" ]; then PATH='/it'\\''s:/$x'; export PATH; fi
      "
    `);
  });

  test("is not there when sessions get no PATH", () => {
    expect(renderProfileDropIn(env("SECRET=s"))).toBeUndefined();
  });
});
