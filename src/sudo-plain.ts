/**
 * The start that most images with our one sudo rule make: a command, and no setting of ours but the keys. The launcher has
 * nothing to read while sudo works, and each page of memory that it touches then makes sudo slower.
 */
import { c } from "./libc.ts";
import { becomePlainly, renderPlainRequest } from "./plain-start.ts";
import type { BegunSudo, SudoUnavailable } from "./sudo-begin.ts";
import { finishCall } from "./sudo-call.ts";

/**
 * Becomes the app once rights are gone; gives why sudo gave nothing, which another start tells. Throws `StageError` where
 * rights may be left, `CommandError` where there is no such command.
 */
export function finishPlainly(
  call: BegunSudo,
  command: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
): SudoUnavailable {
  const request = renderPlainRequest(environment, c.getpid(), "sudo");
  const outcome = "kind" in call ? call : finishCall(call, request, true);
  if (outcome.kind === "unavailable") return outcome;
  return becomePlainly(command, environment, descriptors);
}
