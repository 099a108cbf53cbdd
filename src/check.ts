/**
 * `--check`, the doctor: says what would start and what would not, and changes nothing. Its parts are those of a start, on
 * a host that writes to memory; nothing here decides again what a start decides.
 */
import { cString } from "./byte-strings.ts";
import { dryRun } from "./check-boot.ts";
import { findBakedKeys } from "./check-image.ts";
import { type CheckLine, line, renderCheck } from "./check-lines.ts";
import { checkMode } from "./check-mode.ts";
import { type Config, parseConfig } from "./config.ts";
import { writeAll } from "./descriptors.ts";
import { createNativeDryHost } from "./dry-native.ts";
import { errnoName } from "./errno.ts";
import { EXIT, type Problem, SettingsError } from "./errors.ts";
import type { Host } from "./host.ts";
import { AT_FDCWD, c, errno, O } from "./libc.ts";
import { readListeners } from "./listeners.ts";
import { parsePasswd } from "./passwd.ts";
import { findPortHolder } from "./port-holder.ts";
import type { Mode } from "./privilege.ts";
import { envMap, readGroups } from "./process-facts.ts";
import { Children } from "./processes.ts";
import type { Request } from "./request.ts";
import { settings } from "./settings.ts";
import { askStatus } from "./status-ask.ts";
import type { StatusDocument } from "./status-document.ts";
import { describeSudo, inspectSudo } from "./sudo-check.ts";
import { readImageSettings, vetEnvironment } from "./sudo-settings.ts";

const STDOUT = 1;

/** Exit 0: all would start; 1: SSH would be down; 2: settings that cannot be used. */
export async function check(environment: readonly string[], { build }: { build: boolean }): Promise<number> {
  const lines: CheckLine[] = [];
  let code: number = EXIT.settings;
  try {
    const { config, warnings } = parseConfig(envMap(environment));
    lines.push(line("ok", "settings", "all of them can be used"));
    for (const problem of warnings) lines.push(line("warn", "settings", problem));
    lines.push(...(await checkStart(config, environment, build)));
    code = lines.some(({ verdict }) => verdict === "fail") ? EXIT.stage : EXIT.ok;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) lines.push(line("fail", "settings", problem));
  }
  writeAll(STDOUT, Buffer.from(renderCheck(lines), "utf8"), "print");
  return code;
}

async function checkStart(config: Config, environment: readonly string[], build: boolean): Promise<CheckLine[]> {
  if (!config.enabled) return [line("note", "ssh", "switched off: the app runs alone")];
  const children = new Children();
  const looking = createNativeDryHost(children, () => {}, { asRoot: false });
  const answer = build ? undefined : askStatus(envMap(environment));
  const running = answer !== undefined && "document" in answer ? answer.document : undefined;
  const { mode, uid, gid, lines: modeLines } = await checkMode(looking, config, running);
  const lines = [...modeLines];
  if (running !== undefined) lines.unshift(line("note", "ssh", `${running.ssh} here now; this is about another start`));
  if (mode === undefined) return lines;
  const vetted = mode === "sudo" ? vet(looking, environment, uid) : { environment, refused: [] };
  for (const problem of vetted.refused) lines.push(line("fail", "settings", problem));
  const asRoot = mode === "sudo" && c.geteuid() !== 0;
  lines.push(...(await dryRun(children, requestOf(mode, uid, gid, vetted.environment), { asRoot, build })));
  if (build) lines.push(...findBakedKeys(looking), ...(await checkSudoRules(looking)));
  else lines.push(...checkPort(config, running));
  return lines;
}

const requestOf = (mode: Mode, appUid: number, appGid: number, environment: readonly string[]): Request => ({
  mode,
  appPid: 1,
  appUid,
  appGid,
  appGroups: appUid === c.geteuid() ? readGroups() : [],
  hasCommand: true,
  wantsReply: false,
  environment,
  imageSettings: [],
});

/** What of the settings counts in sudo mode; where root keeps what is judged by root's side alone. */
function vet(host: Host, environment: readonly string[], uid: number) {
  const image = readImageSettings(host);
  if ("problem" in image) return { environment, refused: [image.problem] };
  const names = readAccounts(host).flatMap((entry) => (entry.uid === uid ? [entry.name] : []));
  return vetEnvironment(environment, image, { uid, names, cannotRead: tryToRead, cannotHold: () => undefined });
}

function tryToRead(path: string): string | undefined {
  const fd = c.openat(AT_FDCWD, cString(path), O.rdonly | O.nonblock | O.cloexec, 0);
  if (fd < 0) return errnoName(errno());
  c.close(fd);
  return undefined;
}

/** As root in a RUN line: what the app's user-to-be would be given. */
async function checkSudoRules(host: Host): Promise<CheckLine[]> {
  if (c.geteuid() !== 0) return [];
  const lines: CheckLine[] = [];
  for (const { name } of readAccounts(host).filter(({ uid }) => uid >= FIRST_PERSON && uid < NOBODY)) {
    const found = await inspectSudo(host, name);
    if (!("listing" in found) || found.listing.kind === "nothing") continue;
    const { problem } = describeSudo(found.listing);
    const verdict = found.listing.kind === "scoped" ? "ok" : "warn";
    lines.push(line(verdict, "image", { ...problem, what: `${name}: ${problem.what}` } satisfies Problem));
  }
  return lines;
}

/** login.defs(5), UID_MIN; and Debian's and Alpine's nobody. */
const FIRST_PERSON = 1000;
const NOBODY = 65_534;

function readAccounts(host: Host) {
  const etc = host.openDir("look at accounts", "/etc");
  try {
    return parsePasswd(Buffer.from(etc.read("look at accounts", "passwd", 1 << 22).bytes).toString("latin1"));
  } finally {
    etc.close();
  }
}

function checkPort({ port }: Config, running: StatusDocument | undefined): CheckLine[] {
  const listeners = readListeners(port) ?? [];
  const isOurs = running?.port === port && running.sshd.pid !== null;
  if (listeners.length === 0 || isOurs) return [line("ok", "port", `${port} is ${isOurs ? "our sshd's" : "free"}`)];
  const hint = `end it, or set ${settings.port.name}`;
  return [line("fail", "port", { what: `port ${port} is taken`, saw: findPortHolder(port) ?? "somebody", hint })];
}
