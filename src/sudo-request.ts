/**
 * What the launcher hands to our root side over sudo's stdin, and the one line that comes back. Unknown fields are refused,
 * and the answer counts only with the launcher's own nonce.
 */
import { bytesFrom, HEX_DIGITS, isMadeOf } from "./byte-strings.ts";
import { StageError } from "./errors.ts";
import { checkRequest, parseFields, type Request } from "./request.ts";

export const MAX_CALL_BYTES = 1 << 20;
const NONCE_CHARACTERS = 32;

export interface SudoCall {
  /** 128 random bits. */
  readonly nonce: string;
  /** False: claim, take away, prove, and start nothing (SSH is switched off, or rootless is pinned). */
  readonly start: boolean;
  /** What the kernel calls the pipe that the launcher reads (process-facts.ts). */
  readonly replyPipe: string;
  /** The same of the launcher's stderr; "" where that came closed. */
  readonly logFile: string;
  readonly request: Request;
}

/**
 * `proved`: rights are gone as far as root can see; the launcher asks sudo for itself. `refused`: nothing was proved;
 * `spent`: an earlier call of this start holds the claim.
 */
export type SudoReply =
  | { readonly nonce: string; readonly proved: "scoped" | "broad" }
  | { readonly refused: string; readonly spent: boolean };

export function renderCall(call: SudoCall): Uint8Array {
  return bytesFrom(JSON.stringify(call));
}

/** The call from bytes; throws `StageError` when it is not exactly one. */
export function parseCall(bytes: Uint8Array): SudoCall {
  const hint = "withssh makes this call itself: run withssh COMMAND";
  const refuse = (saw: string) => new StageError("readRequest", { what: "not a call of our launcher", saw, hint });
  const { nonce, start, replyPipe, logFile, request, ...others } = parseFields(bytes, refuse);
  if (Object.keys(others).length > 0) throw refuse("an unknown field");
  if (
    typeof nonce !== "string" ||
    nonce.length !== NONCE_CHARACTERS ||
    !isMadeOf(nonce, HEX_DIGITS) ||
    typeof start !== "boolean"
  )
    throw refuse("field nonce or start");
  if (typeof replyPipe !== "string" || typeof logFile !== "string") throw refuse("field replyPipe or logFile");
  return { nonce, start, replyPipe, logFile, request: checkRequest(request, refuse) };
}

export function renderSudoReply(reply: SudoReply): string {
  return `${JSON.stringify(reply)}\n`;
}

/** The reply to the call with this nonce; undefined for anything else. */
export function parseSudoReply(line: string, nonce: string): SudoReply | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { proved, refused, spent } = value;
  if (typeof refused === "string" && typeof spent === "boolean") return { refused, spent };
  if (value["nonce"] !== nonce || (proved !== "scoped" && proved !== "broad")) return undefined;
  return { nonce, proved };
}
