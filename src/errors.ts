/**
 * Every way withssh can refuse, with its exit code. A message says what was wrong, what we saw, and a hint;
 * it never holds a secret or the text of a key line. Callers branch on types and codes, never on message text.
 */

/** Exit codes of the contract (README, "Exit codes"). */
export const EXIT = { ok: 0, stage: 1, settings: 2, bug: 70, notRunnable: 126, notFound: 127 } as const;

/** One thing that is wrong: `what`, what we `saw` (never a secret), and what to do. */
export interface Problem {
  readonly what: string;
  readonly saw?: string;
  readonly hint?: string;
}

/** One line for people: what was wrong — what we saw — hint. */
export function renderProblem(problem: Problem): string {
  const saw = problem.saw === undefined ? "" : ` — saw ${problem.saw}`;
  const hint = problem.hint === undefined ? "" : ` — hint: ${problem.hint}`;
  return `${problem.what}${saw}${hint}`;
}

/** Settings that cannot be used: all of them at once. Exit 2. */
export class SettingsError extends Error {
  readonly exitCode = EXIT.settings;
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(renderProblem).join("\n"));
    this.name = "SettingsError";
  }
}

/** A named stage that could not do its work. Exit 1 where SSH or rights are required. */
export class StageError extends Error {
  readonly exitCode = EXIT.stage;
  constructor(
    readonly stage: string,
    readonly problem: Problem,
    options?: { cause?: unknown },
  ) {
    super(renderProblem(problem), options);
    this.name = "StageError";
  }
}

/** The app could not be found (127) or not be run (126), as shells and execvp(3) say it. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: typeof EXIT.notFound | typeof EXIT.notRunnable,
    readonly problem: Problem,
  ) {
    super(renderProblem(problem));
    this.name = "CommandError";
  }
}

/** A system call that failed: its errno name, its own name, our word for what it was for, and the path. */
export class OsError extends Error {
  constructor(
    readonly code: string,
    readonly syscall: string,
    readonly operation: string,
    readonly path?: string,
  ) {
    super(`${operation}: ${syscall}${path === undefined ? "" : ` ${path}`}: ${code}`);
    this.name = "OsError";
  }
}

/** True when `error` is a failed system call with one of these errno names. */
export function isOsError(error: unknown, ...codes: readonly string[]): error is OsError {
  return error instanceof OsError && (codes.length === 0 || codes.includes(error.code));
}

/** What an error means to whoever started us: its exit code; anything unknown is a bug of ours. */
export function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === "number" ? code : EXIT.bug;
}
