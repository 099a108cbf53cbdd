import { describe, expect, test } from "vitest";
import { type ConfigLine, type MatchScope, parseConfigLine } from "../../src/config-line.ts";
import { filterImageConfig, findBrokenPromises } from "../../src/image-filter.ts";

const FILE = "/etc/ssh/sshd_config";

/** Lines of one file, without Includes. */
function lines(text: string): ConfigLine[] {
  let match: MatchScope | undefined;
  return text.split("\n").flatMap((raw, at) => {
    const parsed = parseConfigLine(raw);
    if (parsed === undefined) return [];
    if (parsed.keyword === "match") {
      match = { criteria: parsed.rest, file: FILE, line: at + 1 };
      return [];
    }
    return [{ ...parsed, file: FILE, line: at + 1, match }];
  });
}

const texts = (kept: readonly ConfigLine[]) => kept.map((line) => line.text);

describe("global lines", () => {
  test("what adds up or is ours alone goes, in any spelling, and is named with file and line", () => {
    const text =
      "pOrT 2222\nListenAddress=::\nAddressFamily inet\nHostKey /k\nHostCertificate /c\nPidFile /p\nUsePAM yes";
    const filtered = filterImageConfig(lines(text));
    expect(texts(filtered.global)).toEqual(["UsePAM yes"]);
    expect(filtered.leftOut).toEqual([
      `${FILE}:1 pOrT`,
      `${FILE}:2 ListenAddress`,
      `${FILE}:3 AddressFamily`,
      `${FILE}:4 HostKey`,
      `${FILE}:5 HostCertificate`,
      `${FILE}:6 PidFile`,
    ]);
  });

  test("a Subsystem given twice is fatal for sshd: the first stays, other names too", () => {
    const text = "Subsystem sftp /a\nSubsystem sftp /b\nSubsystem netconf /c";
    expect(texts(filterImageConfig(lines(text)).global)).toEqual(["Subsystem sftp /a", "Subsystem netconf /c"]);
    expect(texts(filterImageConfig(lines(text), { subsystems: ["sftp"] }).global)).toEqual(["Subsystem netconf /c"]);
  });

  test("a program that names keys never counts", () => {
    expect(texts(filterImageConfig(lines("AuthorizedKeysCommand /x\nAuthorizedKeysCommandUser root")).global)).toEqual(
      [],
    );
  });

  test("Banner, ForceCommand, AllowUsers, ciphers and what only ours overrides stay, in their order", () => {
    const kept = ["Banner /b", "ForceCommand x", "AllowUsers a", "Ciphers +aes128-cbc", "PasswordAuthentication yes"];
    const filtered = filterImageConfig(lines(kept.join("\n")));
    expect(texts(filtered.global)).toEqual(kept);
    expect(filtered).toMatchObject({ leftOut: [], blocks: [], hasMatch: false });
  });
});

describe("Match blocks", () => {
  test.each([
    "AuthorizedKeysFile /x",
    "AuthorizedKeysCommand /x",
    "AuthorizedKeysCommandUser root",
    "AuthorizedPrincipalsFile /x",
    "AuthorizedPrincipalsCommand /x",
    "TrustedUserCAKeys /x",
    "AuthenticationMethods any",
    "PubkeyAuthentication no",
    "PasswordAuthentication=yes",
    "KbdInteractiveAuthentication yes",
    "ChallengeResponseAuthentication yes",
    "PermitEmptyPasswords yes",
    "HostbasedAuthentication yes",
    "GSSAPIAuthentication yes",
    "KerberosAuthentication yes",
    "PermitRootLogin yes",
    "LogLevel QUIET",
  ])("%s would open another way in or hide it, and goes", (text) => {
    const filtered = filterImageConfig(lines(`Match all\n${text}`));
    expect(filtered).toMatchObject({ blocks: [], hasMatch: false });
    expect(filtered.leftOut).toHaveLength(1);
    expect(findBrokenPromises(lines(`Match all\n${text}`))).toHaveLength(1);
  });

  test.each([
    "PermitRootLogin no",
    "PermitRootLogin forced-commands-only",
    "ForceCommand x",
    "ChrootDirectory /c",
    "Banner x",
  ])("%s stays", (text) => {
    const filtered = filterImageConfig(lines(`Match User a\n${text}`));
    expect(filtered).toMatchObject({ hasMatch: true, leftOut: [] });
    expect(filtered.blocks.map((block) => [block.scope.criteria, texts(block.lines)])).toEqual([["User a", [text]]]);
  });

  test("forwarding is the image's choice until the setting decides it", () => {
    const text = "Match User a\nAllowTcpForwarding yes\nDisableForwarding no\nX11Forwarding yes";
    expect(filterImageConfig(lines(text)).leftOut).toEqual([]);
    expect(filterImageConfig(lines(text), { forwarding: "local" }).leftOut).toHaveLength(2);
    expect(filterImageConfig(lines(text), { forwarding: "no" }).leftOut).toHaveLength(3);
  });

  test("the operator's global lines are no broken promise by themselves", () => {
    expect(findBrokenPromises(lines("PasswordAuthentication yes\nPort 1"))).toEqual([]);
  });
});
