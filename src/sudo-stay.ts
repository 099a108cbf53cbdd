/**
 * The launcher of sudo mode where there is no command: it holds the supervisor's pipe. Either end ends the other: the
 * supervisor sees ours by its pidfd, we see its by the end of the pipe. It is root's, so no signal of ours reaches it.
 */
import { EXIT } from "./errors.ts";
import { Children } from "./processes.ts";
import { ENDING, hearSignals } from "./signals.ts";

/** Stays until we are told to end (0) or the supervisor has ended (1). */
export async function stayForSudo(pipe: number): Promise<number> {
  const children = new Children();
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const signal of Object.keys(ENDING)) process.on(signal, () => resolve(EXIT.ok));
  hearSignals();
  const { read } = await import("node:fs");
  const wait = () => {
    read(pipe, Buffer.alloc(1), 0, 1, null, (error, got) => {
      if (error === null && got > 0) wait();
      else resolve(EXIT.stage);
    });
  };
  wait();
  const code = await promise;
  void children;
  return code;
}
