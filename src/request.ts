/**
 * What the launcher tells the supervisor, over descriptor 0: one JSON text of byte strings, read to its end. The
 * supervisor's own environment stays empty, so nothing in the app's can steer it. Unknown fields are refused.
 */
import { byteString, bytesFrom, isAscii } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import type { Mode } from "./privilege.ts";

/** The most that a request may hold: environments are bounded by ARG_MAX (execve(2)), a request by this. */
export const MAX_REQUEST_BYTES = 4 << 20;

export interface Request {
  /** How the supervisor got its rights. */
  readonly mode: Mode;
  /** The app's pid: the launcher's own, which becomes the app. */
  readonly appPid: number;
  /** The user and group that the app runs as. */
  readonly appUid: number;
  readonly appGid: number;
  /** All its groups, supplementary ones too. */
  readonly appGroups: readonly number[];
  /** False: no command was given, SSH is all there is. */
  readonly hasCommand: boolean;
  /** True: the launcher waits for one line on descriptor 1. */
  readonly wantsReply: boolean;
  /** The whole environment, `NAME=value` byte strings. */
  readonly environment: readonly string[];
  /** Sudo mode: the settings that /etc/withssh/settings says; our root side fills it in, whatever a launcher wrote. */
  readonly imageSettings: readonly string[];
}

const FIELDS: Readonly<Record<keyof Request, "number" | "boolean" | "strings" | "ids" | "mode">> = {
  mode: "mode",
  appPid: "number",
  appUid: "number",
  appGid: "number",
  appGroups: "ids",
  hasCommand: "boolean",
  wantsReply: "boolean",
  environment: "strings",
  imageSettings: "strings",
};
const MODES: readonly unknown[] = ["root", "sudo", "rootless"] satisfies readonly Mode[];

/** The request as bytes. JSON of byte strings has no character above U+00FF, so one byte a character is lossless. */
export function renderRequest(request: Request): Uint8Array {
  return bytesFrom(JSON.stringify(request));
}

/** The request from bytes; throws `StageError` when it is not exactly one. */
export function parseRequest(bytes: Uint8Array): Request {
  const hint = "withssh makes this call itself: run withssh COMMAND";
  const refuse = (saw: string) => new StageError("readRequest", { what: "not a request of our launcher", saw, hint });
  return checkRequest(parseFields(bytes, refuse), refuse);
}

/** The request that this value must be exactly; else throws what `refuse` makes of what was seen. */
export function checkRequest(value: unknown, refuse: (saw: string) => StageError): Request {
  const fields = fieldsOf(value, refuse);
  for (const name of Object.keys(fields)) if (!Object.hasOwn(FIELDS, name)) throw refuse("an unknown field");
  for (const [name, kind] of Object.entries(FIELDS)) {
    const field = fields[name];
    if (!FITS[kind](field)) throw refuse(`field ${name}`);
  }
  return fields as unknown as Request;
}

/** The fields of the one JSON object that these bytes must be; else throws what `refuse` makes of what was seen. */
export function parseFields(bytes: Uint8Array, refuse: (saw: string) => StageError): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(byteString(bytes));
  } catch {
    throw refuse("no JSON text");
  }
  return fieldsOf(value, refuse);
}

function fieldsOf(value: unknown, refuse: (saw: string) => StageError): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("no object");
  return value as Record<string, unknown>;
}

const NO_NUL = /^(?!.*\0)[\p{Cc}\x20-\xff]*$/su;

/** Byte strings that C can hold: JSON could also say what has no byte, and a NUL would cut an entry in two. */
function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string" && isByteString(entry));
}

/** Most need no regular expression, whose first use takes time that somebody waits. */
const isByteString = (text: string): boolean => (isAscii(text) && !text.includes("\0")) || NO_NUL.test(text);

const FITS: Readonly<Record<(typeof FIELDS)[keyof Request], (field: unknown) => boolean>> = {
  mode: (field) => MODES.includes(field),
  number: Number.isSafeInteger,
  boolean: (field) => typeof field === "boolean",
  strings: isStrings,
  ids: (field) => Array.isArray(field) && field.every(Number.isSafeInteger),
};

/** What the supervisor answers where the launcher waits: SSH listens, or why it does not. */
export type Reply = { readonly ready: true } | { readonly ready: false; readonly why: string };

/** The reply as one line. */
export function renderReply(reply: Reply): string {
  return `${JSON.stringify(reply)}\n`;
}

/** The reply from the launcher's side; undefined for anything else, which counts as "not ready". */
export function parseReply(text: string): Reply | undefined {
  try {
    const value = JSON.parse(text) as Partial<{ ready: boolean; why: string }>;
    if (value.ready === true) return { ready: true };
    return value.ready === false && typeof value.why === "string" ? { ready: false, why: value.why } : undefined;
  } catch {
    return undefined;
  }
}
