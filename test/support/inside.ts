/**
 * What tests ask of a running container from within: its processes, its sockets, its log as objects. Waiting is asking
 * again until it is so, with a deadline that tells what was seen last; nothing sleeps.
 */
import { type LogLine, parseLogLine } from "../../scripts/container-log.ts";
import { type Container, DEADLINE_MS } from "./container.ts";

/** For an app that ends at once when it is asked to, as PID 1 too (which TERM does not end unless it is handled). */
export const APP = ["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 1000 & wait $!; done"] as const;

/**
 * An ENTRYPOINT for tests that log in: host keys of every type are there, as on any later start. On a first start rsa joins
 * by a SIGHUP, and for some milliseconds sshd refuses connects then.
 */
export const WITH_HOST_KEYS = [
  "sh",
  "-c",
  'make() { f="/volume/.ssh/ssh_host_$1_key"; [ -e "$f" ] || ssh-keygen -q -N "" -f "$f" -t "$@"; }; mkdir -p /volume/.ssh && make ed25519 && make ecdsa && make rsa -b 2048 && exec withssh "$@"',
  "sh",
] as const;

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The PID of its session's leader. */
  readonly session: number;
  /** As proc(5) has it: `Z` is a zombie. */
  readonly state: string;
  /** Arguments with blanks between; a zombie has none. */
  readonly command: string;
}

const LIST = `for d in /proc/[0-9]*; do { read -r s < $d/stat && printf '%s\\t' "$s" && tr '\\0' ' ' < $d/cmdline && echo; } 2>/dev/null; done`;

/** All processes of the container but those that look. */
export async function listProcesses(container: Container): Promise<Process[]> {
  const { stdout } = await container.exec(["sh", "-c", LIST]);
  const all = stdout.split("\n").flatMap((line) => {
    const [, pid, state = "", parent, session, command = ""] =
      /^(\d+) \(.*\) (\S) (\d+) \d+ (\d+)[^\t]*\t(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session), state, command: command.trim() }];
  });
  const looking = new Set(all.filter(({ command }) => command.includes("/proc/[0-9]*")).map(({ pid }) => pid));
  return all.filter(({ pid, parent }) => !looking.has(pid) && !looking.has(parent));
}

/** Asks for the processes until they are as wanted, and gives them. Rejects at the deadline with those seen last. */
export async function waitForProcesses(
  container: Container,
  isIt: (processes: readonly Process[]) => boolean,
  deadlineMs = DEADLINE_MS,
): Promise<readonly Process[]> {
  const began = performance.now();
  for (;;) {
    const processes = await listProcesses(container);
    if (isIt(processes)) return processes;
    if (performance.now() - began < deadlineMs) continue;
    const seen = processes.map(({ pid, state, command }) => `${pid} ${state} ${command}`).join("\n");
    throw new Error(`the processes were not as wanted within ${deadlineMs} ms — saw:\n${seen}`);
  }
}

/** True for the supervisor of a container, false for all else: a child of it that executes sshd shows its words until then. */
export const isSupervisor = ({ command, pid, session }: Process): boolean =>
  command.startsWith("withssh ") && session === pid;

/** True for sshd as it listens, not for its sessions. */
export const isListener = ({ command }: Process): boolean =>
  /^sshd: .*\[listener\]|^\/usr\/sbin\/sshd -D/.test(command);

/** The one process that the function finds: waited for, since a fork shows what it comes from for some milliseconds. */
export async function findProcess(container: Container, isIt: (one: Process) => boolean): Promise<Process> {
  const all = await waitForProcesses(container, (processes) => processes.filter(isIt).length === 1);
  return all.find(isIt) as Process;
}

/** Lines of our log in this stderr, in order; what else was said there is left out. */
export function ourLines(stderr: string): LogLine[] {
  return stderr.split("\n").flatMap((line) => parseLogLine(line) ?? []);
}

/** What our log says at `error`. */
export async function errorsOf(container: Container): Promise<LogLine[]> {
  return ourLines((await container.logs()).stderr).filter(({ level }) => level === "error");
}

/** Writes files into a running container, as root, with their parents: whoever watches sees the old or the new, never half. */
export async function writeFiles(container: Container, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const script = 'd=$(dirname "$1"); t="$d/.${1##*/}.new"; mkdir -p "$d" && cat > "$t" && mv -f "$t" "$1"';
    const argv = ["sh", "-c", script, "sh", path];
    const { code, stderr } = await container.exec(argv, { stdin: text });
    if (code !== 0) throw new Error(`${path} could not be written — saw ${stderr}`);
  }
}

/** The text of a file inside. */
export async function readInside(container: Container, path: string): Promise<string> {
  const { code, stdout, stderr } = await container.exec(["cat", path]);
  if (code !== 0) throw new Error(`${path} could not be read — saw ${stderr}`);
  return stdout;
}
