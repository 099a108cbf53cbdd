/**
 * Why sudo gave nothing: it ended without a word of our root side. Each reason is told by its own name, and only what sudo
 * itself says decides: with a rule that could run us without a password, rights may be left.
 */
import { cString } from "./byte-strings.ts";
import type { Problem } from "./errors.ts";
import { AT_FDCWD, c } from "./libc.ts";
import { PASSWD, STATE_DIRECTORY, TAKEN_NAME } from "./paths.ts";
import { type Ending, isExecutablePath } from "./processes.ts";
import { SUDO_ROLE } from "./roles.ts";
import { askSudo, hearSudo, notProved } from "./sudo-ask.ts";
import { describeListing, isPasswordWanted, judgeListing, type Listing, renderScopedRule } from "./sudo-listing.ts";

/** sudoers(5), requiretty: sudo's words, whatever it is called for. */
const WANTS_TERMINAL = /^sudo: sorry, you must have a tty to run sudo$/;

export interface Silence {
  /** Paths of sudo and of ourselves. */
  readonly sudo: string;
  readonly executable: string;
  /** How sudo ended. */
  readonly ending: Ending;
  /** What `sudo -n -l` said of us. */
  readonly listing: Listing;
  /** Of performance.now(). */
  readonly deadline: number;
}

/** The reason, for which the app may run. Throws `StageError` where rights may be left. */
export function explainSilence({ sudo, executable, ending, listing, deadline }: Silence): Problem {
  const rule = `write to /etc/sudoers.d/withssh: app ALL=${renderScopedRule(executable)}`;
  assertNoTerminalIsWanted(listing);
  if (ending.code !== 1) throw notProved("sudo ended without an answer", describeEnding(ending));
  switch (listing.kind) {
    case "nothing":
      return noRule(rule);
    case "password": {
      // Where even a list takes a password (sudoers(5), listpw) a rule without one may stand beside: only a call tells.
      const again = hearSudo(askSudo([sudo, "-n", executable, SUDO_ROLE]), deadline);
      if (!isPasswordWanted(again)) break;
      // As oneself sudo wants no password, and then says whether there is any rule at all. Nothing is run.
      const asSelf = [sudo, "-n", "-l", "-u", `#${c.geteuid()}`, executable, SUDO_ROLE];
      const { stdout, stderr } = hearSudo(askSudo(asSelf), deadline);
      if (judgeListing(stdout, stderr, executable).kind === "nothing") return noRule(rule);
      assertPasswordIsNotEmpty(sudo, deadline);
      return { what: "sudo wants a password of this user", saw: "a rule without NOPASSWD", hint: rule };
    }
    case "stranger":
      return {
        what: `sudo does not know uid ${c.geteuid()}`,
        hint: `give it a line in /etc/passwd: RUN useradd --uid ${c.geteuid()} app (Alpine: adduser -D -u ${c.geteuid()} app)`,
      };
    case "other":
      if (listing.coversUs) break;
      assertPasswordIsNotEmpty(sudo, deadline);
      if (listing.wantsPassword) {
        const what = "the sudo rule that names withssh wants a password";
        return { what, saw: listing.rules.join("; "), hint: rule };
      }
      return { what: "no sudo rule names withssh for this user", saw: listing.rules.join("; "), hint: rule };
    default:
  }
  throw notProved("sudo may run withssh, and it did not answer", describeListing(listing));
}

/**
 * Throws `StageError` where sudo tells nothing without a terminal: we ask in a session of its own, which has none. The app easily
 * makes itself one (pty(7)), so that this keeps no right from it.
 */
export function assertNoTerminalIsWanted(listing: Listing): void {
  if (listing.kind !== "unclear" || !WANTS_TERMINAL.test(listing.saw)) return;
  const hint = "write to /etc/sudoers.d/withssh: Defaults:app !requiretty";
  throw notProved("sudo wants a terminal of its caller", listing.saw, hint);
}

/** Throws `StageError` where the password that sudo wants is none: rules that want it are as good as those that want none. */
function assertPasswordIsNotEmpty(sudo: string, deadline: number): void {
  const ask = (argv: readonly string[], stdin?: string) => hearSudo(askSudo(argv, stdin), deadline);
  // Every rule may be used without one (sudoers(5), verifypw). What was asked before does not count (sudo(8), -k).
  if (ask([sudo, "-n", "-k", "-v"]).ending.code === 0) return;
  if (isExecutablePath(PASSWD)) {
    // passwd(1): anybody may ask it of himself. Without PAM's delay, and without a word in the system's log.
    const { ending, stdout } = ask([PASSWD, "-S"]);
    const state = stdout.split(" ")[1];
    if (ending.code === 0 && state === "NP") throw emptyPassword(stdout.trim());
    if (ending.code === 0 && state !== undefined) return;
  }
  if (ask([sudo, "-S", "-k", "-p", "", "-v"], "\n").ending.code === 0)
    throw emptyPassword("it takes an empty line for one");
}

const emptyPassword = (saw: string) =>
  notProved("the password that sudo wants of this user is empty", saw, "lock it in the image: RUN passwd -l app");

function noRule(rule: string): Problem {
  if (c.faccessat(AT_FDCWD, cString(`${STATE_DIRECTORY}/${TAKEN_NAME}`), 0) !== 0) {
    return { what: "no sudo rule names this user", hint: rule };
  }
  const what = "an earlier start of this container took the broad sudo rule away: a broad rule serves one start";
  return { what, hint: `${rule} — it serves every start` };
}

export const describeEnding = ({ code, signal }: Ending): string =>
  signal === undefined ? `exit status ${code}` : `signal ${signal}`;
