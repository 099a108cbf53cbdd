/** What reads ~/.ssh/config because it runs ssh itself: Ansible, and the two editors that edit over it. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import { buildDebianClientImages, WITH_SCRIPTS } from "../support/debian-clients.ts";
import { startWithMachines, type Workstation } from "../support/workstation.ts";

let workstation: Workstation;
beforeAll(async () => {
  const options = { workstation: { binds: [WITH_SCRIPTS] } };
  ({ workstation } = await startWithMachines(await buildDebianClientImages(), options));
});

describe.concurrent.each(bases)("on %s", (base) => {
  test.each(["off", "on"])("Ansible pings, copies and runs a command, with pipelining %s", async (pipelining) => {
    const env = { ANSIBLE_PIPELINING: pipelining, ANSIBLE_HOME: `/tmp/ansible-${base}-${pipelining}` };
    const play = `ansible-playbook --inventory ${base}, --extra-vars file=${pipelining} /with/playbook.yml`;
    const { code, stdout } = await workstation.run(play, env);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/failed=0 /) });
    expect(stdout).toContain('"msg": "True 12000 640 app"');
  });

  test("emacs visits /ssh: by TRAMP: reads, writes, lists, runs a command and a process", async () => {
    const visit = "emacs --batch --quick --load /with/tramp.el --funcall tramp-session";
    const { code, stdout } = await workstation.run(visit, { MACHINE: base });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "grüß dich\nnext\n640 (by tramp, ü.txt)\napp in app\n5\nnil\n",
    });
  });

  test("vim edits scp:// by netrw: what is written is there", async () => {
    const edit = `ssh ${base} 'echo before > by-netrw.txt'
      vim -es -u NONE -S /with/netrw.vim < /dev/null
      ssh ${base} cat by-netrw.txt`;
    const { code, stdout } = await workstation.run(edit, { MACHINE: base });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "before\ngrüß dich\n" });
  });
});
