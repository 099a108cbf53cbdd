/** The points of a slowed start, out of what strace writes. */
import { expect, test } from "vitest";
import { readPoints, renderPoints } from "../support/strace.ts";

const TRACE = `7 execve("/usr/local/bin/withssh", ["withssh", "sh"], 0x7 /* 9 vars */) = 0
7 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3 (DELAYED)
7 clone3({flags=CLONE_VM, child_tid=0x7} <unfinished ...>
8 execve("/usr/bin/sudo", ["/usr/bin/sudo", "-n", "/usr/local/bin/withssh", "--supervise"], 0x7 /* 3 vars */ <unfinished ...>
7 <... clone3 resumed>) = 8
8 <... execve resumed>) = 0
8 openat(AT_FDCWD, "a (DELAYED)", O_RDONLY) = -1 ENOENT (No such file or directory)
8 openat(AT_FDCWD, "b", O_RDONLY <unfinished ...>
7 close(3) = 0
8 <... openat resumed>) = 4 (DELAYED)
8 execve("/x", ["x"], 0x7) = -1 ENOENT (No such file or directory)
8 vfork() = 9
9 openat(AT_FDCWD, "c", O_RDONLY) = 5 (DELAYED)
9 execve("/usr/local/bin/withssh", ["/usr/local/bin/withssh", "--supervise"], 0x7) = 0 (DELAYED)
9 openat(AT_FDCWD, "d", O_RDONLY) = 5 (DELAYED)
9 openat(AT_FDCWD, "e", O_RDONLY) = 5 (DELAYED)
`;

test("each delayed call is counted in its thread and told with the program that made it", () => {
  expect(renderPoints(readPoints(TRACE))).toEqual([
    "launcher (1): openat 1",
    "sudo (3): openat 1-2, execve 1",
    "root side (2): openat 2-3",
  ]);
});
