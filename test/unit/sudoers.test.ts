/** Taking somebody's rules out of sudoers text: what goes, what stays to the byte, and what nobody can judge. */
import { describe, expect, test } from "vitest";
import { type Grantee, includesDirectory, readUserAliases, stripGrants } from "../../src/sudoers.ts";

const APP: Grantee = {
  names: ["app"],
  uid: 1000,
  primaryGroup: { names: ["app"], gid: 1000 },
  otherGroups: [
    { name: "ops", gid: 4321 },
    { name: "", gid: 555 },
  ],
};
const strip = (text: string, replacement?: string) =>
  stripGrants(text, "/etc/sudoers", APP, readUserAliases([text]), replacement);

describe("what gives the app's user or his own group anything goes", () => {
  test.each([
    ["app ALL=(ALL) NOPASSWD: ALL"],
    ["%app ALL=(ALL:ALL) ALL"],
    ["#1000 ALL=(root) /bin/ls"],
    ["%#1000 ALL=ALL"],
    ["ALL ALL=(ALL) ALL"],
    ["APP ALL=(ALL) ALL"],
    ['"app" ALL=(ALL) ALL'],
    ["\\x61pp ALL=(ALL) ALL"],
    ["  app\tweb1 = (root) SETENV: NOPASSWD: /bin/a, /bin/b \\\n  : web2 = ALL"],
    ["app ALL=(ALL) ALL # by hand"],
    ["app, %app ALL=(ALL) ALL"],
    ["app\u00a0ALL=(ALL) ALL"],
    ["app ALL=(ALL) ALL\r"],
  ])("%s", (rule) => {
    expect(strip(`# before\n${rule}\nroot ALL=(ALL) ALL\n`)).toEqual({
      text: "# before\nroot ALL=(ALL) ALL\n",
      removed: [expect.any(String)],
      refusals: [],
    });
  });

  test("of a list only our part goes, and the others keep hosts, run-as, tags and further rules", () => {
    expect(strip("bob , app,%wheel web=(root) NOPASSWD: /bin/a : db = ALL\n").text).toBe(
      "bob, %wheel web=(root) NOPASSWD: /bin/a : db = ALL\n",
    );
  });
});

test.each([
  ["root ALL=(ALL:ALL) ALL"],
  ["%sudo ALL=(ALL:ALL) ALL"],
  ["#1001 ALL=(ALL) ALL"],
  ["application ALL=(ALL) ALL"],
  ["Defaults:app !authenticate"],
  ["Defaults env_reset"],
  ["# app ALL=(ALL) ALL"],
  ["#app ALL=(ALL) ALL"],
  ["User_Alias ADMINS = root, bob\nADMINS ALL=(ALL) ALL"],
  ["Cmnd_Alias app = /bin/ls"],
  ["!bob, carol ALL=(ALL) ALL"],
  ["bob\\,app ALL=(ALL) ALL"],
  ['"bob, app" ALL=(ALL) ALL'],
  ["Defaults"],
  ["@includedir /etc/sudoers.d"],
  ['#includedir "/etc/sudoers.d/"'],
])("what names somebody else stays to the byte: %s", (text) => {
  expect(strip(`${text}\n`)).toEqual({ text: `${text}\n`, removed: [], refusals: [] });
});

test.each([
  ["User_Alias OURS = bob, app\nOURS ALL=(ALL) ALL", "line 2: the alias OURS"],
  ["User_Alias A = B : B = %app\nA ALL=(ALL) ALL", "line 2: the alias A"],
  ["User_Alias A = A\nA ALL=(ALL) ALL", "line 2: the alias A"],
  ["User_Alias A = ALL, \\\n !root\nA ALL=(ALL) ALL", "line 3: the alias A"],
  ["ALL, !app ALL=(ALL) ALL", "line 1: a list with an exception"],
  ["%ops ALL=(ALL) ALL", "line 1: a rule of the group ops"],
  ["%#555 ALL=(ALL) ALL", "line 1: a rule of the group 555"],
  ["+all ALL=(ALL) ALL", "line 1: a netgroup"],
  ["%:windows ALL=(ALL) ALL", "line 1: a group that only a plugin"],
  ["@include /etc/more", "line 1: an include"],
  ["#include /etc/more", "line 1: an include"],
  ["@includedir /etc/more.d", "line 1: an include"],
  ["#include /etc/more\rx", "line 1: an include"],
  ['@includedir "/etc/sudoers.d', "line 1: an include"],
  ["@includedir", "line 1: not understood"],
  ["Defaultsapp", "line 1: not understood"],
  ['"app ALL=(ALL) ALL', "line 1: not understood"],
  ["ALL, ! ! app ALL=(ALL) ALL", "line 1: a list with an exception"],
  ["app", "line 1: not understood"],
])("what cannot be judged is refused with its line, and stays: %s", (text, words) => {
  const plan = strip(`${text}\n`);
  expect(plan.refusals.map(({ what }) => what)).toEqual([expect.stringContaining(words)]);
  expect(plan.text).toBe(`${text}\n`);
});

test("a rule behind a comment that ends in a backslash is not overlooked", () => {
  expect(strip("# note \\\napp ALL=(ALL) ALL\n")).toMatchObject({ removed: [expect.any(String)], text: "# note \\\n" });
});

test("what stands in for the rules stands once, where the first was", () => {
  const text = "app ALL=ALL\nbob ALL=ALL\n%app ALL=ALL\n";
  expect(strip(text, "Defaults:#1000 listpw=never").text).toBe("Defaults:#1000 listpw=never\nbob ALL=ALL\n");
});

test("a directory of further files is seen in both spellings, and not in a comment", () => {
  expect(includesDirectory("@includedir /etc/sudoers.d\n")).toBe(true);
  expect(includesDirectory("#includedir /etc/sudoers.d\n")).toBe(true);
  expect(includesDirectory("# @includedir /etc/sudoers.d\n")).toBe(false);
});
