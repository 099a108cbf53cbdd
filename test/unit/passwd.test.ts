import { expect, test } from "vitest";
import { findUser, groupsOf, parseGroup, parsePasswd, parseShadow } from "../../src/passwd.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/bash\napp:x:1000:1001:A. P.,,,:/home/app:\n1000:x:7:7::/:/bin/sh\n";

test("users are read with all their fields", () => {
  expect(parsePasswd(PASSWD)[1]).toEqual({
    name: "app",
    password: "x",
    uid: 1000,
    gid: 1001,
    home: "/home/app",
    shell: "",
  });
});

test("lines that are not whole are nobody", () => {
  const broken = [
    "",
    "# note",
    "+::::::",
    "a:x:1:1",
    ":x:0:0::/:/bin/sh",
    "b:x::0::/:/s",
    "c:x:-1:0::/:/s",
    "d:x:4294967295:0::/:/s",
    "e:x:00000001000:0::/:/s",
  ];
  expect(parsePasswd(broken.join("\n"))).toEqual([]);
});

test("a user is found by name before uid", () => {
  const users = parsePasswd(PASSWD);
  expect(findUser(users, "app")?.uid).toBe(1000);
  expect(findUser(users, "1000")?.name).toBe("1000");
  expect(findUser(users, "0")?.name).toBe("root");
  expect(findUser(users, "nobody")).toBeUndefined();
});

test("empty shadow fields are undefined, not zero", () => {
  expect(parseShadow("app:!:19000:0:99999:7:::\nx:*:0:0:1:7:2:3:\n")).toEqual([
    {
      name: "app",
      password: "!",
      lastChangeDay: 19000,
      maxDays: 99999,
      inactiveDays: undefined,
      expiresDay: undefined,
    },
    { name: "x", password: "*", lastChangeDay: 0, maxDays: 1, inactiveDays: 2, expiresDay: 3 },
  ]);
});

test("groups are the user's own first, then those that list him, each once", () => {
  const groups = parseGroup("root:x:0:\napp:x:1001:\nwheel:x:27:app\nsudo:x:27:ann,app\nadm:x:4:ann\n");
  const app = findUser(parsePasswd(PASSWD), "app");
  expect(app === undefined ? [] : groupsOf(app, groups)).toEqual([1001, 27]);
});
