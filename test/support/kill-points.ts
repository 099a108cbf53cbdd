/**
 * First starts that are killed at one call each, in a container whose PID 1 is somebody else (test/fixtures/kill-at.c).
 * Each start has a volume of its own; after the kill comes a start that is left alone, in the same container or a new one.
 */

import type { ReadyLine } from "../../scripts/container-log.ts";
import { fingerprintOf } from "../../src/fingerprint.ts";
import { parseKeyLine } from "../../src/key-line.ts";
import { parsePrivateKey } from "../../src/private-key.ts";
import { startContainer } from "./boot.ts";
import type { Container } from "./container.ts";
import { APP, ourLines } from "./inside.ts";
import { compile } from "./probe.ts";
import type { Base } from "./test-images.ts";

/** What a start said, how it ended (0 as wanted, 3 the call never came), and the volume's files after it. */
export interface Start {
  readonly said: string;
  readonly code: number;
  readonly files: Readonly<Record<string, string>>;
}

export interface KillPoint {
  readonly name: string;
  readonly killed: Start;
  readonly next: Start;
}

const COMMAND = "/usr/local/bin/withssh sleep 1000";
/** Everything that a start may change; /dev, /proc and pipes are no places. */
const PLACES = "/volume /run /etc";
const LAST_WORDS = "host key made and in use";

const SCRIPT = `
show() { for f in /volume/.ssh/ssh_host_*; do [ -f "$f" ] && echo "--- file \${f##*/} $(base64 <"$f" | tr -d '\\n')"; done; }
start() { "$@" -- ${COMMAND} 2>&1 >/dev/null; echo "--- ended $?"; show; }
fresh() { rm -rf /etc/ssh /run/withssh && cp -a /etc/ssh.before /etc/ssh; }
[ -e /etc/ssh.before ] || cp -a /etc/ssh /etc/ssh.before
for point; do
  for when in entry exit; do
    rm -rf /volume/.ssh; fresh
    echo "=== $point $when"
    start /kill-at trace $point $when '${LAST_WORDS}' ${PLACES}
    # A new container on the same volume has nothing else; the same one, started again, has all that was left.
    [ $when = entry ] || fresh
    echo "=== next"
    start /kill-at run 2222 '"msg":"ssh ready"'
  done
done`;

/** A container for such starts. */
export async function startKillable(base: Base, env: Readonly<Record<string, string>>): Promise<Container> {
  const killer = await compile("kill-at.c", "kill-at", ["-static"]);
  return await startContainer({
    base,
    env,
    entrypoint: APP,
    cmd: [],
    binds: [`${killer}:/kill-at:ro`],
    host: { Tmpfs: { "/volume": "mode=755" } },
  });
}

/** What sshd itself writes once it listens again, before or after our last words, as it happens: no start waits for it. */
const BY_CHANCE = "write /run/withssh/private/sshd.pid";

/** The calls of a clean first start that change something, in order: `link /volume/.ssh/…`. */
export async function listCalls(container: Container): Promise<string[]> {
  const script = `/kill-at trace 0 entry '${LAST_WORDS}' ${PLACES} -- ${COMMAND}`;
  const { code, stdout, stderr } = await container.exec(["sh", "-c", script]);
  if (code !== 3) throw new Error(`the traced start ended with ${code} — saw ${stderr}`);
  const calls = stdout.trim().split("\n");
  return calls.at(-1) === BY_CHANCE ? calls.slice(0, -1) : calls;
}

/** Kills a start at each of these calls, counted from 1, at its entry and at its exit. */
export async function killAtEach(container: Container, points: readonly number[]): Promise<KillPoint[]> {
  const found: KillPoint[] = [];
  // One at a time: a program run inside has a deadline of its own.
  for (const point of points) {
    const { stdout, stderr } = await container.exec(["sh", "-c", SCRIPT, "sh", String(point)]);
    const starts = stdout.split(/^=== /m).slice(1).map(parseStart);
    const [entry, afterEntry, exit, afterExit] = starts;
    if (entry === undefined || afterEntry === undefined || exit === undefined || afterExit === undefined) {
      throw new Error(`not every start at call ${point} was made — saw ${stderr}`);
    }
    found.push(
      { name: entry.name, killed: entry, next: afterEntry },
      { name: exit.name, killed: exit, next: afterExit },
    );
  }
  return found;
}

function parseStart(text: string): Start & { readonly name: string } {
  const [name = "", ...lines] = text.split("\n");
  const files = lines.flatMap((line) => {
    const [, file, base64] = /^--- file (\S+) (\S*)$/.exec(line) ?? [];
    return file === undefined ? [] : [[file, Buffer.from(base64 ?? "", "base64").toString("latin1")] as const];
  });
  const code = Number(/^--- ended (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  return {
    name,
    code,
    said: lines.filter((line) => line.startsWith("{")).join("\n"),
    files: Object.fromEntries(files),
  };
}

/** Fingerprints that somebody could have seen: told in the log, or whole on the volume under a host key's own name or its .pub. */
export function seenIdentity({ said, files }: Start): string[] {
  const told = ourLines(said).flatMap((line) => {
    if (line.msg === "ssh ready") return (line as ReadyLine).host_keys.map(({ fingerprint }) => fingerprint);
    return line.msg === LAST_WORDS ? [(line["host_key"] as { fingerprint: string }).fingerprint] : [];
  });
  return [...new Set([...told, ...Object.entries(files).flatMap(([name, text]) => fingerprintIn(name, text) ?? [])])];
}

/** The files that show a key: none may be another later. */
export function keyFilesOf({ files }: Start): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([name, text]) => fingerprintIn(name, text) !== undefined));
}

function fingerprintIn(name: string, text: string): string | undefined {
  const key = name.endsWith(".pub") ? parseKeyLine(text.trim()) : parsePrivateKey(Buffer.from(text, "latin1"));
  if ("fingerprint" in key) return key.fingerprint;
  return "publicBlob" in key ? fingerprintOf(key.publicBlob) : undefined;
}
