import { describe, expect, test } from "vitest";
import type { ConfigLine, MatchScope } from "../../src/config-line.ts";
import { explainRefusal, judgeProof, proofArgv, type SshdPromises, testArgv } from "../../src/sshd-proof.ts";

const promises: SshdPromises = {
  port: 2222,
  listen: [],
  hostKeys: ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"],
  keysDirectory: "/run/withssh/keys",
  homeKeys: false,
};

/** What OpenSSH 9.2 printed for such a config, shortened to what matters and a little more. */
const PRINTED = `port 2222
addressfamily any
listenaddress [::]:2222
listenaddress 0.0.0.0:2222
usepam yes
permitrootlogin without-password
hostbasedauthentication no
pubkeyauthentication yes
kerberosauthentication no
gssapiauthentication no
passwordauthentication no
kbdinteractiveauthentication no
x11forwarding no
permitemptypasswords no
allowtcpforwarding yes
allowagentforwarding yes
allowstreamlocalforwarding yes
trustedusercakeys none
authorizedprincipalsfile none
authorizedkeyscommand none
authorizedprincipalscommand none
authorizedkeysfile /run/withssh/keys/%u
hostkey /etc/ssh/ssh_host_ed25519_key
hostkey /etc/ssh/ssh_host_rsa_key
setenv SECRET=port 22
authenticationmethods publickey
permittunnel no
`;

const judge = (from: RegExp, to: string, more: Partial<SshdPromises> = {}, lines: ConfigLine[] = []) => {
  const output = PRINTED.replace(from, to);
  if (from.source !== "^") expect(output).not.toBe(PRINTED);
  return judgeProof(output, { ...promises, ...more }, lines);
};

test("sshd is asked about one user on our file, by an argument list", () => {
  expect(proofArgv("/usr/sbin/sshd", "/run/withssh/sshd_config", "app", 2222)).toEqual([
    "/usr/sbin/sshd",
    "-T",
    "-C",
    "user=app,host=192.0.2.1,addr=192.0.2.1,laddr=192.0.2.1,lport=2222",
    "-f",
    "/run/withssh/sshd_config",
  ]);
  expect(testArgv("/usr/sbin/sshd", "/c")).toEqual(["/usr/sbin/sshd", "-t", "-f", "/c"]);
});

test("a kept promise is no problem, in the words of 9.2 and of an sshd without GSSAPI, Kerberos and PAM", () => {
  expect(judge(/^/, "")).toEqual([]);
  expect(judge(/gssapi.*\n|kerberos.*\n|usepam.*\n/g, "")).toEqual([]);
  expect(judge(/without-password/, "prohibit-password")).toEqual([]);
});

