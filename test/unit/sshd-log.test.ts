import { describe, expect, test } from "vitest";
import { parseSshdRecord } from "../../src/sshd-log.ts";

/** Records as OpenSSH 9.2 and 10.0 wrote them, fingerprints shortened to what is alike. */
const KEY = "SHA256:8TjfaTxl+W1N4Jlx+JpdVrKGjQDMKs6iYWPaMO46aAo";
const CERT = `ED25519-CERT ${KEY} ID my id (serial 9) (serial 0) CA ED25519 SHA256:qgxvDjBomMUiEU7DJ72FH1VQGpS5XuM61Mgi+lwu34I`;
const here = { address: "127.0.0.1", port: 46810 };
const FROM = "127.0.0.1 port 46810";

const parse = (record: string) => parseSshdRecord(`${record}\r\n`);

describe("what sshd says becomes events", () => {
  test("an accepted key, with its fingerprint; a certificate counts by its key; IPv6 with a zone too", () => {
    const accepted = { type: "accepted", user: "root", ...here, key: KEY };
    expect(parse(`Accepted publickey for root from ${FROM} ssh2: ED25519 ${KEY}`)).toEqual(accepted);
    expect(parse(`Accepted publickey for root from ${FROM} ssh2: ${CERT}`)).toEqual({
      ...accepted,
      authority: "SHA256:qgxvDjBomMUiEU7DJ72FH1VQGpS5XuM61Mgi+lwu34I",
    });
    expect(parse(`Accepted publickey for root from fe80::1%eth0 port 5 ssh2: RSA ${KEY}`)).toMatchObject({
      type: "accepted",
      address: "fe80::1%eth0",
      port: 5,
    });
  });

  test.each([
    [`Connection closed by authenticating user root ${FROM} [preauth]`, "no key that is allowed"],
    [`Connection reset by authenticating user root ${FROM} [preauth]`, "no key that is allowed"],
    [`Disconnected from authenticating user root ${FROM} [preauth]`, "no key that is allowed"],
    [`Connection closed by invalid user root ${FROM} [preauth]`, "no such user, or none that may log in"],
    [
      `Disconnecting authenticating user root ${FROM}: Too many authentication failures [preauth]`,
      "too many keys, none of them allowed",
    ],
    [
      `Disconnecting invalid user root ${FROM}: Too many authentication failures [preauth]`,
      "no such user, or none that may log in",
    ],
  ])("a refusal: %s", (record, why) => {
    expect(parse(record)).toEqual({ type: "refused", user: "root", ...here, why, offered: [] });
  });

  test("a try is a sign for whoever joins the records of a connection", () => {
    const tried = { type: "tried", user: "root", ...here };
    expect(parse(`Failed publickey for root from ${FROM} ssh2: ED25519 ${KEY}`)).toEqual({ ...tried, key: KEY });
    expect(parse(`Invalid user root from ${FROM}`)).toEqual(tried);
    expect(parse(`Timeout before authentication for ${FROM}`)).toEqual({ type: "closed", ...here });
  });

  test("the end of a session, in order or by silence", () => {
    const disconnected = { type: "disconnected", user: "root", ...here };
    expect(parse(`Disconnected from user root ${FROM}`)).toEqual(disconnected);
    expect(parse(`Timeout, client not responding from user root ${FROM}`)).toEqual(disconnected);
  });

  test("listening, not listening and restarting are signs for the supervisor", () => {
    const text = "Bind to port 2222 on :: failed: Address already in use.";
    const unbound = { type: "unbound", address: "::", port: 2222, why: "Address already in use", text };
    expect(parse(text)).toEqual(unbound);
    expect(parse("Server listening on :: port 2222.")).toEqual({ type: "listening", address: "::", port: 2222 });
    expect(parse("Received SIGHUP; restarting.")).toEqual({ type: "restarting" });
  });

  test.each([
    ["error", "Cannot bind any address."],
    ["error", "/run/withssh/sshd_config: line 3: Bad configuration option: Foo"],
    ["error", "/run/withssh/sshd_config line 3: Directive 'Port' is not allowed within a Match block"],
    ["error", "/run/withssh/sshd_config: terminating, 1 bad configuration options"],
    ["error", "/run/withssh/sshd_config: No such file or directory"],
    ["error", "sshd: no hostkeys available -- exiting."],
    ["error", "Missing privilege separation directory: /run/sshd"],
    ["error", 'Unable to load host key "/etc/ssh/x": error in libcrypto'],
    ["error", "/run/sshd must be owned by root and not group or world-writable."],
    ["warn", "Authentication refused: bad ownership or modes for directory /run"],
    ["warn", "subsystem request for sftp by user root failed, subsystem not found"],
    ["warn", "beginning MaxStartups throttling"],
    ["warn", "exited MaxStartups throttling after 00:00:02, 5 connections dropped"],
    ["info", "User bin not allowed because account is locked"],
    ["info", "User app from 127.0.0.1 not allowed because not listed in AllowUsers"],
    ["info", `Unable to negotiate with ${FROM}: no matching key exchange method found. Their offer: x [preauth]`],
    ["debug", "/run/withssh/sshd_config line 3: Unsupported option UsePAM"],
    ["debug", "anything else"],
    ["debug", ""],
  ])("people see it at %s: %s", (level, text) => {
    expect(parse(text)).toEqual({ type: "sshd", level, text });
  });
});

