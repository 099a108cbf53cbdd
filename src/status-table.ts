/**
 * The status document as a table for people. Pure. Whatever text it holds, it moves no cursor: an unprivileged supervisor,
 * or who plays one, could put anything there.
 */
import type { StatusDocument } from "./status-document.ts";

/** `uid`: who answered, as the kernel says. */
export function renderStatusTable(document: StatusDocument, uid: number): string {
  const { sshd, supervisor } = document;
  const addresses = document.listen.length === 0 ? "all addresses" : document.listen.join(", ");
  const facts: [string, string][] = [
    ["ssh", document.problem === null ? document.ssh : `${document.ssh}: ${document.problem}`],
    ["mode", uid === 0 ? document.mode : `${document.mode}; uid ${uid} answers, and could say anything`],
    ["port", `${document.port} on ${addresses}`],
    ["clients dial", renderAddress(document.public_address)],
    ["users", document.users.join(", ") || "none"],
    [
      "sshd",
      sshd.pid === null ? "does not run" : `pid ${sshd.pid}, OpenSSH ${sshd.version ?? "?"}, ${age(sshd.uptime_s)}`,
    ],
    ["restarts", String(sshd.restarts)],
    ["supervisor", `pid ${supervisor.pid}, withssh ${document.version}, ${age(supervisor.uptime_s)}`],
    ["identity", renderIdentity(document)],
  ];
  const keys = document.keys.map(({ type, fingerprint, comment, options, sources }) => {
    return [type, fingerprint, `${options ? "(with options) " : ""}${comment}`, sources.join(", ")];
  });
  const sessions = document.sessions.map(({ user, since, address, port, key, source }) => {
    const from = address === null ? "(of another user)" : `${address} port ${port}`;
    return [user, from, `since ${since}`, key ?? "", source ?? ""];
  });
  const problems = document.problems.map(({ time, level, text, count }) => {
    return [time, level, count === 1 ? text : `${text} (${count} times)`];
  });
  return [
    ...alignColumns(facts, ""),
    ...section(
      "host keys",
      document.host_keys.map(({ type, fingerprint }) => [type, fingerprint]),
    ),
    ...section(`authorized keys: ${keys.length}`, keys),
    ...section(`sessions: ${sessions.length}`, sessions),
    ...section("last problems", problems),
    "",
  ].join("\n");
}

function section(title: string, rows: readonly string[][]): string[] {
  return ["", title, ...(rows.length === 0 ? ["  none"] : alignColumns(rows, "  "))];
}

/** Columns as wide as their widest, two blanks between, nothing behind the last. */
function alignColumns(rows: readonly (readonly string[])[], indent: string): string[] {
  const plain = rows.map((row) => row.map(printable));
  const widths = (plain[0] ?? []).map((_, at) => Math.max(...plain.map((row) => (row[at] ?? "").length)));
  return plain.map((row) => `${indent}${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}`.trimEnd());
}

function renderAddress(address: StatusDocument["public_address"]): string {
  if (address === null) return "unknown (WITHSSH_PUBLIC_ADDRESS)";
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function renderIdentity({ host_keys_last: last, app_writable: writable }: StatusDocument): string {
  if (last === null) return "none is served";
  return writable === null ? `lasts ${last}` : `lasts ${last}; app-writable: the app could plant one at ${writable}`;
}

/** "up 3 min": the largest unit that there is one of. */
function age(seconds: number | null): string {
  const s = seconds ?? 0;
  if (s < 120) return `up ${s} s`;
  if (s < 7200) return `up ${Math.floor(s / 60)} min`;
  return s < 172_800 ? `up ${Math.floor(s / 3600)} h` : `up ${Math.floor(s / 86_400)} days`;
}

/** Control and format characters as \xNN or \u{NNNN}. */
function printable(text: string): string {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
