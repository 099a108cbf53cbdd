import { describe, expect, test } from "vitest";
import type { ConfigLine, MatchScope } from "../../src/config-line.ts";
import { parseConfigLine } from "../../src/config-line.ts";
import { StageError } from "../../src/errors.ts";
import { renderSshdConfig, type SshdConfigInput } from "../../src/sshd-config.ts";

const FILE = "/etc/ssh/sshd_config";

function lineOf(text: string, line = 1, match?: MatchScope): ConfigLine {
  const parsed = parseConfigLine(text);
  if (parsed === undefined) throw new Error(`no line: ${text}`);
  return { ...parsed, file: FILE, line, match };
}

const scope = (criteria: string, line = 9): MatchScope => ({ criteria, file: FILE, line });
const variables = (...pairs: [string, string][]) => pairs.map(([name, value]) => ({ name, value }));

function render(input: Partial<SshdConfigInput> = {}) {
  const config = renderSshdConfig({
    version: { major: 9, minor: 2 },
    pidFile: "/run/withssh/private/sshd.pid",
    port: 2222,
    listen: [],
    hostKeys: ["/etc/ssh/ssh_host_ed25519_key"],
    hostCertificates: [],
    keysDirectory: "/run/withssh/keys",
    homeKeys: false,
    rootless: false,
    strictModes: true,
    sessions: [{ user: "app", variables: [] }],
    image: { global: [], blocks: [] },
    ...input,
  });
  return { ...config, lines: config.text.trimEnd().split("\n") };
}

/** Where a line stands; fails when it is not there. */
function at(lines: readonly string[], line: string): number {
  expect(lines).toContain(line);
  return lines.indexOf(line);
}

test("with a silent image the config is exactly this", () => {
  expect(render().text).toMatchInlineSnapshot(`
    "Port 2222
    AddressFamily any
    HostKey /etc/ssh/ssh_host_ed25519_key
    PidFile /run/withssh/private/sshd.pid
    LogLevel VERBOSE
    AuthenticationMethods publickey
    PubkeyAuthentication yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    HostbasedAuthentication no
    PermitEmptyPasswords no
    PermitRootLogin prohibit-password
    AuthorizedKeysFile /run/withssh/keys/%u
    TrustedUserCAKeys none
    AuthorizedPrincipalsFile none
    StrictModes yes
    ClientAliveInterval 30
    ClientAliveCountMax 3
    LoginGraceTime 30
    MaxAuthTries 6
    MaxStartups 50:30:200
    X11Forwarding no
    UseDNS no
    KexAlgorithms -*-sha1
    Ciphers -*-cbc
    MACs -hmac-sha1*,umac-64*
    HostKeyAlgorithms -ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*
    PubkeyAcceptedAlgorithms -ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*
    Subsystem sftp internal-sftp
    "
  `);
});

describe("the first value of a keyword wins, so the order is the promise", () => {
  const global = ["PasswordAuthentication yes", "MaxAuthTries 2"].map((text, index) => lineOf(text, index + 1));
  const blocks = [{ scope: scope("User bob"), lines: [lineOf("Banner /b", 10, scope("User bob"))] }];

  test("ours, the operator's file, the image's global lines, defaults, the image's Match blocks closed by Match all", () => {
    const { lines } = render({ operatorFile: "/run/withssh/operator", image: { global, blocks } });
    const order = [
      "PasswordAuthentication no",
      "Include /run/withssh/operator",
      "PasswordAuthentication yes",
      "MaxAuthTries 2",
      "MaxAuthTries 6",
      "Subsystem sftp internal-sftp",
      "Match User bob",
      "Banner /b",
      "Match all",
    ].map((line) => at(lines, line));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(lines.at(-1)).toBe("Match all");
  });

  test("a line of the image is blamed by its own file and number", () => {
    const { lines, origins } = render({ image: { global, blocks } });
    expect(origins).toHaveLength(lines.length);
    expect(origins[at(lines, "MaxAuthTries 2")]).toBe(`${FILE}:2`);
    expect(origins[at(lines, "Match User bob")]).toBe(`${FILE}:9`);
    expect(origins[at(lines, "Banner /b")]).toBe(`${FILE}:10`);
    expect(origins[at(lines, "Port 2222")]).toBeUndefined();
  });

  test("a block for all is written as such", () => {
    const all = scope("");
    expect(
      render({ image: { global: [], blocks: [{ scope: all, lines: [lineOf("Banner /b", 3, all)] }] } }).lines,
    ).toContain("Match all");
  });
});