describe("a bare TCP connect leaves nothing above debug", () => {
  test.each([
    [`Connection from ${FROM} on 127.0.0.1 port 2299 rdomain ""`],
    ["kex_exchange_identification: Connection closed by remote host"],
    ["kex_exchange_identification: read: Connection reset by peer"],
    [`banner exchange: Connection from ${FROM}: invalid format`],
    [`Connection closed by ${FROM}`],
    [`Connection reset by ${FROM}`],
    [`Connection closed by ${FROM} [preauth]`],
  ])("%s", (record) => {
    const log = parse(record);
    expect(log.type === "sshd" ? log.level : log.type).toMatch(/^(debug|closed)$/);
  });
});

describe("a stranger's login name forges nothing", () => {
  const forged = `x\r\nAccepted publickey for app from 6.6.6.6 port 77 ssh2: ED25519 ${KEY}`;

  test("lines inside a record are part of the name, and come out escaped on one line with the true address", () => {
    expect(parse(`Connection closed by invalid user ${forged} ${FROM} [preauth]`)).toEqual({
      type: "refused",
      user: `x\\x0d\\x0aAccepted publickey for app from 6.6.6.6 port 77 ssh2: ED25519 ${KEY}`,
      ...here,
      why: "no such user, or none that may log in",
      offered: [],
    });
    expect(parse(`Invalid user ${forged} from ${FROM}`)).toMatchObject({ type: "tried", ...here });
  });

  test.each([
    `Invalid user ${forged}`,
    `Invalid user ${forged}\r\nReceived SIGHUP; restarting.`,
    "Invalid user x\r\nServer listening on 0.0.0.0 port 22.",
    "Invalid user x\r\nCannot bind any address.",
    `Accepted publickey for x\r\nroot from ${FROM} ssh2: ED25519 ${KEY}`,
    `Accepted publickey for a b from ${FROM} ssh2: ED25519 ${KEY}`,
    `Accepted publickey for root from ${FROM} ssh2: ED25519 ${KEY}\r\nmore`,
    `Accepted publickey for root from ${FROM} ssh2: ED25519-CERT ${KEY} ID a\nb (serial 0) CA RSA ${KEY}`,
    `Connection closed by authenticating user a b ${FROM} [preauth]`,
    `Disconnected from user a\r\nb ${FROM}`,
  ])("%j is nothing but debug text on one line", (record) => {
    const log = parse(record);
    expect(log).toMatchObject({ type: "sshd", level: "debug" });
    expect(JSON.stringify(log)).not.toMatch(/\\[rn]/);
  });

  test("an address inside a name is not the address", () => {
    const record = `Connection closed by invalid user x from 6.6.6.6 port 77: y ${FROM} [preauth]`;
    expect(parse(record)).toMatchObject({ user: "x from 6.6.6.6 port 77: y", ...here });
  });

  test("no record makes it throw", () => {
    const records = [
      "",
      "\r\n",
      "\n\n",
      "\0",
      "\xff".repeat(2000),
      "Accepted publickey for ".repeat(400),
      "port ".repeat(999),
    ];
    for (const record of records) expect(parseSshdRecord(record).type).toBe("sshd");
  });
});
