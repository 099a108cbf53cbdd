import { describe, expect, test } from "vitest";
import { environmentOfUser, resolveAppUser } from "../../src/app-user.ts";

const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "app:x:1000:1000::/home/app:/bin/sh",
  "2000:x:1500:1500::/home/digits:/bin/sh",
  "nohome:x:1600:1600:::/bin/sh",
  "",
].join("\n");
const GROUP = ["root:x:0:", "app:x:1000:", "docker:x:998:other,app", "video:x:44:app", "empty:x:77:", ""].join("\n");

const resolve = (spec: string) => resolveAppUser(spec, PASSWD, GROUP);

describe("WITHSSH_APP_USER", () => {
  test("by name or number is the user of the database with all the groups that name him, and no others", () => {
    const app = { uid: 1000, gid: 1000, groups: [1000, 998, 44], home: "/home/app", name: "app" };
    expect(resolve("app")).toEqual(app);
    expect(resolve("1000")).toEqual(app);
  });

  test("with a group named has that group alone", () => {
    const app = { uid: 1000, home: "/home/app", name: "app" };
    expect(resolve("app:docker")).toEqual({ ...app, gid: 998, groups: [998] });
    expect(resolve("1000:77")).toEqual({ ...app, gid: 77, groups: [77] });
    expect(resolve("app:4242")).toEqual({ ...app, gid: 4242, groups: [4242] });
  });

  test("as a number without an entry gets the group of the same number, never root's", () => {
    expect(resolve("4242")).toEqual({ uid: 4242, gid: 4242, groups: [4242], home: "/", name: undefined });
    expect(resolve("4242:docker")).toMatchObject({ uid: 4242, gid: 998, groups: [998] });
  });

  test("that is all digits is a name first, as for docker", () => {
    expect(resolve("2000")).toMatchObject({ uid: 1500, name: "2000" });
  });

  test.each([
    ["ghost", "there is no user ghost in /etc/passwd"],
    ["app:ghosts", "there is no group ghosts in /etc/group"],
    ["4294967295", "there is no user 4294967295"],
    ["app:4294967295", "there is no group 4294967295"],
    ["app:", "it reads user or user:group"],
    [":app", "it reads user or user:group"],
    ["a:b:c", "it reads user or user:group"],
  ])("that cannot be used (%s) is refused with what it is and what to do", (spec, hint) => {
    expect(() => resolve(spec)).toThrow(
      `WITHSSH_APP_USER cannot be used — saw ${JSON.stringify(spec)} — hint: ${hint}`,
    );
    expect(() => resolve(spec)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe("the environment of another user", () => {
  test("has that user's HOME, USER and LOGNAME in their places, and all else byte for byte", () => {
    const before = ["A=1", "HOME=/root", "B=\xff", "USER=root", "noname", "LOGNAME=root", "HOMES=x"];
    expect(environmentOfUser(before, resolve("app"))).toEqual([
      "A=1",
      "HOME=/home/app",
      "B=\xff",
      "USER=app",
      "noname",
      "LOGNAME=app",
      "HOMES=x",
    ]);
  });

  test("gets those that were not there", () => {
    expect(environmentOfUser(["A=1"], resolve("app"))).toEqual(["A=1", "HOME=/home/app", "USER=app", "LOGNAME=app"]);
  });

  test("of a number without an entry names nobody, and its home is /", () => {
    expect(environmentOfUser(["HOME=/root", "USER=root", "LOGNAME=root"], resolve("4242"))).toEqual(["HOME=/"]);
    expect(environmentOfUser([], resolve("nohome"))).toContain("HOME=/");
  });
});
