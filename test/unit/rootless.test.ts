import { describe, expect, test } from "vitest";
import { renderProblem } from "../../src/errors.ts";
import { parsePasswd } from "../../src/passwd.ts";
import { findRootlessProblem } from "../../src/rootless.ts";

const passwd = parsePasswd(
  ["root:x:0:0::/root:/bin/sh", "app:x:1000:1000::/home/app:/bin/sh", "alias:x:1000:1000::/:/bin/sh", ""].join("\n"),
);

const find = (settings: { port?: number; users?: readonly string[] }, uid = 1000): string | undefined => {
  const problem = findRootlessProblem({ port: 2222, users: undefined, ...settings }, uid, passwd);
  return problem === undefined ? undefined : renderProblem(problem);
};

describe("what sshd can serve without root", () => {
  test("is this user, under each of its names, on a port from 1024 on", () => {
    expect(find({})).toBeUndefined();
    expect(find({ port: 1024 })).toBeUndefined();
    for (const users of [["app"], ["alias"], ["1000"], ["root", "app"]]) expect(find({ users })).toBeUndefined();
  });

  test("is no port below 1024, which names the one to map", () => {
    expect(find({ port: 1023 })).toContain("needs a port from 1024 on — saw WITHSSH_PORT=1023");
    expect(find({ port: 22 })).toContain("docker run --publish 22:2222");
  });

  test("is any port where root is pinned to do without", () => {
    expect(find({ port: 22 }, 0)).toBeUndefined();
  });

  test("is nobody who has no line in /etc/passwd, and the lines for a Dockerfile are told", () => {
    expect(find({}, 4242)).toBe(
      "uid 4242 has no line in /etc/passwd, and sshd logs in named users only — hint: in the Dockerfile: " +
        "RUN useradd --uid 4242 --create-home --shell /bin/sh app (Alpine: adduser -D -u 4242 app)",
    );
  });

  test("is no other user, who is named", () => {
    expect(find({ users: ["root", "ghost"] })).toContain(
      "without root nobody but app can log in — saw WITHSSH_USERS names root, ghost",
    );
  });
});
