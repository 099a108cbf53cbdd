/** Files by the programs that people have: rsync, scp in both of its protocols, sftp, git. */
import { beforeAll, describe, expect, test } from "vitest";
import { bases } from "../support/boot.ts";
import { buildClientImages, IMAGES_MS } from "../support/client-images.ts";
import { startWithMachines, type Workstation } from "../support/workstation.ts";

let workstation: Workstation;
beforeAll(async () => {
  ({ workstation } = await startWithMachines(await buildClientImages()));
}, IMAGES_MS);

/** What a shell on the workstation says of `dir`: each file's mode, name and contents. */
const LIST = "list() { (cd \"$1\" && find . -type f -printf '%m %p ' -exec sha256sum {} \\; | sort); }";

describe.concurrent.each(bases)("on %s", (base) => {
  test("rsync copies a tree up and down, modes, links and five megabytes of noise included, and --delete deletes", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      ${LIST}
      mkdir -p 'up/a dir'; head -c 5000000 /dev/urandom > up/noise; echo secret > up/key; echo 'exit 7' > 'up/a dir/grüß'
      chmod 600 up/key; chmod 750 'up/a dir/grüß'; ln -s key up/link
      rsync --archive --compress --delete up/ ${base}:synced/
      rsync --archive ${base}:synced/ down/
      [ "$(list up)" = "$(list down)" ]; readlink down/link
      rm up/key up/link; head -c 1000 /dev/urandom >> up/noise
      rsync --archive --delete --itemize-changes up/ ${base}:synced/
      ssh ${base} 'ls synced; sh "synced/a dir/grüß" || echo ended with $?'
      rsync --archive --delete ${base}:synced/ down/
      [ "$(list up)" = "$(list down)" ]; ! [ -e down/key ]
    `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["key", "*deleting   key", "*deleting   link"]));
    expect(stdout).toMatch(/\na dir\nnoise\nended with 7\n$/);
  });

  test.each([
    ["SFTP", "-s"],
    ["the old protocol", "-O"],
  ])("scp by %s copies files and directories both ways, blanks and umlauts in their names", async (_, flag) => {
    // The old protocol hands the name to the shell over there, and holds what comes back against it (scp.c, fnmatch).
    const quote = (path: string) => `'${flag === "-O" ? path.replaceAll(/[ ()]/g, "\\$&") : path}'`;
    const { code, stdout, stderr } = await workstation.run(`
      ${LIST}
      mkdir -p 'größer als/in ihm'; echo one > 'größer als/Ärger (1).txt'; head -c 300000 /dev/urandom > 'größer als/in ihm/x'
      chmod 640 'größer als/Ärger (1).txt'; chmod 751 'größer als/in ihm/x'
      ssh ${base} mkdir -p "'box ${flag}'"
      scp -q ${flag} -r -p 'größer als' ${base}:${quote(`box ${flag}/`)}
      scp -q ${flag} -r -p ${base}:${quote(`box ${flag}/größer als`)} back
      scp -q ${flag} ${base}:${quote(`box ${flag}/größer als/Ärger (1).txt`)} alone
      [ "$(list 'größer als')" = "$(list back)" ]; cat alone
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "one\n", stderr: "" });
  });

  test("sftp puts, renames, changes modes, lists and gets in one batch", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      echo hello > 'first one.txt'
      sftp -q -b - ${base} <<'batch'
mkdir drop
cd drop
put "first one.txt"
rename "first one.txt" "zweite für alle.txt"
chmod 640 "zweite für alle.txt"
ls -l
get "zweite für alle.txt" back.txt
rm "zweite für alle.txt"
cd ..
rmdir drop
batch
      cat back.txt
    `);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^-rw-r----- .* 6 .* zweite für alle\.txt$/m);
    expect(stdout).toMatch(/\nhello\n$/);
  });

  test("git clones from a bare repository, pushes to it, and fetches what somebody else has pushed", async () => {
    const { code, stdout, stderr } = await workstation.run(`
      export HOME=$PWD GIT_SSH_COMMAND='ssh -F ~root/.ssh/config'
      git config --global user.email ina@example.org; git config --global user.name Ina; git config --global init.defaultBranch main
      ssh -F ~root/.ssh/config ${base} git init --quiet --bare --initial-branch=main shop.git
      git clone --quiet ${base}:shop.git ina 2>/dev/null; git clone --quiet ssh://${base}/~/shop.git ben 2>/dev/null
      cd ina; head -c 2000000 /dev/urandom > noise; git add .; git commit --quiet -m 'First of Ina'; git push --quiet origin main
      cd ../ben; git fetch --quiet; git log --format=%s origin/main; git checkout --quiet main; cmp noise ../ina/noise
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "First of Ina\n", stderr: "" });
  });
});
