import { describe, expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { pickMode } from "../../src/privilege.ts";

const root = { euid: 0 };
const app = { euid: 1000 };

describe("picking the mode", () => {
  test("takes root where the container has it, and tries sudo before it goes without", () => {
    expect(pickMode({ privilege: "auto" }, root)).toBe("root");
    expect(pickMode({ privilege: "auto" }, app)).toBe("sudo-then-rootless");
  });

  test("keeps to a pinned mode that is to be had, rootless as root too", () => {
    expect(pickMode({ privilege: "root" }, root)).toBe("root");
    expect(pickMode({ privilege: "sudo" }, app)).toBe("sudo");
    expect(pickMode({ privilege: "rootless" }, app)).toBe("rootless");
    expect(pickMode({ privilege: "rootless" }, root)).toBe("rootless");
  });

  test.each([
    ["root", app, "WITHSSH_PRIVILEGE=root is not to be had — saw the container starts as uid 1000"],
    ["sudo", root, "WITHSSH_PRIVILEGE=sudo is not to be had — saw the container starts as root already"],
  ] as const)(
    "refuses pinned %s where it is not to be had, with exit code 1 and in words",
    (privilege, facts, words) => {
      const pick = () => pickMode({ privilege }, facts);
      expect(pick).toThrow(StageError);
      expect(pick).toThrow(words);
      expect(pick).toThrow("or leave WITHSSH_PRIVILEGE out");
      expect(pick).toThrow(expect.objectContaining({ exitCode: 1 }));
    },
  );
});
