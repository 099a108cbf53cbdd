/**
 * What /proc/PID/stat says of a process: its state, and the time it began, which with its pid names it for good.
 * Readable for everybody where /proc is mounted as usual. Only looks.
 */
import { byteString } from "./byte-strings.ts";
import { slurp } from "./descriptors.ts";
import { isOsError } from "./errors.ts";

export interface ProcessStat {
  /** As proc(5) has it: `S` sleeps, `T` is stopped, `Z` has ended. */
  readonly state: string;
  /** Clock ticks after boot at which it began. */
  readonly startTicks: string;
}

/** What names a process for good. */
export interface ProcessId {
  readonly pid: number;
  /** Undefined: it was not there when it was looked at, or nobody named it. */
  readonly startTicks: string | undefined;
}

/** Fields after the name in brackets (proc(5)): the state is the first. */
const START_TICKS_AT = 19;

/** Undefined when no such process is there. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = byteString(slurp(`/proc/${pid}/stat`, "look at a process"));
  } catch (error) {
    if (isOsError(error)) return undefined;
    throw error;
  }
  return parseProcessStat(text);
}

/** The name may hold brackets and blanks: the last bracket ends it. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[START_TICKS_AT]];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

/** When it began; undefined when it is not there. */
export function readStartTicks(pid: number): string | undefined {
  return readProcessStat(pid)?.startTicks;
}

/** True while exactly that process is there: its pid may be another's by now. */
export function isRunning({ pid, startTicks }: ProcessId): boolean {
  return startTicks !== undefined && readStartTicks(pid) === startTicks;
}