describe("who is no login user", () => {
  const sessions = [
    { user: "app", variables: [] },
    { user: "de.p-loy", variables: [] },
  ];
  const blocks = [{ scope: scope("User root"), lines: [lineOf("Banner /b", 10, scope("User root"))] }];

  test("has no home that counts and no authority, before any block of the image", () => {
    const { lines } = render({
      homeKeys: true,
      trustedUserCaFile: "/run/withssh/ca",
      sessions,
      image: { global: [], blocks },
    });
    const from = at(lines, "Match User *,!app,!de.p-loy");
    expect(lines.slice(from)).toEqual([
      "Match User *,!app,!de.p-loy",
      "AuthorizedKeysFile /run/withssh/keys/%u",
      "TrustedUserCAKeys /run/withssh/ca.none",
      "Match User root",
      "Banner /b",
      "Match all",
    ]);
  });

  test.each(["*", "a?b", "!app", "a,b", "a b", ""])("a login user called %j is taken for no pattern", (user) => {
    expect(render({ homeKeys: true, sessions: [{ user, variables: [] }] }).lines).toContain("Match User *");
  });

  test("is not spoken of where nothing global lets anybody in", () => {
    expect(render({ sessions }).text).not.toContain("Match");
  });
});

describe("must-haves", () => {
  test("addresses, every host key and certificate are named", () => {
    const { lines } = render({
      listen: ["127.0.0.1", "::1"],
      hostKeys: ["/k/a", "/k/b"],
      hostCertificates: ["/k/a-cert.pub"],
    });
    for (const line of ["ListenAddress 127.0.0.1", "ListenAddress ::1", "HostKey /k/a", "HostKey /k/b"])
      at(lines, line);
    at(lines, "HostCertificate /k/a-cert.pub");
  });

  test("homes count only when asked for, and only ours expands %u", () => {
    at(render({ homeKeys: true }).lines, "AuthorizedKeysFile /run/withssh/keys/%u %h/.ssh/authorized_keys");
    at(render({ keysDirectory: "/home/a %u/keys" }).lines, 'AuthorizedKeysFile "/home/a %%u/keys/%u"');
  });

  test("a user CA is trusted only when given", () => {
    at(render().lines, "TrustedUserCAKeys none");
    at(render({ trustedUserCaFile: "/run/withssh/ca" }).lines, "TrustedUserCAKeys /run/withssh/ca");
  });

  test("rootless drops PAM, root keeps the image's", () => {
    const image = { global: [lineOf("UsePAM yes")], blocks: [] };
    at(render({ image }).lines, "UsePAM yes");
    expect(render({ image, rootless: true }).text).not.toMatch(/UsePAM/);
  });

  test("modes are strict, or ours alone to check", () => {
    at(render().lines, "StrictModes yes");
    at(render({ strictModes: false }).lines, "StrictModes no");
  });

  test("forwarding is silent without the setting; no says every kind, for the releases where one switch was not enough", () => {
    expect(render().text).not.toMatch(/AllowTcpForwarding|DisableForwarding/);
    at(render({ forwarding: "local" }).lines, "AllowTcpForwarding local");
    at(render({ forwarding: "yes" }).lines, "DisableForwarding no");
    const { lines } = render({ forwarding: "no" });
    for (const kind of ["AllowTcp", "AllowStreamLocal", "AllowAgent", "X11"]) at(lines, `${kind}Forwarding no`);
    at(lines, "PermitTunnel no");
  });

  test("a path with a newline is refused, never written", () => {
    expect(() => render({ hostKeys: ["/a\nPermitRootLogin yes"] })).toThrow(StageError);
  });
});

describe("releases differ", () => {
  test("8.4 gets its own names and a second switch against passwords", () => {
    const { lines, text } = render({ version: { major: 8, minor: 4 } });
    at(lines, "ChallengeResponseAuthentication no");
    expect(text).toMatch(/^PubkeyAcceptedKeyTypes -/m);
    expect(text).not.toMatch(/PerSourcePenalties|PubkeyAcceptedAlgorithms/);
  });

  test("penalties are off from 9.8, unless the image speaks of them", () => {
    const version = { major: 9, minor: 8 };
    at(render({ version }).lines, "PerSourcePenalties no");
    const image = { global: [lineOf("PerSourcePenalties crash:90")], blocks: [] };
    expect(render({ version, image }).lines).not.toContain("PerSourcePenalties no");
  });
});

