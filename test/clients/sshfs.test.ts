/** sshfs needs a kernel's FUSE, so it has a workstation of its own with /dev/fuse and the right to mount. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import { buildDebianClientImages } from "../support/debian-clients.ts";
import { startWithMachines, type Workstation } from "../support/workstation.ts";

const FUSE = {
  Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" }],
  CapAdd: ["SYS_ADMIN"],
  SecurityOpt: ["apparmor=unconfined"],
};

let workstation: Workstation;
beforeAll(async () => {
  ({ workstation } = await startWithMachines(await buildDebianClientImages(), { workstation: { host: FUSE } }));
});

describe.concurrent.each(bases)("on %s", (base) => {
  test("sshfs mounts the home: files are written, read, renamed and deleted there as here", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      mkdir there; sshfs -o reconnect ${base}: there; trap 'fusermount -u there' EXIT
      mkdir 'there/a dir'; head -c 3000000 /dev/urandom > noise; cp noise 'there/a dir/größer'; chmod 640 'there/a dir/größer'
      mv 'there/a dir/größer' there/renamed; rmdir 'there/a dir'
      ssh ${base} 'stat -c "%a %U" renamed; cat renamed' | { read -r line; echo "$line"; cmp - noise; }
      ssh ${base} 'echo from inside > said'; cat there/said; rm there/renamed there/said; ssh ${base} 'ls'
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "640 app\nfrom inside\n", stderr: "" });
  });
});
