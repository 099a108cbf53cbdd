/**
 * `--status` and `--healthcheck`: ask, print to stdout, give the exit code. Neither writes to the container's log.
 */
import { parseConfig } from "./config.ts";
import { writeAll } from "./descriptors.ts";
import { EXIT, SettingsError, StageError } from "./errors.ts";
import { type Health, judgeHealth, nobody, OFF } from "./health.ts";
import { askStatus } from "./status-ask.ts";
import { SCHEMA } from "./status-document.ts";
import { renderStatusTable } from "./status-table.ts";

declare const WITHSSH_VERSION: string;

type Environment = ReadonlyMap<string, string>;

const STDOUT = 1;

/** Throws `StageError` where nobody answers. Exit 0 also while SSH is down: what was asked for was told. */
export function printStatus(environment: Environment, { json }: { json: boolean }): number {
  const answer = askStatus(environment);
  if ("document" in answer) {
    // Who answers is the kernel's word, so it is said last and cannot be said by the other side.
    const whole = { ...answer.document, answered_by_uid: answer.uid };
    print(json ? `${JSON.stringify(whole, null, 2)}\n` : renderStatusTable(answer.document, answer.uid));
    return EXIT.ok;
  }
  if (!isSwitchedOff(environment)) throw new StageError("askStatus", answer.problem);
  print(
    json ? `${JSON.stringify({ schema: SCHEMA, version: WITHSSH_VERSION, ssh: "off" }, null, 2)}\n` : `${OFF.line}\n`,
  );
  return EXIT.ok;
}

/** One line, and exit 1 for what is broken. */
export function healthcheck(environment: Environment): number {
  const { isHealthy, line } = judge(environment);
  print(`${line.replace(/\p{Cc}/gu, "?")}\n`);
  return isHealthy ? EXIT.ok : EXIT.stage;
}

function judge(environment: Environment): Health {
  const answer = askStatus(environment);
  if ("document" in answer) return judgeHealth(answer.document);
  return isSwitchedOff(environment) ? OFF : nobody(answer.problem);
}

/** By this container's settings; with settings that cannot be used there is no start whose SSH could be off. */
function isSwitchedOff(environment: Environment): boolean {
  try {
    return !parseConfig(environment).config.enabled;
  } catch (error) {
    if (error instanceof SettingsError) return false;
    throw error;
  }
}

const print = (text: string): void => writeAll(STDOUT, Buffer.from(text, "utf8"), "print");