describe("sftp", () => {
  test("the found server is named, and nothing is added to an image's or an operator's own", () => {
    at(render({ sftpServer: "/usr/lib/sftp-server" }).lines, "Subsystem sftp /usr/lib/sftp-server");
    const own = [lineOf("Subsystem sftp /x")];
    expect(render({ image: { global: own, blocks: [] } }).text.match(/^Subsystem/gm)).toHaveLength(1);
    expect(render({ operatorFile: "/o", operatorLines: own }).text).not.toMatch(/^Subsystem/m);
  });
});

describe("one SetEnv line", () => {
  const sessions = [{ user: "app", variables: variables(["A", 'x "y" \\'], ["E", ""]) }];

  test("carries all values quoted, and what the image and the operator set beside them", () => {
    const { text, leftOutEnv } = render({
      sessions,
      operatorFile: "/o",
      operatorLines: [lineOf("SetEnv A=op O=1")],
      image: { global: [lineOf('SetEnv E=image I="a b"'), lineOf("SetEnv LATE=1", 2)], blocks: [] },
    });
    expect(text.match(/^SetEnv.*$/gm)).toEqual(['SetEnv "A=op" "O=1" "E=" "I=a b"']);
    expect(leftOutEnv).toEqual([]);
  });

  test("is not there when there is nothing to say", () => {
    expect(render().text).not.toMatch(/SetEnv/);
  });

  test("what this sshd cannot express is left out by name", () => {
    const { text, leftOutEnv } = render({ sessions, version: { major: 8, minor: 4 } });
    expect(text).toMatch(/^SetEnv "E="$/m);
    expect(leftOutEnv).toEqual(["A"]);
  });

  test("an image's conditional SetEnv does not take the container's variables away", () => {
    const bob = scope("User bob");
    const blocks = [{ scope: bob, lines: [lineOf("SetEnv M=1", 10, bob)] }];
    const { lines } = render({ sessions, image: { global: [], blocks } });
    expect(lines[at(lines, "Match User bob") + 1]).toBe(String.raw`SetEnv "A=x \"y\" \\" "E=" "M=1"`);
  });

  test("users who differ get their own, so that nobody gets another's secrets", () => {
    const { lines, text } = render({
      sessions: [
        { user: "app", variables: variables(["SECRET", "s"]) },
        { user: "bob", variables: variables(["PATH", "/b"]) },
        { user: "*", variables: variables(["SECRET", "s"]) },
      ],
    });
    expect(lines[at(lines, "Match User app") + 1]).toBe('SetEnv "SECRET=s"');
    expect(lines[at(lines, "Match User bob") + 1]).toBe('SetEnv "PATH=/b"');
    expect(text.split("Match")[0]).not.toMatch(/SetEnv/);
    expect(text).not.toMatch(/Match User \*/);
  });

  test("before 8.7, which forgot conditional ones, users who differ get what all of them may have", () => {
    const { text, leftOutEnv } = render({
      version: { major: 8, minor: 4 },
      sessions: [
        { user: "app", variables: variables(["SECRET", "s"], ["PATH", "/b"]) },
        { user: "bob", variables: variables(["PATH", "/b"]) },
      ],
    });
    expect(text.match(/^(?:SetEnv|Match).*$/gm)).toEqual(['SetEnv "PATH=/b"']);
    expect(leftOutEnv).toEqual(["SECRET"]);
  });
});

test("MaxStartups, whose last value counts, is said once: the operator's, else the image's, else ours", () => {
  const said = (input: Partial<SshdConfigInput>) => render(input).text.match(/^MaxStartups.*/gm);
  const image = { global: [lineOf("MaxStartups 10")], blocks: [] };
  expect(said({})).toEqual(["MaxStartups 50:30:200"]);
  expect(said({ image })).toEqual(["MaxStartups 10"]);
  expect(said({ image, operatorFile: "/o", operatorLines: [lineOf("MaxStartups 20")] })).toBe(null);
});