describe("each broken promise is told", () => {
  test.each([
    [/^port 2222/, "port 22"],
    [/^/, "port 22\n"],
    [/^port 2222/, "port 2222\nport 22"],
    [/listenaddress \[::\]:2222/, "listenaddress [::]:22"],
    [/listenaddress 0.0.0.0/, "listenaddress 127.0.0.1"],
    [/listenaddress.*\n/g, ""],
    [/without-password/, "yes"],
    [/hostbasedauthentication no/, "hostbasedauthentication yes"],
    [/pubkeyauthentication yes/, "pubkeyauthentication no"],
    [/passwordauthentication no/, "passwordauthentication yes"],
    [/passwordauthentication no\n/, ""],
    [/kbdinteractiveauthentication no/, "kbdinteractiveauthentication yes"],
    [/gssapiauthentication no/, "gssapiauthentication yes"],
    [/permitemptypasswords no/, "permitemptypasswords yes"],
    [/trustedusercakeys none/, "trustedusercakeys /x"],
    [/authorizedprincipalsfile none/, "authorizedprincipalsfile /x"],
    [/authorizedkeyscommand none/, "authorizedkeyscommand /x"],
    [/authorizedprincipalscommand none/, "authorizedprincipalscommand /x"],
    [/keys\/%u/, "keys/%u .ssh/authorized_keys"],
    [/withssh\/keys/, "WITHSSH/keys"],
    [/methods publickey/, "methods any"],
    [/hostkey \/etc\/ssh\/ssh_host_rsa_key\n/, ""],
    [/^/, "hostkey /etc/ssh/other\n"],
  ])("%s → %j", (from, to) => {
    const output = PRINTED.replace(from, to);
    expect(output).not.toBe(PRINTED);
    expect(judgeProof(output, promises)).toHaveLength(1);
  });

  test("forwarding only when the setting promised something", () => {
    expect(judge(/^/, "", { forwarding: "yes" })).toEqual([]);
    expect(judge(/^/, "", { forwarding: "local" })).toHaveLength(2);
    expect(judge(/^/, "", { forwarding: "no" }).map((problem) => problem.what)).toEqual(
      ["allowtcpforwarding", "allowstreamlocalforwarding", "allowagentforwarding"].map(
        (keyword) => `sshd would not keep a promise: ${keyword}`,
      ),
    );
  });

  test("an address that we did not name is told, and one that we named is not", () => {
    const one = PRINTED.replace(/listenaddress \[::\].*\n/, "").replace("0.0.0.0", "10.0.0.1");
    expect(judgeProof(one, { ...promises, listen: ["10.0.0.1"] })).toEqual([]);
    expect(judgeProof(one, { ...promises, listen: ["10.0.0.2"] })).toHaveLength(1);
    expect(judge(/^/, "", { listen: ["0.0.0.0"] })).toHaveLength(1);
  });

  test("with file and line where a line can be blamed, a Match block before a global line", () => {
    const line = (at: number, match?: MatchScope): ConfigLine => ({
      file: "/etc/ssh/sshd_config.d/x.conf",
      line: at,
      keyword: "passwordauthentication",
      word: "PasswordAuthentication",
      args: ["yes"],
      text: "PasswordAuthentication yes",
      match,
    });
    const scope = { criteria: "User app", file: "/etc/ssh/sshd_config", line: 1 };
    expect(judge(/passwordauthentication no/, "passwordauthentication yes", {}, [line(3), line(7, scope)])).toEqual([
      {
        what: "sshd would not keep a promise: passwordauthentication",
        saw: "yes",
        hint: "remove it from /etc/ssh/sshd_config.d/x.conf:7",
      },
    ]);
  });
});

describe("what sshd -t refuses is told in the operator's terms", () => {
  const explain = (stderr: string) =>
    explainRefusal(stderr, "/run/withssh/sshd_config", [undefined, "/etc/ssh/sshd_config:12"], "/run/withssh/operator");

  test("a line of ours is told as the image's line that it came from", () => {
    const stderr =
      "/run/withssh/sshd_config: line 2: Bad configuration option: Foo\r\n/run/withssh/sshd_config: terminating, 1 bad configuration options\r\n";
    expect(explain(stderr)).toEqual([
      {
        what: "sshd refuses /etc/ssh/sshd_config:12",
        saw: "Bad configuration option: Foo",
        hint: "mend that line of the image's sshd_config",
      },
    ]);
  });

  test("a line of the operator's own is told by its number in the setting, with sshd's words", () => {
    const hint = "mend or remove that line";
    expect(explain("/run/withssh/operator: line 2: Bad configuration option: Fnord\r\n")).toEqual([
      { what: "sshd refuses line 2 of WITHSSH_SSHD_CONFIG", saw: "Bad configuration option: Fnord", hint },
    ]);
    expect(explain('/run/withssh/operator line 7: no argument after keyword "Port"')).toEqual([
      { what: "sshd refuses line 7 of WITHSSH_SSHD_CONFIG", saw: 'no argument after keyword "Port"', hint },
    ]);
  });

  test("the form without a colon, a line that we wrote, the operator's own file and other words are understood", () => {
    expect(explain("/run/withssh/sshd_config line 1: Bad number").map((problem) => problem.what)).toEqual([
      "sshd refuses a line that we wrote",
    ]);
    expect(explain("/operator line 3: no argument after keyword")).toEqual([
      {
        what: "sshd refuses its config",
        saw: "/operator line 3: no argument after keyword",
        hint: expect.stringMatching(/^look for it in/),
      },
    ]);
    expect(explain("Missing privilege separation directory: /run/sshd")).toEqual([
      {
        what: "sshd refuses its config",
        saw: "Missing privilege separation directory: /run/sshd",
        hint: expect.stringMatching(/^look for it in/),
      },
    ]);
  });

  test("a warning is no refusal", () => {
    expect(explain("/run/withssh/sshd_config line 2: Unsupported option UsePAM\r\n")).toEqual([]);
  });
});
